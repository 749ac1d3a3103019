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
_SHARE = 0.2
_LIMIT_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Undone:
    """A version, the moments at which it was put to service and taken out, and who took it out why."""

    number: int
    put: float
    ended: float
    actor: str
    reason: str


def undo_bad_versions(
    stand: Stand, cases: Sequence[tuple[str, str]], *, rate: float, clients: int, record_seconds: float, look_seconds: float
) -> Report:  # fmt: skip
    """`cases` are (what it does, as what). Before each, the champion answers for `record_seconds`, and is told labels."""
    report = Report(
        "Versions that do harm",
        ["version", "as", "undone after", "by", "its answers", "failed requests", "answered by the champion instead",
         "wrong answers", "answers over 10 ms"],
    )  # fmt: skip
    truth = _labels(stand)
    with stand.deciding("guard", str(look_seconds)):
        for kind, place in cases:
            _one(stand, report, kind, place, truth, rate=rate, clients=clients, record_seconds=record_seconds)
    return report


def _one(
    stand: Stand, report: Report, kind: str, place: str, truth: dict[str, str], *,
    rate: float, clients: int, record_seconds: float,
) -> None:  # fmt: skip
    number = json.loads(stand.decider("bad", kind))["number"]
    load = stand.load(rate=rate, clients=clients)
    with load.running(), _told_labels(load, stand, truth):
        time.sleep(record_seconds)
        undone = _undone(stand, number, place)
        if undone is not None:
            load.stopped.wait(SWAP_SECONDS + 1)
    name = f"{kind} as {place}"
    report.check(undone is not None, f"{name} was not undone within {_LIMIT_SECONDS} s")
    if undone is not None:
        _judge(report, kind, place, undone, load.answered, truth)


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
    during = [one for one in answered if undone.put - 1 <= one.sent]
    failed = [one for one in during if one.status != 200]
    rows = [
        pair for one in during if one.status == 200 for pair in zip(one.rows, one.content["predictions"], strict=True)
    ]
    own = [(text, row) for text, row in rows if row["version"] == undone.number]
    wrong = [row for text, row in own if row["label"] != truth[text]] if kind == SWAPPED else []
    instead = [row for _, row in rows if row["route"] == "fallback"]
    slow = [
        one for one in during if len(one.rows) == 1 and _version_of(one) == undone.number and one.at - one.sent > 0.01
    ]
    late = [one for one in during if one.sent > undone.ended + SWAP_SECONDS and _version_of(one) == undone.number]
    report.add(
        kind, place, f"{undone.ended - undone.put:.1f} s", undone.actor, len(own), len(failed), len(instead),
        len(wrong) if kind == SWAPPED else "–", len(slow),
    )  # fmt: skip
    name = f"{kind} as {place}"
    expected = "system:canary" if place == CANARY else "system:rollback"
    report.check(undone.actor == expected, f"{name} was undone by {undone.actor}: {undone.reason}")
    report.check(bool(own) or kind in (RAISES, NAN), f"{name} answered nothing")
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
