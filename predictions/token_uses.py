"""When each token was last used: noted in memory by requests, written in bulk beside them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from predictions.models import TokenDetails

_CHUNK = 500


class TokenUses:
    """`note` is called by requests, `write` by one thread. A process that is killed forgets its last seconds."""

    def __init__(self) -> None:
        self._noted: dict[str, float] = {}

    def note(self, digest: str, at: float) -> None:
        self._noted[digest] = at

    def write(self) -> None:
        """Write what was noted since the last call; DatabaseError keeps it for the next."""
        noted, self._noted = self._noted, {}
        try:
            _write(dict(noted))
        except Exception:
            self._noted = {**noted, **self._noted}
            raise


def _write(noted: Mapping[str, float]) -> None:
    """All get the newest moment of the few seconds that they were noted in, and one statement does for many."""
    digests = sorted(noted)
    for start in range(0, len(digests), _CHUNK):
        chunk = digests[start : start + _CHUNK]
        newest = datetime.fromtimestamp(max(noted[digest] for digest in chunk), UTC)
        TokenDetails.objects.filter(pk__in=chunk).update(last_used_at=newest)
