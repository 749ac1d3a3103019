"""What each statistic is called, and what it says, for people. Imports nothing: pages read it."""

from typing import NamedTuple


class Wording(NamedTuple):
    """A name, and a sentence about what its value is."""

    name: str
    meaning: str


STATISTICS: dict[str, Wording] = {
    "distribution": Wording("Distribution", "How far the shares of values moved, from 0 to 1."),
    "missing": Wording("Missing", "Difference of the share of rows without a value."),
    "unknown": Wording("Unknown words", "Difference of the share of words that the model never learned."),
    "length": Wording("Length", "How far the lengths of texts moved, from 0 to 1."),
    "vocabulary": Wording("Vocabulary", "How far the shares of frequent words moved, from 0 to 1."),
    "classifier": Wording(
        "Domain classifier", "How well a model tells these rows from the held-out ones (ROC AUC): 0.5 is not at all."
    ),
    "labels": Wording("Answers", "How large a share of the answers went from some labels to others."),
    "probability": Wording("Probability", "How far the answered probabilities moved, from 0 to 1."),
    "expected_accuracy": Wording(
        "Expected accuracy", "How many fewer answers are right, by what their calibrated probabilities let expect."
    ),
    "live_performance": Wording(
        "Live performance", "By how much the metric of answers with known labels is below that of the held-out rows."
    ),
}


def statistic_name(kind: str, field: str) -> str:
    """As in "vocabulary of text"."""
    name = STATISTICS[kind].name.lower()
    return f"{name} of {field}" if field else name
