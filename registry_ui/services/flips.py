"""Decisions that would flip: what callers asked, replayed through candidate and champion. Kept as evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from ml_pipeline.canonical import sha256_hex
from predictions.bundle_store import read_bundle
from predictions.models import Prediction
from predictions.route_names import TRAFFIC
from registry_ui.errors import WrongState
from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.selectors import champion_get, version_get
from registry_ui.services.access import APPROVE, REQUEST, Actor
from registry_ui.services.background import Progress, task_request
from registry_ui.services.evidence_store import ROWS, evidence_fetch
from registry_ui.services.shadowing import inputs_sent

if TYPE_CHECKING:
    from ml_pipeline.bundle.model_bundle import ModelBundle
    from ml_pipeline.replay import Pair, Refusals, Replay

LIMIT = 1_000
_CASES = 50
_TEXT = 240  # characters of an input that a case shows
_TIMED = 100
_DRAWS = 1_000


@dataclass(frozen=True)
class Asked:
    """The rows to replay, as callers would send them. `truths` are known for held-out rows alone.

    `not_kept` logged calls of the same time are left out: the log has only the hash of what they asked.
    """

    source: str
    ids: list[str]
    rows: list[dict[str, Any]]
    truths: list[str] | None
    since: str | None = None
    until: str | None = None
    not_kept: int = 0

    def put_to(self, bundle: ModelBundle) -> list[dict[str, Any]]:
        """The rows as that bundle is asked: of a document the fields that it reads, of a call what was sent."""
        if self.truths is None:
            return self.rows
        return [{name: value for name, value in row.items() if name in bundle.inputs} for row in self.rows]


def flips_request(*, model: str, number: int, actor: Actor, limit: int = LIMIT) -> BackgroundTask:
    """Ask for the replay of a version against the champion of now; WrongState where there is nothing to replay with."""
    if not actor.may(REQUEST, model):
        actor.require(APPROVE, model)
    version = version_get(model=model, number=number)
    champion = champion_get(model=model)
    if champion is None or champion == version:
        raise WrongState(
            f"{version} is the champion itself." if champion else f"Nothing serves {model}: no decision can flip.",
            details={"model": model, "version": number},
        )
    return _ask(version, actor, limit)


def flips_prepare(*, version: ModelVersion) -> BackgroundTask | None:
    """The same, unasked, for a candidate that has just come in: whoever opens its page finds it done."""
    champion = champion_get(model=version.model)
    return None if champion in (None, version) else _ask(version, Actor.system("import"), LIMIT)


def _ask(version: ModelVersion, actor: Actor, limit: int) -> BackgroundTask:
    return task_request(
        kind=BackgroundTask.Kind.FLIPS,
        subject=str(version),
        model=version.model,
        actor=actor,
        asked={"version": version.number, "limit": limit},
    )


def flips_compute(task: BackgroundTask, progress: Progress) -> dict[str, Any]:
    """The task's work: replay and count. Runs in a worker, where scikit-learn may be imported."""
    from ml_pipeline.replay import replay  # noqa: PLC0415

    version = version_get(model=task.model, number=task.asked["version"])
    live = champion_get(model=task.model)
    if live is None:
        raise WrongState(f"Nothing serves {task.model} any more: no decision can flip.")
    progress.tell(0, 1, "loading both bundles")
    candidate, champion = _bundle(version), _bundle(live)
    asked = _asked(version, candidate, task.asked["limit"])
    found = replay(
        candidate,
        champion,
        asked.put_to(candidate),
        asked.put_to(champion),
        on_done=lambda done: progress.tell(done, len(asked.rows), "replaying"),
    )
    return {
        "source": asked.source,
        "since": asked.since,
        "until": asked.until,
        "asked": len(asked.rows),
        "not_kept": asked.not_kept,
        "compared": len(found.pairs),
        "refused": {"candidate": _refused(found.candidate), "champion": _refused(found.champion)},
        "candidate": {"version": version.number, "bundle_hash": version.bundle_hash},
        "champion": {"version": live.number, "bundle_hash": live.bundle_hash},
        **_flips(found, asked, candidate),
        "cost": _cost(found, asked, candidate, champion),
        "milliseconds": _milliseconds(found, asked, candidate, champion),
    }


def _bundle(version: ModelVersion) -> ModelBundle:
    from ml_pipeline.bundle.model_bundle import ModelBundle  # noqa: PLC0415

    return ModelBundle.from_bytes(*read_bundle(version.bundle_hash), expected_hash=version.bundle_hash)


