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
from predictions.serving import current, serving_process
from predictions.serving.routing import LiveModel, LiveVersion, choose_version

_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME


@dataclass(slots=True)
class Predicted:
    """The answer to one request. `ids` are in the order of `answers`; None where best effort could not log them."""

    model: str
    version: int
    route: str
    answers: Sequence[Answer]
    ids: Sequence[str] | None


def predict(
    *,
    model: str,
    rows: Sequence[object],
    entity_ids: Sequence[str | None] | None = None,
    caller: str = "",
    token: str = "",
) -> Predicted:
    """Answer every row, or none: UnknownModel, NoLiveVersion, InvalidInputs, SpoolFull or NotReady say why.

    `rows` are unchecked mappings of input names to values, `entity_ids` (as many as rows) say whom each is about. When
    this returns with ids, every answer is in the log, whatever happens to this process. Of `token`, a digest, the log
    keeps the beginning.
    """
    try:
        started = time.perf_counter()
        live = find_model(model=model)
        ids = [str(uuid_utils.uuid7()) for _ in rows]
        entities = entity_ids or [None] * len(rows)
        route, version = choose_version(live, [entity for entity in entities if entity], ids[0] if ids else "")
        checked = version.bundle.validate(rows)
        answers = version.bundle.predict(checked)
        shared = _shared_columns(model, version, route, caller, token, time.perf_counter() - started)
        keeps = version.bundle.serving.inputs == "keep"
        logged = _log(version, _lines(shared, ids, entities, checked, answers, keeps_inputs=keeps))
    except CodesoftError as refusal:
        count_refusal(model, refusal)
        raise
    _count(model, version, route, answers, time.perf_counter() - started)
    return Predicted(model, version.version, route, answers, ids if logged else None)


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


def _shared_columns(
    model: str, version: LiveVersion, route: str, caller: str, token: str, latency: float
) -> dict[str, Any]:
    return {
        "created_at": datetime.now(UTC).isoformat(),
        "model": model,
        "version": version.version,
        "bundle": version.bundle.hash,
        "route": route,
        "latency_us": round(latency * 1e6),
        "caller": caller,
        "token": token[:TOKEN_LENGTH],
    }


def _lines(
    shared: dict[str, Any],
    ids: Sequence[str],
    entities: Sequence[str | None],
    rows: Sequence[Row],
    answers: Sequence[Answer],
    *,
    keeps_inputs: bool,
) -> bytes:
    """One line a row, in one piece: the request is in the log as a whole or not at all. NotANumber refuses it.

    Of kept inputs the hash is taken when they are shipped, aside from the answer.
    """
    lines = []
    for prediction_id, entity, row, answer in zip(ids, entities, rows, answers, strict=True):
        if not 0.0 <= answer.probability <= 1.0:  # NaN is not, either
            raise NotANumber(f"Version {shared['version']} of {shared['model']} gave no probability.")
        record = {
            **shared,
            "id": prediction_id,
            "entity_id": entity or "",
            "inputs": row if keeps_inputs else None,
            "label": answer.label,
            "probability": answer.probability,
            "threshold": answer.threshold,
        }
        if not keeps_inputs:
            record["input_hash"] = input_hash(jsonable(row))
        lines.append(orjson.dumps(record, default=format_moment, option=_LINE))
    return b"".join(lines)


def _log(version: LiveVersion, lines: bytes) -> bool:
    """Whether the lines are in the spool. A model whose spec says best effort is answered without."""
    try:
        serving_process().spool.append(lines)
    except SpoolFull:
        if version.bundle.serving.log != "best_effort":
            raise
        return False
    return True


def _count(model: str, version: LiveVersion, route: str, answers: Sequence[Answer], seconds: float) -> None:
    for label, times in Counter([answer.label for answer in answers]).items():
        metrics.predictions(model, version.version, label, route).inc(times)
    metrics.prediction_seconds(model).observe(seconds)
