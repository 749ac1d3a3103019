"""From texts to the places of their n-grams in a vocabulary, as scikit-learn's TfidfVectorizer analyses them.

Texts repeat their words. What a word is made of, its tokens or its character n-grams, is remembered as bytes of places,
so that a text is analysed by splitting it at blanks and joining what is known of its words.
"""

import re
import string
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.vocabulary import Places, Vocabulary

_KNOWN = {"analyzer", "ngrams", "ngram_range", "token_pattern", "lowercase", "strip_accents", "stop_words"}
_TOKEN_PATTERN = r"(?u)\b\w\w+\b"  # noqa: S105 - scikit-learn's default
_SPACES = re.compile(r"\s\s+")
_REMEMBERED_WORDS, _LONGEST_REMEMBERED = 16_384, 24  # a bound on what foreign texts can make a process keep: 4 MB
_WORD = re.compile(r"\S+")
_SIGNS = r"(?:\\w|\[\^\\w\\s\]|\[(?:\\w|\\d|a-z|A-Z|0-9|[^\s\\\[\]^-])+-?\])\+?"  # at least one, and none a blank
_ALTERNATIVE = rf"(?:\\b)?(?:{_SIGNS})+(?:\\b)?"
# Patterns whose tokens hold no blank, and which are found in a word alone as they are in the whole text.
_WITHIN_WORDS = re.compile(rf"(?:\(\?u\))?{_ALTERNATIVE}(?:\|{_ALTERNATIVE})*")

Prepare = Callable[[str], str]
Units = Callable[[str], bytes]


