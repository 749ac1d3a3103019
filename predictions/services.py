"""The one core behind every door: a prediction is routed, validated, scored and remembered here."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import uuid_utils

from ml_pipeline.bundle.model_bundle import Answer
from ml_pipeline.errors import CodesoftError, UnknownModel
from ml_pipeline.inputs import Row, format_moment, jsonable
from predictions import metrics
from predictions.errors import NotANumber, SpoolFull
from predictions.models import TOKEN_LENGTH
from predictions.prediction_log.input_hash import input_hash
from predictions.route_names import NAMED
from predictions.serving import current, serving_process
from predictions.serving.routing import LiveModel, Routed, in_order, routes, validated

_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME


@dataclass(slots=True)
class Predicted:
    """The answer to one request. `ids` are in the order of `answers`; None where best effort could not log them.

    `parts` say which version answered which rows; all of them come from one moment.
    """

    model: str
    parts: Sequence[Routed]
    answers: Sequence[Answer]
    ids: Sequence[str] | None

    @property
    def version(self) -> int:
        """The version of all rows; the champion's where champion and canary shared them."""
        return self.parts[0].version.version


def predict(
    *,
    model: str,
    rows: Sequence[object],
    entity_ids: Sequence[str | None] | None = None,
    caller: str = "",
    version: int | None = None,
    token: str = "",
) -> Predicted:
    """Answer every row, or none: UnknownModel, NoLiveVersion, InvalidInputs, SpoolFull or NotReady say why.

    `rows` are unchecked mappings of input names to values, `entity_ids` (as many as rows) say whom each is about. When
    this returns with ids, every answer is in the log, whatever happens to this process. `version` is the one that the
    caller chose, in the place of the routing; the door asks whether they may. UnknownVersion, VersionNotServed. Of
    `token`, a digest, the log keeps the beginning.
    """
    try:
        started = time.perf_counter()
        live = find_model(model=model)
        ids = [str(uuid_utils.uuid7()) for _ in rows]
        entities = entity_ids or [None] * len(rows)
        parts = routes(live, entities, ids) if version is None else [_named(live, version, len(ids))]
        checked = validated(parts, rows)
        scored = [part.version.bundle.predict(own) for part, own in zip(parts, checked, strict=True)]
        latency = time.perf_counter() - started
        lines = [
            _lines(_shared_columns(model, part, caller, token, latency), part, ids, entities, own, answers)
            for part, own, answers in zip(parts, checked, scored, strict=True)
        ]
        logged = _log(parts, b"".join(lines))
    except CodesoftError as refusal:
        count_refusal(model, refusal)
        raise
    _count(model, parts, scored, time.perf_counter() - started)
    return Predicted(model, parts, in_order(parts, scored), ids if logged else None)


def find_model(*, model: str) -> LiveModel:
    """A model that this deployment knows, live or not; UnknownModel."""
    models = current().models
    if model not in models:
        raise UnknownModel(
            "There is no model of that name.",
            advice=f"Known are: {', '.join(sorted(models))}." if models else "No model is known yet.",
        )
    return models[model]


def count_refusal(model: str, refusal: CodesoftError) -> None:
    """Under the model's name only if it is known: a caller cannot invent labels."""
    label = model if serving_process().knows(model) else metrics.UNKNOWN_MODEL
    metrics.PREDICTION_ERRORS.labels(label, refusal.code).inc()


def _named(live: LiveModel, number: int, rows: int) -> Routed:
    return Routed(NAMED, serving_process().version_named(live, number), range(rows))


def _shared_columns(model: str, part: Routed, caller: str, token: str, latency: float) -> dict[str, Any]:
    return {
        "created_at": datetime.now(UTC).isoformat(),
        "model": model,
        "version": part.version.version,
        "bundle": part.version.bundle.hash,
        "route": part.route,
        "latency_us": round(latency * 1e6),
        "caller": caller,
        "token": token[:TOKEN_LENGTH],
    }


def _lines(
    shared: dict[str, Any],
    part: Routed,
    ids: Sequence[str],
    entities: Sequence[str | None],
    rows: Sequence[Row],
    answers: Sequence[Answer],
) -> bytes:
    """One line a row of one part, whose places tell id and entity. NotANumber refuses the request.

    The lines of all parts are appended in one piece: the request is in the log as a whole or not at all. Of kept inputs
    the hash is taken when they are shipped, aside from the answer.
    """
    lines = []
    keeps_inputs = part.version.bundle.serving.inputs == "keep"
    for place, row, answer in zip(part.places, rows, answers, strict=True):
        if not 0.0 <= answer.probability <= 1.0:  # NaN is not, either
            raise NotANumber(f"Version {shared['version']} of {shared['model']} gave no probability.")
        record = {
            **shared,
            "id": ids[place],
            "entity_id": entities[place] or "",
            "inputs": row if keeps_inputs else None,
            "label": answer.label,
            "probability": answer.probability,
            "threshold": answer.threshold,
        }
        if not keeps_inputs:
            record["input_hash"] = input_hash(jsonable(row))
        lines.append(orjson.dumps(record, default=format_moment, option=_LINE))
    return b"".join(lines)


def _log(parts: Sequence[Routed], lines: bytes) -> bool:
    """Whether the lines are in the spool. Versions whose spec says best effort answer without."""
    try:
        serving_process().spool.append(lines)
    except SpoolFull:
        if any(part.version.bundle.serving.log != "best_effort" for part in parts):
            raise
        return False
    return True


def _count(model: str, parts: Sequence[Routed], scored: Sequence[Sequence[Answer]], seconds: float) -> None:
    for part, answers in zip(parts, scored, strict=True):
        for label, times in Counter([answer.label for answer in answers]).items():
            metrics.predictions(model, part.version.version, label, part.route).inc(times)
    metrics.prediction_seconds(model).observe(seconds)
