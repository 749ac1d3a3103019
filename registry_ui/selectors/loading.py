"""What should serve and cannot be loaded, as the processes say that it concerns."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone

from predictions.models import BundleFault, Deployment

_STILL = timedelta(seconds=60)  # a process renews what it says every ten; later it is mended, or the process is gone
_PROCESSES, _MESSAGE, _BUNDLE = "fault_processes", "fault_message", "fault_bundle"


@dataclass(frozen=True)
class NotLoaded:
    """A version that a decision put live and that some processes cannot load: they serve what they served before."""

    version: int
    processes: int
    message: str


def fault_columns() -> dict[str, Any]:
    """Annotations of deployments, which `not_loaded` reads: no query of its own, however many rows there are."""
    wanted = Q(bundle=OuterRef("champion_bundle")) | Q(bundle=OuterRef("canary_bundle"))
    faults = BundleFault.objects.filter(wanted, model=OuterRef("model"), seen_at__gt=timezone.now() - _STILL)
    newest = faults.order_by("-seen_at")
    counted = faults.order_by().values("model").annotate(count=Count("process", distinct=True)).values("count")
    return {
        _PROCESSES: Subquery(counted),
        _MESSAGE: Subquery(newest.values("message")[:1]),
        _BUNDLE: Subquery(newest.values("bundle")[:1]),
    }


def not_loaded(deployment: Deployment) -> NotLoaded | None:
    """Of a row with `fault_columns`; None where every process that runs has what should serve."""
    processes, message, bundle = (deployment.__dict__[name] for name in (_PROCESSES, _MESSAGE, _BUNDLE))
    if not processes:
        return None
    is_champion = bundle == deployment.champion_bundle
    version = deployment.champion_version if is_champion else deployment.canary_version
    return NotLoaded(version or 0, processes, message)
