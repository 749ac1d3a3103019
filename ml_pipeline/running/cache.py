"""The cache that runs share: each keeps what its stages gave, so somebody has to let go of what no lock entry names."""

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path

from ml_pipeline.environment import Environment

_DIGEST = re.compile(rb"\b[0-9a-f]{32}(?:\.dir)?\b")
_LOOKED = ".pruned"
_SECONDS_A_DAY = 86_400


def prune_cache(*, locks: Iterable[bytes], days: int) -> int:
    """Remove cache files that are older than `days` and that no lock entries name; the bytes that were freed.

    Looks once a day. What is gone costs a stage that is asked for again its time, and nothing else. No run may be
    active.
    """
    cache = Environment.read().var / "dvc" / "cache"
    looked, now = cache / _LOOKED, time.time()
    if not cache.is_dir() or (looked.exists() and now - looked.stat().st_mtime < _SECONDS_A_DAY):
        return 0
    kept = _named(cache, locks)
    freed = 0
    for path in cache.rglob("*"):
        if path.is_file() and now - path.stat().st_mtime > days * _SECONDS_A_DAY and _digest(path) not in kept:
            freed += path.stat().st_size
            path.unlink()
    looked.touch()
    return freed


def _named(cache: Path, locks: Iterable[bytes]) -> set[str]:
    """What the entries name, and the files of each folder among it."""
    named = {digest.decode() for lock in locks for digest in _DIGEST.findall(lock)}
    for digest in [one for one in named if one.endswith(".dir")]:
        listing = cache / "files" / "md5" / digest[:2] / digest[2:]
        if listing.exists():
            named |= {entry["md5"] for entry in json.loads(listing.read_bytes())}
    return named


def _digest(path: Path) -> str:
    """By its place, `files/md5/<two>/<thirty>`. The rest tells which inputs gave what: no entry names it."""
    return path.parent.name + path.name
