"""How the mirror of MLflow stands."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from registry_ui.models import ForeignChange, MirrorState, OutboxEntry


@dataclass(frozen=True)
class MirrorOverview:
    """How one model's mirror on the tracking server stands."""

    state: MirrorState | None
    pending: list[OutboxEntry]
    foreign: list[ForeignChange]

    @property
    def last_error(self) -> str:
        """Of the pending entries' last try, else of the last sync."""
        told = [entry.last_error for entry in self.pending] + [self.state.error if self.state else ""]
        return next(filter(None, told), "")


def outbox_pending() -> int:
    """How many entries are not yet mirrored."""
    return OutboxEntry.objects.filter(done_at__isnull=True).count()


def mirror_overviews(*, models: Collection[str]) -> dict[str, MirrorOverview]:
    """How the mirror of each model stands, in three queries whatever their number."""
    states = {state.model: state for state in MirrorState.objects.filter(model__in=models)}
    pending, foreign = defaultdict(list), defaultdict(list)
    for entry in OutboxEntry.objects.filter(model__in=models, done_at__isnull=True):
        pending[entry.model].append(entry)
    for change in ForeignChange.objects.filter(model__in=models, state=ForeignChange.State.OPEN):
        foreign[change.model].append(change)
    return {model: MirrorOverview(states.get(model), pending[model], foreign[model]) for model in models}
