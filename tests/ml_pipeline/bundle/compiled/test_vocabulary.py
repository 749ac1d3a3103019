"""Phrases are found by the places of their tokens, and say their text when they are asked."""

import numpy as np

from ml_pipeline.bundle.compiled.vocabulary import Vocabulary

TERMS = ["a", "a b", "a b c", "b", "d e f"]


def test_terms_keep_their_places_and_phrases_are_found_from_their_tokens() -> None:
    words = Vocabulary(TERMS, 10, phrases=True)
    tokens = np.array([words.numbers.get(token, words.unknown) for token in "a b c d e f x a b".split()])
    pairs = words.longer(tokens[:-1], tokens[1:])
    triples = words.longer(pairs[:-1], tokens[2:])
    known = [words.term(place) for place in [*tokens, *pairs, *triples] if words.first <= place < words.unknown]
    assert known == ["a", "b", "a", "b", "a b", "a b", "a b c", "d e f"]
    assert [words.term(words.first + number) for number in range(len(TERMS))] == TERMS


def test_parts_of_phrases_that_are_no_terms_have_places_after_the_unknown_one() -> None:
    words = Vocabulary(TERMS, 10, phrases=True)
    assert (words.first, words.unknown) == (10, 15)
    assert words.end == 21  # c, "d e", d, e and f
    assert {words.numbers[token] for token in "cdef"} < set(range(words.unknown + 1, words.end))


def test_pieces_of_texts_hold_blanks_and_are_no_phrases() -> None:
    pieces = Vocabulary(["d m", " goo"], 0, phrases=False)
    assert (pieces.numbers["d m"], pieces.term(1), pieces.end) == (0, " goo", 3)
