"""The one core behind every door: a prediction is routed, validated, scored and remembered here."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import uuid_utils

from ml_pipeline.bundle.explaining import Explanation
from ml_pipeline.bundle.model_bundle import Answer
from ml_pipeline.errors import CodesoftError, UnknownModel
from ml_pipeline.inputs import format_moment, jsonable
from predictions import metrics
from predictions.errors import FAULT, SpoolFull, TooManyRows
from predictions.models import TOKEN_LENGTH
from predictions.prediction_log.input_hash import input_hash
from predictions.route_names import CHAMPION, NAMED
from predictions.scoring import Scored, ask, score
from predictions.serving import current, serving_process
from predictions.serving.routing import LiveModel, Routed, champion_of, in_order, routes, validated

_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME

EXPLAINED_BY_ASKING = 20  # rows a request: each costs some hundred answers of a model that is not compiled


@dataclass(slots=True)
class Predicted:
    """The answer to one request. `ids` are in the order of `answers`; None where best effort could not log them.

    `parts` say which version answered which rows; all of them come from one moment.
    """

    model: str
    parts: Sequence[Routed]
    answers: Sequence[Answer]
    ids: Sequence[str] | None
    explanations: Sequence[Explanation] | None = None  # as many as answers, where they were asked for

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
    explain: bool = False,
) -> Predicted:
    """Answer every row, or none: UnknownModel, NoLiveVersion, InvalidInputs, SpoolFull or NotReady say why.

    `rows` are unchecked mappings of input names to values, `entity_ids` (as many as rows) say whom each is about. When
    this returns with ids, every answer is in the log, whatever happens to this process. `version` is the one that the
    caller chose, in the place of the routing; the door asks whether they may. UnknownVersion, VersionNotServed.
    ModelFailed and NotANumber tell of that version or of a champion: where a canary fails, the champion answers. Of
    `token`, a digest, the log keeps the beginning.
    """
    try:
        started = time.perf_counter()
        live = find_model(model=model)
        ids = [str(uuid_utils.uuid7()) for _ in rows]
        entities = entity_ids or [None] * len(rows)
        routed = routes(live, entities, ids) if version is None else [_named(live, version, len(ids))]
        if explain:
            _require_explainable(routed)
        scored = score(live, routed, validated(routed, rows), rows, explain=explain)
        latency = time.perf_counter() - started
        lines = [_lines(_shared_columns(model, one.part, caller, token, latency), one, ids, entities) for one in scored]
        parts = [one.part for one in scored]
        logged = _log(parts, b"".join(lines))
    except CodesoftError as refusal:
        count_refusal(model, refusal)
        raise
    except Exception:  # a fault that nobody expected: its callers get no answer, either
        _count_unanswered(model, FAULT)
        raise
    _count(model, scored, time.perf_counter() - started)
    answers = in_order(parts, [one.answers for one in scored])
    return Predicted(model, parts, answers, ids if logged else None, _explanations(scored) if explain else None)


def what_if(*, model: str, row: object) -> Predicted:
    """What the champion would answer to one row, explained: tried, not logged, and without an id (docs/adr/0016)."""
    parts = [Routed(CHAMPION, champion_of(find_model(model=model)), range(1))]
    [checked] = validated(parts, [row])
    tried = ask(parts[0].version, model, checked, explain=True)
    metrics.WHAT_IFS.labels(model).inc()
    return Predicted(model, parts, tried.answers, None, tried.explanations)


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
    _count_unanswered(model, refusal.code)


def _count_unanswered(model: str, code: str) -> None:
    label = model if serving_process().live_models.knows(model) else metrics.UNKNOWN_MODEL
    metrics.PREDICTION_ERRORS.labels(label, code).inc()


def _named(live: LiveModel, number: int, rows: int) -> Routed:
    return Routed(NAMED, serving_process().live_models.version_named(live, number), range(rows))


def _require_explainable(parts: Sequence[Routed]) -> None:
    """TooManyRows where a model has to be asked for too many."""
    for part in parts:
        if part.version.bundle.scorer != "compiled" and len(part.places) > EXPLAINED_BY_ASKING:
            raise TooManyRows(
                f"{len(part.places)} rows; at most {EXPLAINED_BY_ASKING} of this model can be explained a request.",
                advice="Its explanations are sampled by asking it often. Send fewer rows, or do not ask to explain.",
                details={"limit_rows": EXPLAINED_BY_ASKING},
            )


def _explanations(scored: Sequence[Scored]) -> list[Explanation]:
    """Of each row, in the order of the request."""
    return in_order([one.part for one in scored], [one.explanations or [] for one in scored])


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


def _lines(shared: dict[str, Any], scored: Scored, ids: Sequence[str], entities: Sequence[str | None]) -> bytes:
    """One line a row of one part, whose places tell id and entity.

    The lines of all parts are appended in one piece: the request is in the log as a whole or not at all. Of kept inputs
    the hash is taken when they are shipped, aside from the answer.
    """
    lines = []
    part = scored.part
    keeps_inputs = part.version.bundle.serving.inputs == "keep"
    for place, row, answer in zip(part.places, scored.rows, scored.answers, strict=True):
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


def _count(model: str, scored: Sequence[Scored], seconds: float) -> None:
    for one in scored:
        for label, times in Counter([answer.label for answer in one.answers]).items():
            metrics.predictions(model, one.part.version.version, label, one.part.route).inc(times)
    metrics.prediction_seconds(model).observe(seconds)