class Texts:
    """The texts of some rows. Blocks that prepare them alike share their words: cutting them out costs as much as
    looking them up.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self._words: dict[Prepare, list[list[str]]] = {}

    def words(self, prepare: Prepare) -> list[list[str]]:
        """For each text the pieces between its blanks, once it is prepared."""
        if prepare not in self._words:
            self._words[prepare] = [prepare(text).split() for text in self.texts]
        return self._words[prepare]


class Homes(NamedTuple):
    """Where the character n-grams of a text lie: in which of the `words` each of the `places` does."""

    words: Sequence[str]
    places: Places
    owners: Places


class Analysis(NamedTuple):
    """How a block reads texts.

    `units` gives each text's tokens or character n-grams as places (the bytes of 64-bit integers), and `unknown` as the
    last one, so that no phrase goes on from one text into the next. `sizes` are how many of them make an n-gram.
    `homes` is there for character n-grams.
    """

    vocabulary: Vocabulary
    units: Callable[[Texts], list[bytes]]
    sizes: range = range(1, 2)
    homes: Callable[[str], Homes] | None = None

    def found(self, texts: Texts) -> tuple[list[Places], list[int]]:
        """The places of all n-grams of all texts, one size after the other, and how many units each text has.

        An n-gram that occurs twice is found twice. At the place of each unit stands an n-gram that begins with it, or
        `unknown`, as far as there is one of that size; each text has `unknown` at least once.
        """
        pieces = self.units(texts)
        units = phrases = _unpacked(b"".join(pieces))
        found = [units if 1 in self.sizes else np.full_like(units, self.vocabulary.unknown)]
        for size in range(2, self.sizes.stop):
            phrases = self.vocabulary.longer(phrases[:-1], units[size - 1 :])
            if size in self.sizes:
                found.append(phrases)
        return found, [len(piece) >> 3 for piece in pieces]


def analysis(kind: str, params: Mapping[str, Any], terms: Sequence[str], first: int) -> Analysis:
    """How a block with these terms, whose places begin at `first`, reads texts.

    NotCompilable where a parameter is not known here.
    """
    if unknown := params.keys() - _KNOWN:
        raise NotCompilable(f"n-grams with {', '.join(sorted(unknown))}")
    shortest, longest = params.get("ngrams", params.get("ngram_range", (1, 1)))
    sizes, prepare = range(shortest, longest + 1), _preparation(params)
    match params.get("analyzer", "word" if kind == "word_ngrams" else "char_wb"):
        case "word":
            return _words(params, prepare, sizes, Vocabulary(terms, first, phrases=True))
        case "char":
            return _characters(prepare, sizes, Vocabulary(terms, first, phrases=False))
        case "char_wb":
            return _characters_of_words(prepare, sizes, Vocabulary(terms, first, phrases=False))
        case other:
            raise NotCompilable(f"n-grams with the analyzer {other}")


def _preparation(params: Mapping[str, Any]) -> Prepare:
    return _prepare(bool(params.get("lowercase", True)), params.get("strip_accents"))


@cache  # the same function for the same preparation: by it blocks know that they prepare alike
def _prepare(lowercase: bool, accents: str | None) -> Prepare:
    strip = {None: None, "unicode": _without_accents, "ascii": _as_ascii}[accents]
    if not lowercase:
        return strip or str
    return str.lower if strip is None else lambda text: strip(text.lower())


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join([sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)])


def _as_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


class _Remembered(dict[str, bytes]):
    """What words are made of, as far as it was asked lately. Forgets everything where it has become too much."""

    def __init__(self, of_word: Units) -> None:
        self._of_word = of_word

    def __missing__(self, word: str) -> bytes:
        units = self._of_word(word)
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED_WORDS:
                self.clear()
            self[word] = units
        return units


def _packed(places: Sequence[int]) -> bytes:
    return array("q", places).tobytes()


def _unpacked(places: bytes) -> Places:
    return np.frombuffer(places, np.int64)


def _by_words(prepare: Prepare, of_word: Mapping[str, bytes], unknown: int) -> Callable[[Texts], list[bytes]]:
    units_of, end = of_word.__getitem__, _packed([unknown])
    return lambda texts: [b"".join([*map(units_of, words), end]) for words in texts.words(prepare)]


def _words(params: Mapping[str, Any], prepare: Prepare, sizes: range, vocabulary: Vocabulary) -> Analysis:
    pattern = params.get("token_pattern", _TOKEN_PATTERN)
    tokens_of, number_of, unknown = re.compile(pattern).findall, vocabulary.numbers.get, vocabulary.unknown
    stop_words = params.get("stop_words")
    if isinstance(stop_words, str):
        raise NotCompilable(f"the stop words {stop_words!r} are a list of scikit-learn's")
    stopped = frozenset(stop_words or ())

    def units(text: str) -> list[int]:
        tokens = tokens_of(text)
        if stopped:
            tokens = [token for token in tokens if token not in stopped]
        return list(map(number_of, tokens, repeat(unknown)))

    if _WITHIN_WORDS.fullmatch(pattern):
        read = _by_words(prepare, _Remembered(lambda word: _packed(units(word))), unknown)
    else:
        _refuse_blanks(tokens_of, vocabulary)

        def read(texts: Texts) -> list[bytes]:
            return [_packed([*units(prepare(text)), unknown]) for text in texts.texts]

    return Analysis(vocabulary, read, sizes)


def _refuse_blanks(tokens_of: Callable[[str], list[str]], vocabulary: Vocabulary) -> None:
    """NotCompilable where a token may hold a blank: a phrase could then be taken apart in several ways."""
    places = (*range(vocabulary.first, vocabulary.unknown),)
    for term in map(vocabulary.term, places):
        if tokens_of(term) != term.split(" "):
            raise NotCompilable(f"its token pattern does not find the tokens of {term!r} again")


def _characters(prepare: Prepare, sizes: range, vocabulary: Vocabulary) -> Analysis:
    number_of, unknown = vocabulary.numbers.get, vocabulary.unknown

    def known(text: str) -> list[tuple[int, int, str]]:
        """Place, start and text of each known n-gram."""
        return [
            (place, first, piece)
            for size in sizes
            for first in range(len(text) - size + 1)
            if (place := number_of(piece := text[first : first + size])) is not None
        ]

    def units(texts: Texts) -> list[bytes]:
        prepared = [_SPACES.sub(" ", prepare(text)) for text in texts.texts]
        return [_packed([*(place for place, _, _ in known(text)), unknown]) for text in prepared]

    def homes(text: str) -> Homes:
        text = _SPACES.sub(" ", prepare(text))
        words = list(_WORD.finditer(text))
        starts = [word.start() for word in words]
        found = known(text)
        lying = [_home(words, starts, first, piece) for _, first, piece in found]
        return Homes(lying, _unpacked(_packed([place for place, _, _ in found])), np.arange(len(found)))

    return Analysis(vocabulary, units, homes=homes)


def _home(words: Sequence[re.Match[str]], starts: Sequence[int], first: int, piece: str) -> str:
    """The word that a piece of a text lies in, or the piece in quotes where it lies in none or several."""
    if len(core := piece.split()) != 1:
        return f"“{piece}”"
    return _bare(words[bisect_right(starts, first + piece.index(core[0])) - 1][0])


def _characters_of_words(prepare: Prepare, sizes: range, vocabulary: Vocabulary) -> Analysis:
    """n-grams within words, each word between two spaces."""
    number_of = vocabulary.numbers.get

    def of_word(word: str) -> bytes:
        padded = f" {word} "
        found = [padded] if len(padded) < sizes[0] else []  # a word that is too short counts as a whole, once
        for size in sizes:
            if size > len(padded):
                break
            found += [padded[first : first + size] for first in range(len(padded) - size + 1)]
        return _packed([place for place in map(number_of, found) if place is not None])

    remembered = _Remembered(of_word)

    def homes(text: str) -> Homes:
        words = prepare(text).split()
        pieces = list(map(remembered.__getitem__, words))
        owners = np.repeat(np.arange(len(words)), [len(piece) >> 3 for piece in pieces])
        return Homes(list(map(_bare, words)), _unpacked(b"".join(pieces)), owners)

    return Analysis(vocabulary, _by_words(prepare, remembered, vocabulary.unknown), homes=homes)


def _bare(word: str) -> str:
    return word.strip(string.punctuation) or word
