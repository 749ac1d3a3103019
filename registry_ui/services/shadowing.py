"""What a shadow answers to the inputs that the champion was asked: by a worker, in bounded batches, counted once.

A shadow's row follows from the original's id and the shadow's bundle, and a batch counts only if nobody counted it
meanwhile: a second worker, or one that starts again after a crash, changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from ml_pipeline.errors import CodesoftError
from predictions.bundle_store import read_bundle
from predictions.models import Deployment, Generation, Prediction
from predictions.route_names import CHAMPION, SHADOW
from registry_ui.models import ShadowComparison

if TYPE_CHECKING:
    from ml_pipeline.bundle.model_bundle import Answer, ModelBundle

BATCH_ROWS = 500
LAG = timedelta(seconds=5)  # until then every process has shipped its log; what comes later is not compared
_SECONDS = 4.0  # for all models; the next pass goes on
_BEFORE_ALL = UUID(int=0)
_log = structlog.get_logger(__name__)


@dataclass
class _Batch:
    """What a shadow answered to some predictions: the rows to write, and what they add to the comparison."""

    rows: list[Prediction] = field(default_factory=list)
    flips: Counter[tuple[str, str]] = field(default_factory=Counter)
    difference: float = 0.0
    distance: float = 0.0
    refused: int = 0
    skipped: int = 0


def shadows_replay() -> int:
    """Bring every comparison up to date, within a few seconds; how many predictions were looked at."""
    shadowed = list(Deployment.objects.filter(shadow_version__isnull=False).order_by("model"))
    return sum(_replay(one, until=monotonic() + _SECONDS / len(shadowed)) for one in shadowed)


def _replay(deployment: Deployment, *, until: float) -> int:
    comparison = _comparison(deployment)
    looked_at = 0
    try:
        bundle = _bundle(comparison.shadow_bundle)
        while (batch := _next_batch(comparison)) and _counted(comparison, batch, bundle):
            looked_at += len(batch)
            if len(batch) < BATCH_ROWS or monotonic() > until:
                break
    except Exception as error:  # of a foreign file or a store: the other models' shadows go on
        message = str(error) if isinstance(error, CodesoftError) else f"{type(error).__name__}: {error}"
        _log.exception("shadow_not_asked", model=deployment.model, version=deployment.shadow_version)
        ShadowComparison.objects.filter(pk=comparison.pk).update(error=message[:2_000])
    return looked_at


def _comparison(deployment: Deployment) -> ShadowComparison:
    """The row of shadow and champion of now. It goes on where it stopped, but not before the two stood together."""
    since, pair = _together_since(deployment), _pair(deployment)
    comparison, _ = ShadowComparison.objects.get_or_create(
        model=deployment.model,
        **pair,
        defaults={"reached_at": since, "reached_id": _BEFORE_ALL},
    )
    if comparison.reached_at < since:
        ShadowComparison.objects.filter(pk=comparison.pk, reached_at__lt=since).update(
            reached_at=since, reached_id=_BEFORE_ALL
        )
        comparison.refresh_from_db()
    return comparison


def _pair(deployment: Deployment) -> dict[str, Any]:
    return {
        "shadow_version": deployment.shadow_version,
        "shadow_bundle": deployment.shadow_bundle,
        "champion_version": deployment.champion_version,
        "champion_bundle": deployment.champion_bundle,
    }


def _together_since(deployment: Deployment) -> datetime:
    """Since when this shadow stands beside this champion without a break."""
    history = Generation.objects.filter(model=deployment.model)
    pair = Q(**_pair(deployment))
    apart = history.exclude(pair).order_by("-number").values_list("number", flat=True).first()
    first = history.filter(pair, number__gt=apart or 0).order_by("number").first()
    return deployment.updated_at if first is None else first.created_at


def _next_batch(comparison: ShadowComparison) -> list[Prediction]:
    """The oldest predictions of the champion that were not looked at, in the order of their moments."""
    beyond = Q(created_at__gt=comparison.reached_at) | Q(id__gt=comparison.reached_id)
    asked = Prediction.objects.filter(
        beyond,
        model=comparison.model,
        route=CHAMPION,
        version=comparison.champion_version,
        created_at__range=(comparison.reached_at, timezone.now() - LAG),
    )
    return list(asked.order_by("created_at", "id")[:BATCH_ROWS])


def _counted(comparison: ShadowComparison, asked: Sequence[Prediction], bundle: ModelBundle) -> bool:
    """Answer, write and count one batch in one transaction; False where another worker was faster."""
    batch = _answered(asked, bundle, comparison)
    last, here = asked[-1], {"reached_at": comparison.reached_at, "reached_id": comparison.reached_id}
    with transaction.atomic():
        moved = ShadowComparison.objects.filter(pk=comparison.pk, **here).update(
            reached_at=last.created_at,
            reached_id=last.pk,
            compared=F("compared") + len(batch.rows),
            agreed=F("agreed") + len(batch.rows) - batch.flips.total(),
            refused=F("refused") + batch.refused,
            skipped=F("skipped") + batch.skipped,
            flips=_added(comparison.flips, batch.flips),
            difference_sum=F("difference_sum") + batch.difference,
            distance_sum=F("distance_sum") + batch.distance,
            error="",
            updated_at=timezone.now(),
        )
        if moved:
            Prediction.objects.bulk_create(batch.rows, ignore_conflicts=True)
    comparison.refresh_from_db()
    return bool(moved)


def _answered(asked: Sequence[Prediction], bundle: ModelBundle, comparison: ShadowComparison) -> _Batch:
    """Those without inputs are skipped: by its spec a model may not keep them, or not for long."""
    from ml_pipeline.replay import Refusals, answers_of  # noqa: PLC0415

    kept = [one for one in asked if one.inputs is not None]
    batch = _Batch(skipped=len(asked) - len(kept))
    started = perf_counter()
    answers = answers_of(bundle, [inputs_sent(one.inputs or {}) for one in kept], Refusals())
    latency = round((perf_counter() - started) * 1e6 / max(1, len(kept)))
    for original, answer in zip(kept, answers, strict=True):
        if answer is None:
            batch.refused += 1
            continue
        difference = _difference(original, answer)
        batch.difference += difference
        batch.distance += abs(difference)
        if answer.label != original.label:
            batch.flips[original.label, answer.label] += 1
        batch.rows.append(_row(original, answer, comparison, latency))
    return batch


def inputs_sent(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is missing: absent and null mean the same, and a bundle that lacks that input need not refuse."""
    return {name: value for name, value in inputs.items() if value is not None}


