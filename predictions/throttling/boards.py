"""Where processes tell each other what they let through: a hash in Redis, or without Redis files in one folder.

Each writes its own notes alone, as they stand and not as differences: told twice or late, they are still right.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from predictions.throttling.meter import SLOT_SECONDS, SLOTS, Note

KEPT_SECONDS = SLOTS * SLOT_SECONDS  # after that, what a dead process let through counts no more
REDIS_KEY = "codesoft:rate-limits"
REDIS_SECONDS = 0.5


class BoardUnavailable(Exception):
    """The board could not be read or written in time."""


@dataclass(frozen=True, slots=True)
class Told:
    """What another process told, and when by its clock: notes by limit."""

    at: float
    notes: Mapping[str, Note]


class Board(Protocol):
    """What a throttle needs: the others' notes, a place for its own, and an end."""

    def read(self, me: str) -> list[Told]: ...

    def post(self, me: str, at: float, notes: Mapping[str, Note]) -> None: ...

    def close(self) -> None: ...


class FolderBoard:
    """One file a process, replaced in one step: the processes of one machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, me: str) -> list[Told]:
        try:
            paths = list(self._folder.glob("*.json"))
        except OSError as error:
            raise BoardUnavailable(str(error)) from error
        return [told for path in paths if path.stem != me and (told := _read_file(path)) is not None]

    def post(self, me: str, at: float, notes: Mapping[str, Note]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft = self._folder / f"{me}.new"
            draft.write_bytes(_packed(at, notes))
            draft.replace(self._folder / f"{me}.json")
            self._sweep()
        except OSError as error:
            raise BoardUnavailable(str(error)) from error

    def close(self) -> None:
        """The notes stay until they count no more: what this process let through was let through."""

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process swept it
                if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                    path.unlink()


class RedisBoard:
    """One hash, a field a process. The time-outs bound how long the thread waits; a request never does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None
        self._old: list[bytes] = []

    def read(self, me: str) -> list[Told]:
        with _redis_faults():
            content = self._connected().hgetall(REDIS_KEY)
        told = {name: _unpacked(packed) for name, packed in content.items() if name != me.encode()}
        now = time.time()
        self._old = [name for name, one in told.items() if one is None or now - one.at > KEPT_SECONDS]
        return [one for one in told.values() if one is not None]

    def post(self, me: str, at: float, notes: Mapping[str, Note]) -> None:
        with _redis_faults():
            pipeline = self._connected().pipeline(transaction=False)
            pipeline.hset(REDIS_KEY, me, _packed(at, notes))
            pipeline.expire(REDIS_KEY, 2 * KEPT_SECONDS)
            if self._old:
                pipeline.hdel(REDIS_KEY, *self._old)
            pipeline.execute()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _connected(self) -> Any:
        if self._client is None:
            import redis  # noqa: PLC0415 - a second of work, in the thread that needs it
            from redis.backoff import NoBackoff  # noqa: PLC0415
            from redis.retry import Retry  # noqa: PLC0415

            self._client = redis.Redis.from_url(
                self._url,
                socket_timeout=REDIS_SECONDS,
                socket_connect_timeout=REDIS_SECONDS,
                retry=Retry(NoBackoff(), 0),  # the next exchange is the retry
            )
        return self._client


@contextmanager
def _redis_faults() -> Iterator[None]:
    from redis.exceptions import RedisError  # noqa: PLC0415

    try:
        yield
    except (RedisError, OSError) as error:
        raise BoardUnavailable(f"{type(error).__name__}: {error}") from error


def _read_file(path: Path) -> Told | None:
    try:
        return _unpacked(path.read_bytes())
    except OSError:  # swept between the listing and the reading
        return None


def _packed(at: float, notes: Mapping[str, Note]) -> bytes:
    told = {key: [{str(slot): count for slot, count in note.spent.items()}, note.share] for key, note in notes.items()}
    return orjson.dumps({"at": at, "notes": told})


def _unpacked(content: bytes) -> Told | None:
    """None for what no process of this release wrote."""
    try:
        read = orjson.loads(content)
        notes = {
            key: Note({int(slot): int(count) for slot, count in spent.items()}, int(share))
            for key, (spent, share) in read["notes"].items()
        }
        return Told(float(read["at"]), notes)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
