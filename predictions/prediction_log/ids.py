"""Prediction ids. They are UUIDv7 and carry their time, which tells a prediction on its way from one that never was."""

import time
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from ml_pipeline.errors import CodesoftError
from predictions.errors import PredictionPending, UnknownPrediction

YOUNG_SECONDS = 15 * 60
_CLOCKS_DIFFER = 60  # seconds, between the process that gave the id and this one
_TIME_BITS = 80  # below the milliseconds of a UUIDv7


def parse_id(text: str) -> UUID:
    """The id in its canonical spelling, in any case of letters; UnknownPrediction."""
    with suppress(ValueError):
        prediction_id = UUID(text)
        if str(prediction_id) == text.lower():
            return prediction_id
    raise UnknownPrediction(
        "This is not the id of a prediction.", advice="Ids look like 0198e4a2-7c10-7cc2-9d0c-3f6a1b2c4d5e."
    )


def is_young(prediction_id: UUID) -> bool:
    """Whether an id that is in no row may still be on its way."""
    if prediction_id.version != 7:
        return False
    age = time.time() - (prediction_id.int >> _TIME_BITS) / 1_000
    return -_CLOCKS_DIFFER <= age < YOUNG_SECONDS


def id_floor(moment: datetime) -> UUID:
    """The lowest id that can have been given at the moment or later: between two such lie the ids of a time."""
    return UUID(int=int(moment.timestamp() * 1_000) << _TIME_BITS)


def not_found(prediction_id: UUID) -> CodesoftError:
    """What to raise for an id that has no row, or none for this caller: the same, or the difference would tell."""
    if is_young(prediction_id):
        return PredictionPending("The prediction may still be on its way into the log.", advice="Ask again.")
    return UnknownPrediction("There is no such prediction in the log, or you may not see it.")