def _row(original: Prediction, answer: Answer, comparison: ShadowComparison, latency_us: int) -> Prediction:
    return Prediction(
        id=shadow_id(original.pk, comparison.shadow_bundle),
        created_at=original.created_at,
        model=comparison.model,
        version=comparison.shadow_version,
        bundle=comparison.shadow_bundle,
        route=SHADOW,
        entity_id=original.entity_id,
        input_hash=original.input_hash,
        label=answer.label,
        probability=answer.probability,
        threshold=answer.threshold,
        latency_us=latency_us,
        shadow_of_id=original.pk,
    )


def shadow_id(original: UUID, bundle: str) -> UUID:
    """The id of a shadow's row: a UUIDv8 with the original's time in front, so that rows of one time lie together."""
    digest = hashlib.sha256(original.bytes + bundle.encode()).digest()
    content = bytearray(original.bytes[:6] + digest[:10])
    content[6] = content[6] & 0x0F | 0x80
    content[8] = content[8] & 0x3F | 0x80
    return UUID(bytes=bytes(content))


def _difference(original: Prediction, answer: Answer) -> float:
    """The shadow's probability minus the champion's: of the positive class, of several classes of the champion's."""
    if answer.probabilities is None:
        return answer.probability - original.probability
    return answer.probabilities.get(original.label, 0.0) - original.probability


def _added(flips: Mapping[str, Mapping[str, int]], more: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    total = {old: dict(by_new) for old, by_new in flips.items()}
    for (old, new), rows in more.items():
        by_new = total.setdefault(old, {})
        by_new[new] = by_new.get(new, 0) + rows
    return total


@lru_cache(maxsize=2)
def _bundle(bundle_hash: str) -> ModelBundle:
    """Kept in the worker between two passes. Loading proves both hashes."""
    from ml_pipeline.bundle.model_bundle import ModelBundle  # noqa: PLC0415

    return ModelBundle.from_bytes(*read_bundle(bundle_hash), expected_hash=bundle_hash)