def _asked(version: ModelVersion, bundle: ModelBundle, limit: int) -> Asked:
    """The last logged predictions of the model, whichever version answered them; held-out rows where there are none."""
    calls = Prediction.objects.filter(model=version.model, route__in=TRAFFIC)
    logged = list(calls.filter(inputs__isnull=False).order_by("-created_at")[:limit])
    if logged:
        return Asked(
            "predictions",
            [str(one.pk) for one in logged],
            [inputs_sent(one.inputs or {}) for one in logged],
            None,
            since=logged[-1].created_at.isoformat(),
            until=logged[0].created_at.isoformat(),
            not_kept=_not_kept(calls.filter(created_at__gte=logged[-1].created_at), limit),
        )
    not_kept = _not_kept(calls, limit)
    if not version.rows_hash:
        why = "The log keeps no inputs of" if not_kept else "No prediction is logged yet of"
        raise WrongState(
            f"{why} {version.model}, and the held-out rows of {version} are not kept.",
            advice="" if not_kept else "Ask again when callers have used the model.",
        )
    return replace(_held_out(version, bundle, limit), not_kept=not_kept)


def _not_kept(calls: QuerySet[Prediction], limit: int) -> int:
    """How many of these calls have no inputs, counted up to `limit`."""
    return calls.filter(inputs__isnull=True)[:limit].count()


def _held_out(version: ModelVersion, bundle: ModelBundle, limit: int) -> Asked:
    from ml_pipeline.rows import read_labelled  # noqa: PLC0415

    content = BytesIO(evidence_fetch(version.rows_hash, suffix=ROWS))
    kept = read_labelled(content, fields={**bundle.inputs, **bundle.attributes})
    # The first rows by id's hash: a draw that is the same each time and favours no date.
    chosen = sorted(range(len(kept)), key=lambda row: sha256_hex(kept.ids[row].encode()))[:limit]
    labelled = kept.take(chosen)
    truths = [bundle.labels[label] for label in labelled.labels]
    return Asked("held_out", labelled.ids, [inputs_sent(row) for row in labelled.rows], truths)


def _refused(refusals: Refusals) -> dict[str, Any]:
    return {"rows": refusals.rows, "fields": dict(sorted(refusals.fields.items()))}


def _flips(found: Replay, asked: Asked, candidate: ModelBundle) -> dict[str, Any]:
    """How many change, from what to what, and the most confident of them."""
    from ml_pipeline.replay import confidence  # noqa: PLC0415

    flipped = [pair for pair in found.pairs if pair.flips]
    ways = Counter((pair.champion.label, pair.candidate.label) for pair in flipped)
    ranked = sorted(flipped, key=lambda pair: -confidence(pair.candidate, candidate.labels))
    known = None if asked.truths is None else sum(asked.truths[pair.row] == pair.candidate.label for pair in flipped)
    return {
        "flipped": len(flipped),
        "put_right": known,
        "directions": [{"from": old, "to": new, "rows": rows} for (old, new), rows in sorted(ways.items())],
        "cases": [_case(pair, asked, confidence(pair.candidate, candidate.labels)) for pair in ranked[:_CASES]],
    }


def _case(pair: Pair, asked: Asked, confident: float) -> dict[str, Any]:
    return {
        "id": asked.ids[pair.row],
        "inputs": {name: _shortened(value) for name, value in asked.rows[pair.row].items()},
        "champion": {"label": pair.champion.label, "probability": round(pair.champion.probability, 6)},
        "candidate": {"label": pair.candidate.label, "probability": round(pair.candidate.probability, 6)},
        "confidence": round(confident, 6),
        "truth": None if asked.truths is None else asked.truths[pair.row],
    }


def _shortened(value: Any) -> str | float | bool:
    """An input as a case shows it, and as JSON can carry it."""
    if isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else value.isoformat()
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _cost(found: Replay, asked: Asked, candidate: ModelBundle, champion: ModelBundle) -> dict[str, Any] | None:
    from ml_pipeline.judgement import Yardstick  # noqa: PLC0415
    from ml_pipeline.replay import cost_difference  # noqa: PLC0415

    truths = None if asked.truths is None else [asked.truths[pair.row] for pair in found.pairs]
    measured = cost_difference(
        found.pairs,
        truths,
        candidate=candidate,
        champion=champion,
        costs=Yardstick.of_public(candidate.manifest["spec"]).costs,
        draws=_DRAWS,
    )
    if measured is None or not found.pairs:
        return None
    return {**asdict(measured), "basis": "expected" if truths is None else "counted"}


def _milliseconds(found: Replay, asked: Asked, candidate: ModelBundle, champion: ModelBundle) -> dict[str, Any] | None:
    """One row's answer by each, as a caller of one row waits for it."""
    from ml_pipeline.replay import answer_milliseconds  # noqa: PLC0415

    timed = [pair.row for pair in found.pairs[:_TIMED]]
    if not timed:
        return None
    both = (candidate, champion)
    put = [asked.put_to(bundle) for bundle in both]
    rows = [bundle.validate([own[row] for row in timed]) for bundle, own in zip(both, put, strict=True)]
    mine, theirs = answer_milliseconds(both, rows)
    return {"candidate": round(mine, 3), "champion": round(theirs, 3), "rows": len(timed)}
