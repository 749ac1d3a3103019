"""Versions that do harm, as canary and as champion, under real traffic: each is undone by itself, and what it did."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from tests.bad_bundles import NAN, RAISES, SLOW, SWAPPED
from tests.drills.load import Answered, Load
from tests.drills.report import Report
from tests.drills.stand import TEXTS, Stand
from tests.predictions.webserver import WebServer
from tests.processes import wait_until

KINDS = (RAISES, NAN, SLOW, SWAPPED)
CANARY, CHAMPION = "canary", "champion"
SWAP_SECONDS = 2.0  # from a decision until every worker follows
_SHARE, _SLOW_SECONDS = 0.2, 0.01
_COLUMNS = (
    "version", "as", "undone after", "by", "rows it answered", "failed requests",
    "rows answered by the champion instead", "wrong answers", "single answers over 10 ms",
)  # fmt: skip
_LIMIT_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Undone:
    """A version, the moments at which it was put to service and taken out, and who took it out why."""

    number: int
    put: float
    ended: float
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Load, and how long the champion answers it, and is told true labels, before each version."""

    rate: float
    clients: int
    record_seconds: float


def undo_bad_versions(
    stand: Stand, cases: Sequence[tuple[str, str]], *, traffic: Traffic, look_seconds: float
) -> Report:
    """`cases` are (what it does, as what); the guard looks every `look_seconds`."""
    report = Report("Versions that do harm", _COLUMNS)
    truth = _labels(stand)
    with stand.deciding("guard", str(look_seconds)):
        for kind, place in cases:
            _one(stand, report, kind, place, truth, traffic)
    return report


def _one(stand: Stand, report: Report, kind: str, place: str, truth: dict[str, str], traffic: Traffic) -> None:
    number = json.loads(stand.decider("bad", kind))["number"]
    load = stand.load(rate=traffic.rate, clients=traffic.clients)
    with load.running(), _told_labels(load, stand, truth):
        time.sleep(traffic.record_seconds)
        undone = _undone(stand, number, place)
        if undone is not None:
            load.stopped.wait(SWAP_SECONDS + 1)
    report.check(undone is not None, f"{kind} as {place} was not undone within {_LIMIT_SECONDS} s")
    if undone is not None:
        _judge(report, kind, place, undone, [one for one in load.answered if undone.put - 1 <= one.sent], truth)


def _undone(stand: Stand, number: int, place: str) -> Undone | None:
    """Put the version to service and wait until the guard has taken it out."""
    arguments = ("try", str(number), str(_SHARE)) if place == CANARY else ("approve", str(number))
    put = json.loads(stand.decider(*arguments))["committed"]
    if not wait_until(lambda: number not in _serving(stand), _LIMIT_SECONDS, 0.1):
        return None
    return Undone(number, put, time.time(), *_last_decision(stand))


def _judge(
    report: Report, kind: str, place: str, undone: Undone, answered: Sequence[Answered], truth: dict[str, str]
) -> None:
    """What the version did to callers, row by row, until it was undone; `answered` is since it was put to service."""
    failed = [one for one in answered if one.status != 200]
    rows = [
        pair for one in answered if one.status == 200 for pair in zip(one.rows, one.content["predictions"], strict=True)
    ]
    own = [(text, row) for text, row in rows if row["version"] == undone.number]
    wrong = sum(row["label"] != truth[text] for text, row in own) if kind == SWAPPED else "–"
    single = [one for one in answered if len(one.rows) == 1 and _version_of(one) == undone.number]
    slow = sum(one.at - one.sent > _SLOW_SECONDS for one in single)
    instead = sum(row["route"] == "fallback" for _, row in rows)
    seconds = f"{undone.ended - undone.put:.1f} s"
    report.add(kind, place, seconds, undone.actor, len(own), len(failed), instead, wrong, slow)

    name = f"{kind} as {place}"
    expected = "system:canary" if place == CANARY else "system:rollback"
    late = [one for one in answered if one.sent > undone.ended + SWAP_SECONDS and _version_of(one) == undone.number]
    report.check(undone.actor == expected, f"{name} was undone by {undone.actor}: {undone.reason}")
    report.check(bool(own), f"{name} answered nothing")
    report.check(not late, f"{name} still answered {SWAP_SECONDS} s after it was undone: {late[:1]}")
    if place == CANARY or kind in (SLOW, SWAPPED):
        report.check(not failed, f"{name}: {len(failed)} requests failed, the first: {failed[:1]}")


def _version_of(one: Answered) -> int | None:
    return one.content["predictions"][0]["version"] if one.status == 200 else None


def _serving(stand: Stand) -> tuple[int | None, ...]:
    with psycopg.connect(stand.postgresql.url) as database:
        row = database.execute("SELECT champion_version, canary_version FROM predictions_deployment").fetchone()
    return row or ()


def _last_decision(stand: Stand) -> tuple[str, str]:
    with psycopg.connect(stand.postgresql.url) as database:
        row = database.execute("SELECT actor, reason FROM registry_ui_decision ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None
    return row[0], row[1]


def _labels(stand: Stand) -> dict[str, str]:
    """What is true of each text: what the version says that serves when the drill begins."""
    status, content = stand.web.predict("sentiment", stand.token, {"inputs": [{"text": text} for text in TEXTS]})
    assert status == 200, content
    return {text: row["label"] for text, row in zip(TEXTS, content["predictions"], strict=True)}


@contextmanager
def _told_labels(load: Load, stand: Stand, truth: dict[str, str]) -> Iterator[None]:
    """Callers tell the true label of every single text, a little later."""
    teller = threading.Thread(target=_tell, args=(load, stand.web, stand.token, truth), daemon=True)
    teller.start()
    yield
    load.stopped.set()
    teller.join(30)


def _tell(load: Load, web: WebServer, token: str, truth: dict[str, str]) -> None:
    told = 0
    while not load.stopped.wait(0.05):
        answered = load.answered[told:]
        told += len(answered)
        for one in answered:
            if one.status == 200 and len(one.rows) == 1:
                path = f"/api/v1/predictions/{one.ids[0]}/feedback"
                web.request("POST", path, {"label": truth[one.rows[0]]}, {"Authorization": f"Token {token}"})
