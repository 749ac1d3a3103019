"""What is measured of texts: length, frequent words, and the share of words that the model does not know."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.drift.distances import of_frequent, share_difference
from ml_pipeline.drift.fields import OTHERS, RARE, binned, frequent
from ml_pipeline.drift.measures import Measure, Values, columns
from ml_pipeline.learning.encoding import NgramBlock
from ml_pipeline.learning.row_cleaning import clean_row

TEXT_ROWS = 2_000  # of each side: what words are worth shows in so many, and each of them costs time
_CHARACTERS = 4_000  # of a text, from its beginning
_WORD = re.compile(r"\w+|[^\w\s]")
_DEFAULT_TOKENS = r"\b\w\w+\b"

WordsKnown = Callable[[Any], tuple[int, int]]


def words_of(text: str) -> list[str]:
    """The words and punctuation marks of a text, in small letters."""
    return _WORD.findall(text[:_CHARACTERS].lower())


def text_measures(name: str, values: Values, known: WordsKnown | None, *, whole: bool) -> list[Measure]:
    """The measures of one input that has words, prepared on the reference's values; `known` as `words_known` gives it.

    Not `whole`: a category of which a model reads the words is measured as a category, but for those.
    """
    texts = [text for text in values if text is not None]
    found = [binned("length", name, _lengths(texts), _lengths), _vocabulary(name, texts)] if texts and whole else []
    return found if known is None else [*found, _unknown(name, known)]


def words_known(bundle: ModelBundle, name: str) -> WordsKnown | None:
    """How many words of a value the model never kept in training, and how many it knows; None where it reads none."""
    for block in bundle.pipeline.encoder.blocks:
        declared = block.declared
        if declared.kind == "word_ngrams" and name in declared.columns and isinstance(block, NgramBlock):
            terms = {term for term in block.names() if " " not in term}
            tokens = re.compile(declared.params.get("token_pattern", _DEFAULT_TOKENS))
            return _counting(terms, tokens, name, bundle.manifest["spec"]["cleaning"])
    return None


def _counting(terms: set[str], tokens: re.Pattern[str], name: str, cleaning: Any) -> WordsKnown:
    own = {name: cleaning[name]} if name in cleaning else {}

    def known(value: Any) -> tuple[int, int]:
        text = "" if value is None else str(clean_row({name: value[:_CHARACTERS]}, own)[name])
        words = tokens.findall(text.lower())
        unknown = sum(word not in terms for word in words)
        return unknown, len(words) - unknown

    return known


def _lengths(values: Values) -> Any:
    return np.array([np.nan if text is None else len(text) for text in values], dtype=np.float64)


def _vocabulary(name: str, texts: Sequence[str]) -> Measure:
    """The distance of the shares of the words that several of the reference's rows have, all others counted as one.

    A word counts once a row: a text that repeats one says no more about the traffic.
    """
    known = frequent(word for text in texts for word in set(words_of(text)))
    places = {word: place for place, word in enumerate(known)}

    def count(values: Values) -> sparse.csr_matrix:
        rows, cells = [], []
        for row, text in enumerate(values):
            found = [places.get(word, len(known)) for word in set(words_of(text or ""))]
            rows += [row] * len(found)
            cells += found
        shape = (len(values), len(known) + 1)
        return sparse.csr_matrix((np.ones(len(rows)), (rows, cells)), shape=shape)

    return Measure("vocabulary", name, count, of_frequent(RARE), (*known, OTHERS))


def _unknown(name: str, known: WordsKnown) -> Measure:
    def count(values: Values) -> sparse.csr_matrix:
        return columns(*np.array([known(value) for value in values]).reshape(-1, 2).T)

    return Measure("unknown", name, count, share_difference, ("unknown", "known"))
