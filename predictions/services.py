"""The one core behind every door: a prediction is routed, validated, scored and remembered here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import uuid_utils

from ml_pipeline.bundle.model_bundle import Answer
from ml_pipeline.canonical import canonical_json
from ml_pipeline.errors import UnknownModel
from ml_pipeline.inputs import Row, jsonable
from predictions import metrics
from predictions.errors import SpoolFull
from predictions.serving import current, serving_process
from predictions.serving.routing import LiveModel, LiveVersion, choose_version


@dataclass(frozen=True, slots=True)
class Predicted:
    """The answer to one request. `ids` are in the order of `answers`; None where best effort could not log them."""

    model: str
    version: int
    route: str
    answers: tuple[Answer, ...]
    ids: tuple[str, ...] | None


def predict(
    *, model: str, rows: Sequence[object], entity_ids: Sequence[str | None] | None = None, caller: str = ""
) -> Predicted:
    """Answer every row, or none: UnknownModel, NoLiveVersion, InvalidInputs, SpoolFull or NotReady say why.

    `rows` are unchecked mappings of input names to values, `entity_ids` (as many as rows) say whom each is about. When
    this returns with ids, every answer is in the log, whatever happens to this process.
    """
    with metrics.counting_errors(known_label(model=model)):
        started = time.perf_counter()
        live = find_model(model=model)
        ids = tuple(str(uuid_utils.uuid7()) for _ in rows)
        entities = list(entity_ids or [None] * len(rows))
        route, version = choose_version(live, [entity for entity in entities if entity], next(iter(ids), ""))
        checked = version.bundle.validate(rows)
        answers = tuple(version.bundle.predict(checked))
        latency = time.perf_counter() - started
        shared = _shared_columns(model, version, route, caller, latency)
        logged = _log(version, _lines(shared, ids, entities, checked, answers))
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


def known_label(*, model: str) -> str:
    """The model's name as a metrics label: a caller cannot invent labels."""
    known = serving_process().knows(model)
    return model if known else metrics.UNKNOWN_MODEL


def _shared_columns(model: str, version: LiveVersion, route: str, caller: str, latency: float) -> dict[str, Any]:
    return {
        "created_at": datetime.now(UTC).isoformat(),
        "model": model,
        "version": version.version,
        "bundle": version.bundle.hash,
        "route": route,
        "latency_us": round(latency * 1e6),
        "caller": caller,
    }


def _lines(
    shared: dict[str, Any],
    ids: Sequence[str],
    entities: Sequence[str | None],
    rows: Sequence[Row],
    answers: Sequence[Answer],
) -> bytes:
    """One line a row, in one piece: the request is in the log as a whole or not at all."""
    records = (
        {
            **shared,
            "id": prediction_id,
            "entity_id": entity or "",
            "inputs": jsonable(row),
            "label": answer.label,
            "probability": answer.probability,
            "threshold": answer.threshold,
        }
        for prediction_id, entity, row, answer in zip(ids, entities, rows, answers, strict=True)
    )
    return b"".join(canonical_json(record) + b"\n" for record in records)


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
    for answer in answers:
        metrics.PREDICTIONS.labels(model, version.version, answer.label, route).inc()
    metrics.PREDICTION_SECONDS.labels(model).observe(seconds)
