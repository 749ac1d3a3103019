from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ml_pipeline.learning.splitting import Splitter, TwoSides, is_held_out
from ml_pipeline.spec import BooleanInput, CategoryInput, InputField, NumberInput, Split, TextInput

TEXT: dict[str, InputField] = {"text": TextInput(type="text")}
NUMBER: dict[str, InputField] = {"size": NumberInput(type="number")}
WORDS: dict[str, InputField] = {"colour": CategoryInput(type="category"), "paid": BooleanInput(type="boolean")}
LONG = "a sentence of quite many words that stands in more than one mail of this small collection"
START = datetime(2002, 9, 1, tzinfo=UTC)


def splitter(
    rows: Sequence[dict[str, Any]], inputs: dict[str, InputField], labels: Sequence[int] | None = None, **split: Any
) -> Splitter:
    return Splitter(
        ids=[str(number) for number in range(len(rows))],
        rows=rows,
        labels=labels or [0] * len(rows),
        inputs=inputs,
        split=Split(**split),
    )


def by_time(
    rows: Sequence[dict[str, Any]], inputs: dict[str, InputField], later: Sequence[bool | None], **labels: Any
) -> TwoSides:
    moments = [None if side is None else START + timedelta(days=1 if side else -1) for side in later]
    return splitter(rows, inputs, **labels).split_at(START, moments)


def test_the_hash_of_the_id_decides_for_a_documents_whole_life() -> None:
    ids = [f"{number:024x}" for number in range(5_000)]
    held_out = [is_held_out(document, 0.2) for document in ids]
    assert 0.18 < sum(held_out) / len(ids) < 0.22
    assert all(is_held_out(document, 0.3) for document, held in zip(ids, held_out, strict=True) if held)
    assert is_held_out("000b469ca1628133ccaf405a", 0.2) is False


def test_a_repeated_row_is_kept_once() -> None:
    sides = by_time([{"text": "same"}, {"text": "same"}, {"text": "other"}], TEXT, [False, False, True])
    assert sides.training.rows == [0]
    assert sides.training.repeated == 1


def test_a_text_with_two_labels_is_dropped_altogether() -> None:
    rows = [{"text": "same"}, {"text": "same"}, {"text": "fine"}, {"text": "other"}]
    sides = by_time(rows, TEXT, [False, False, False, True], labels=[0, 1, 0, 0])
    assert sides.training.rows == [2]
    assert sides.training.conflicting == 2


def test_figures_with_two_outcomes_stay_in_training_and_out_of_the_held_out_rows() -> None:
    rows = [{"size": 1.5}, {"size": 1.5}, {"size": 1.5}, {"size": 2.5}]
    sides = by_time(rows, NUMBER, [False, False, True, True], labels=[0, 1, 0, 0])
    assert sides.training.rows == [0, 1]
    assert sides.held_out.rows == [3]
    assert sides.held_out.like_training == 1


def test_near_duplicates_of_training_texts_are_kept_out_of_the_held_out_rows() -> None:
    rows = [
        {"text": LONG},
        {"text": LONG + "!"},
        {"text": LONG.upper()},
        {"text": "quite " + LONG},
        {"text": LONG[20:] + LONG},
    ]
    sides = by_time(rows, TEXT, [False, True, True, True, True])
    assert sides.held_out.rows == [4]
    assert sides.held_out.like_training == 3


def test_tables_of_words_keep_equal_rows() -> None:
    rows = [{"colour": "red", "paid": True}] * 4
    sides = by_time(rows, WORDS, [False, False, True, True])
    assert (sides.training.rows, sides.held_out.rows) == ([0, 1], [2, 3])


def test_rows_without_a_usable_date_are_in_neither_side() -> None:
    rows = [{"text": f"number {number}"} for number in range(5)]
    moments = [None, START - timedelta(days=900), START - timedelta(days=1), START, START + timedelta(days=900)]
    sides = splitter(rows, TEXT).split_at(
        START,
        moments,
        earliest=datetime(2001, 1, 1),  # noqa: DTZ001 - naive means UTC
        latest=datetime(2003, 1, 1),  # noqa: DTZ001 - naive means UTC
    )
    assert (sides.training.rows, sides.held_out.rows, sides.undated) == ([2], [3], 3)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a b c d", "a b c e", "x", "y z"]), st.integers(0, 1)), min_size=4, max_size=20
    ),
    st.lists(st.tuples(st.sampled_from(["a b c d", "x", "new"]), st.integers(0, 1)), max_size=8),
)
def test_no_held_out_row_changes_which_rows_train(
    training: list[tuple[str, int]], others: list[tuple[str, int]]
) -> None:
    def training_rows(held_out: list[tuple[str, int]]) -> list[int]:
        documents = [*training, *held_out]
        later = [False] * len(training) + [True] * len(held_out)
        rows, labels = [{"text": text} for text, _ in documents], [label for _, label in documents]
        return by_time(rows, TEXT, later, labels=labels).training.rows

    assert training_rows(others) == training_rows([])
