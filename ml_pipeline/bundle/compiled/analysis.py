"""From a text to the n-grams of a vocabulary, as scikit-learn's TfidfVectorizer analyses it."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from ml_pipeline.bundle.compiled.errors import NotCompilable

Found = Callable[[str], Iterable[int | None]]

_KNOWN = {"analyzer", "ngrams", "ngram_range", "token_pattern", "lowercase", "strip_accents", "stop_words"}
_TOKEN_PATTERN = r"(?u)\b\w\w+\b"  # noqa: S105 - scikit-learn's default
_SPACES = re.compile(r"\s\s+")
_REMEMBERED_WORDS, _LONGEST_REMEMBERED = 16_384, 24  # a bound on what foreign texts can make a process keep: 4 MB


class Lookup:
    """The vocabulary: a term's place in it, None for a term that is not in it."""

    def __init__(self, terms: Sequence[str]) -> None:
        places = {term: place for place, term in enumerate(terms)}
        self.get: Callable[[str], int | None] = places.get


def analyzer(kind: str, params: Mapping[str, Any], lookup: Lookup) -> Found:
    """The places in the vocabulary of a text's n-grams; NotCompilable where a parameter is not known here.

    An n-gram that occurs twice is found twice; None stands for unknown ones.
    """
    if unknown := params.keys() - _KNOWN:
        raise NotCompilable(f"n-grams with {', '.join(sorted(unknown))}")
    shortest, longest = params.get("ngrams", params.get("ngram_range", (1, 1)))
    prepare = _preparation(params)
    sizes = range(shortest, longest + 1)
    match params.get("analyzer", "word" if kind == "word_ngrams" else "char_wb"):
        case "word":
            return _words(params, prepare, sizes, lookup)
        case "char":
            return _characters(prepare, sizes, lookup)
        case "char_wb":
            return _characters_of_words(prepare, sizes, lookup)
        case other:
            raise NotCompilable(f"n-grams with the analyzer {other}")


def _preparation(params: Mapping[str, Any]) -> Callable[[str], str]:
    strip = {None: None, "unicode": _without_accents, "ascii": _as_ascii}[params.get("strip_accents")]
    if not params.get("lowercase", True):
        return strip or str
    return str.lower if strip is None else lambda text: strip(text.lower())


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join([sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)])


def _as_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _words(params: Mapping[str, Any], prepare: Callable[[str], str], sizes: range, lookup: Lookup) -> Found:
    tokens_of, get = re.compile(params.get("token_pattern", _TOKEN_PATTERN)).findall, lookup.get
    stop_words = params.get("stop_words")
    if isinstance(stop_words, str):
        raise NotCompilable(f"the stop words {stop_words!r} are a list of scikit-learn's")
    stopped = frozenset(stop_words or ())

    def found(text: str) -> Iterable[int | None]:
        tokens = tokens_of(prepare(text))
        if stopped:
            tokens = [token for token in tokens if token not in stopped]
        places: list[int | None] = []
        for size in sizes:
            places += map(get, tokens if size == 1 else map(" ".join, _runs(tokens, size)))
        return places

    return found


def _runs(tokens: list[str], size: int) -> Iterable[tuple[str, ...]]:
    """Each `size` tokens that follow each other."""
    return zip(*(islice(tokens, first, None) for first in range(size)), strict=False)


def _characters(prepare: Callable[[str], str], sizes: range, lookup: Lookup) -> Found:
    get = lookup.get

    def found(text: str) -> Iterable[int | None]:
        text = _SPACES.sub(" ", prepare(text))
        return [get(text[first : first + size]) for size in sizes for first in range(len(text) - size + 1)]

    return found


def _characters_of_words(prepare: Callable[[str], str], sizes: range, lookup: Lookup) -> Found:
    """n-grams within words, each word between two spaces. Texts repeat their words, so those of a word are kept."""
    get = lookup.get

    def of_word(word: str) -> list[int]:
        padded = f" {word} "
        found = [padded] if len(padded) < sizes[0] else []  # a word that is too short counts as a whole, once
        for size in sizes:
            if size > len(padded):
                break
            found += [padded[first : first + size] for first in range(len(padded) - size + 1)]
        return [place for place in map(get, found) if place is not None]

    remembered = lru_cache(_REMEMBERED_WORDS)(of_word)

    def found(text: str) -> Iterable[int | None]:
        words = prepare(text).split()
        if words and max(map(len, words)) > _LONGEST_REMEMBERED:
            return chain.from_iterable(
                [remembered(word) if len(word) <= _LONGEST_REMEMBERED else of_word(word) for word in words]
            )
        return chain.from_iterable(map(remembered, words))

    return found
