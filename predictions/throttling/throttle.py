"""The limits of one process: a decision in memory for each request, and a thread beside that talks to the others."""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import structlog

from predictions.errors import RateLimited
from predictions.throttling.boards import Board, BoardUnavailable, Told
from predictions.throttling.meter import SLOT_SECONDS, Meter, Note

QUIET_SECONDS = 1.0  # with nothing new to tell, this often is enough to be known as alive
STALE_SECONDS = 4.0  # older news of the others are no news
TOKEN = "token"  # noqa: S105 - the name of a policy
MODEL = "model"

_log = structlog.get_logger(__name__)


class Throttle:
    """`spend` is called by requests, `exchange` by one thread twice a second. `processes` is how many share a limit."""

    def __init__(self, board: Board, *, processes: int, clock: Callable[[], float] = time.time) -> None:
        self._board = board
        self._assumed = self._processes = max(1, processes)
        self._clock = clock
        self._me = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._meters: dict[str, Meter] = {}
        self._lock = threading.Lock()
        self._told: Sequence[Told] = ()
        self._posted: Mapping[str, Note] = {}
        self._heard_at = self._posted_at = float("-inf")
        self._reachable = True

    def spend(self, token: str, token_limit: int, model: str, model_limit: int) -> Mapping[str, str]:
        """Count one request against both limits (requests a minute; 0 is none) and give the answer's headers."""
        now = self._clock()
        slot = int(now // SLOT_SECONDS)
        with self._lock:
            of_token = self._meter(TOKEN, token, token_limit, slot) if token_limit else None
            of_model = self._meter(MODEL, model, model_limit, slot) if model_limit else None
            if (of_token is None or of_token.share > 0) and (of_model is None or of_model.share > 0):
                if of_token is not None:
                    of_token.take()
                if of_model is not None:
                    of_model.take()
                return _headers(of_token, of_model, now)
            self._refuse(of_token, of_model, model, now)

    def exchange(self) -> None:
        """Hear what the others took, take the next shares, and tell them. While the board is away each is alone."""
        try:
            told = self._board.read(self._me)
        except BoardUnavailable as error:
            self._lost(error)
            return
        now = self._clock()
        with self._lock:
            self._told, self._heard_at = told, now
            self._processes = max(self._assumed, 1 + sum(now - one.at < STALE_SECONDS for one in told))
            self._drop_unused(int(now // SLOT_SECONDS))
            for key, meter in self._meters.items():
                meter.others = self._notes_of(key)
                self._settle(meter, int(now // SLOT_SECONDS))
            notes = {key: meter.note() for key, meter in self._meters.items()}
        if notes == self._posted and now - self._posted_at < QUIET_SECONDS:
            return
        try:
            self._board.post(self._me, now, notes)
            self._posted, self._posted_at, self._reachable = notes, now, True
        except BoardUnavailable as error:
            self._lost(error)

    def close(self) -> None:
        self._board.close()

    def _meter(self, name: str, of: str, limit: int, slot: int) -> Meter:
        meter = self._meters.get(key := f"{name} {of}")
        if meter is None:
            meter = self._meters[key] = Meter(name, limit)
            meter.others = self._notes_of(key)
        if meter.slot != slot or meter.limit != limit:
            meter.restrict(limit)
            self._settle(meter, slot)
        return meter

    def _settle(self, meter: Meter, slot: int) -> None:
        alone = self._clock() - self._heard_at >= STALE_SECONDS
        meter.settle(slot, self._processes, alone=alone)

    def _notes_of(self, key: str) -> list[Note]:
        return [one.notes[key] for one in self._told if key in one.notes]

    def _drop_unused(self, slot: int) -> None:
        for key, meter in list(self._meters.items()):
            if meter.slot != slot:
                self._settle(meter, slot)
            if not meter.spent:
                del self._meters[key]

    def _refuse(self, of_token: Meter | None, of_model: Meter | None, model: str, now: float) -> NoReturn:
        exhausted = [
            (meter, name) for meter, name in ((of_token, "this token"), (of_model, model)) if meter and meter.share <= 0
        ]
        # Where something is left, only this process's share is used up, and the next exchange brings another.
        wait = max(1 if meter.left > 0 else meter.frees_at - int(now) for meter, _ in exhausted)
        said = " and ".join(f"{name} takes {meter.limit} requests a minute" for meter, name in exhausted)
        raise RateLimited(
            f"Too many requests: {said}.",
            advice=f"Try again in {wait} s. Several rows in one request count as one.",
            details={"retry_after_seconds": wait, "limit_per_minute": min(meter.limit for meter, _ in exhausted)},
            headers={**_headers(of_token, of_model, now), "Retry-After": str(wait)},
        )

    def _lost(self, error: BoardUnavailable) -> None:
        if self._reachable:
            _log.warning("throttle.alone", error=str(error))
        self._reachable = False


def _headers(of_token: Meter | None, of_model: Meter | None, now: float) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers-10: quota and window, what remains, when some comes back."""
    if of_token is None or of_model is None:
        meter = of_token or of_model
        return {} if meter is None else {"RateLimit-Policy": meter.policy, "RateLimit": _state(meter, now)}
    return {
        "RateLimit-Policy": f"{of_token.policy}, {of_model.policy}",
        "RateLimit": f"{_state(of_token, now)}, {_state(of_model, now)}",
    }


def _state(meter: Meter, now: float) -> str:
    return f'"{meter.name}";r={meter.left};t={meter.frees_at - int(now)}'
