from typing import Any

from ml_pipeline.inputs import Row
from ml_pipeline.learning.profile import profile_rows
from ml_pipeline.rows import LabelledRows
from ml_pipeline.spec import ModelSpec
from tests.ml_pipeline.stages import mails


def profile(rows: list[Row], labels: list[int]) -> dict[str, Any]:
    spec = ModelSpec.parse("mails", mails.block(inputs=INPUTS, features=FEATURES, cleaning={}, split={}))
    labelled = LabelledRows([str(number) for number in range(len(rows))], rows, labels)
    return profile_rows(labelled, inputs=spec.inputs, labels=spec.target.classes)


INPUTS = {
    "body": {"type": "text"},
    "size": {"type": "number", "optional": True},
    "domain": {"type": "category", "optional": True},
}
FEATURES = {"blocks": [{"kind": "word_ngrams", "columns": ["body"]}]}


def test_a_profile_counted_by_hand() -> None:
    rows: list[Row] = [
        {"body": "x" * number, "size": float(number) if number < 5 else None, "domain": "a" if number < 6 else "b"}
        for number in range(1, 11)
    ]

    found = profile(rows, [0] * 7 + [1] * 3)

    assert (found["rows"], found["labels"]) == (10, {"ham": 0.7, "spam": 0.3})
    assert found["inputs"]["size"]["missing"] == 0.6
    assert found["inputs"]["size"]["quantiles"]["0.5"] == 2.5
    assert (found["inputs"]["body"]["lengths"]["0"], found["inputs"]["body"]["lengths"]["1"]) == (1.0, 10.0)
    assert found["inputs"]["domain"]["categories"] == {"a": 0.5, "b": 0.5}


def test_a_profile_holds_no_text_and_no_rare_category() -> None:
    rows: list[Row] = [{"body": "a private letter", "size": 1.0, "domain": "common"} for _ in range(20)]
    rows.append({"body": "another one", "size": 2.0, "domain": "maria.example"})

    found = str(profile(rows, [0, 1] * 10 + [0]))

    assert "common" in found
    assert "private" not in found
    assert "maria.example" not in found
