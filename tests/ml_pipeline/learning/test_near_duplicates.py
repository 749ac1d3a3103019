"""The prefix filter is compared with comparing every pair."""

import time

from hypothesis import given
from hypothesis import strategies as st

from ml_pipeline.learning.near_duplicates import ShingledTexts

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=14).map(" ".join), min_size=2, max_size=14)


@given(TEXTS, st.sampled_from([0.2, 0.5, 0.7, 0.9, 1.0]))
def test_exactly_the_pairs_that_are_similar_enough_are_found(texts: list[str], similarity: float) -> None:
    shingled = ShingledTexts(texts)
    half = len(texts) // 2
    of, among = range(half), range(half, len(texts))
    expected = {text for text in among if any(shingled.similarity(text, other) >= similarity for other in of)}
    assert shingled.near_duplicates(among, of=of, similarity=similarity) == expected


@given(TEXTS, st.sampled_from([0.2, 0.5, 0.9]))
def test_groups_are_the_chains_of_near_duplicates(texts: list[str], similarity: float) -> None:
    shingled = ShingledTexts(texts)
    expected = list(range(len(texts)))
    for _ in texts:
        for one in range(len(texts)):
            for other in range(len(texts)):
                if shingled.similarity(one, other) >= similarity:
                    expected[one] = expected[other] = min(expected[one], expected[other])
    assert shingled.groups(similarity) == expected


def test_similarity_is_that_of_sets_of_three_words() -> None:
    shingled = ShingledTexts(["one two three four five", "One, two three: four SIX", "", "word", "WORD!"])
    assert shingled.similarity(0, 1) == 2 / 4
    assert shingled.similarity(2, 2) == 0.0
    assert shingled.similarity(3, 4) == 1.0


def test_long_texts_with_common_phrases_stay_fast() -> None:
    footer = " ".join(f"footer{number}" for number in range(60))
    texts = [" ".join(f"w{(row * 7 + word) % 5000}x{row % 97}" for word in range(60)) + footer for row in range(2_000)]
    started = time.perf_counter()
    ShingledTexts(texts).near_duplicates(range(1_600, 2_000), of=range(1_600), similarity=0.9)
    assert time.perf_counter() - started < 20
