"""PostgreSQL hangs while pages and receipts are read: a prediction, which needs no database, is answered as before."""

import http.client
import json
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.drills.load import TIMEOUT, Load, percentile, places
from tests.drills.outages import Outage, spend
from tests.drills.report import Report
from tests.drills.stand import TEXTS, Stand

KEYED = "prediction with a key"
_PERIOD = 1.0  # seconds between two requests of one reader: what a person or a poller does
_WARMING_SHARE = 0.4  # of a phase: the first page of a process builds the admin
_KEYED_SECONDS = 1.0  # half a second of patience, and the machine's noise
_REFUSED = {"database_unavailable", "log_unavailable", "idempotency_unavailable"}

_LOG_IN = """
from django.contrib.auth.models import User
from django.test import Client
person, _ = User.objects.update_or_create(username="reader", defaults={"is_staff": True, "is_superuser": True})
User.objects.filter(username="caller").update(is_superuser=True)  # may look at versions
client = Client()
client.force_login(person)
print(client.cookies["sessionid"].value)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a reader. Moments are `time.time()`; status 0 is a connection that broke."""

    kind: str
    sent: float
    at: float
    status: int
    code: str

    @property
    def latency(self) -> float:
        return self.at - self.sent


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks; the headers are made for each request."""

    kind: str
    method: str
    path: str
    headers: Callable[[], dict[str, str]]
    body: str | None = None


class Reader(threading.Thread):
    """Asks one thing again and again on a connection that is kept."""

    def __init__(self, question: Question, connection: http.client.HTTPConnection, stopped: threading.Event) -> None:
        super().__init__(daemon=True, name=f"reader of {question.kind}")
        self.asked: list[Asked] = []
        self._question, self._connection, self._stopped = question, connection, stopped

    def run(self) -> None:
        while not self._stopped.wait(_PERIOD):
            self.asked.append(self._ask())
        self._connection.close()

    def _ask(self) -> Asked:
        question, sent, status, code = self._question, time.time(), 0, ""
        try:
            self._connection.request(question.method, question.path, question.body, question.headers())
            answer = self._connection.getresponse()
            content = answer.read()
            status, code = answer.status, _code(answer, content)
        except (OSError, http.client.HTTPException) as error:
            code = type(error).__name__
            self._connection.close()  # made anew by the next request
        return Asked(question.kind, sent, time.time(), status, code)


def wait_on_pages(
    stand: Stand, *, seconds: float, rate: float, clients: int, readers: int, most: float, timing: bool = True
) -> Report:
    """As long before, during and after the hang; `readers` of each kind, spread over the workers.

    `most` bounds the p99 of predictions without a key, in ms, while the server hangs. `timing` makes it a bound before
    and after that, too, and a refusal before it a violation: both want a machine that has nothing else to do.
    """
    questions = [question for question in _questions(stand) for _ in range(readers)]
    load = stand.load(rate=rate, clients=clients)
    outage = Outage(stand.postgresql, "hung")
    with load.running(), _reading(stand, questions) as asked:
        spend(seconds * _WARMING_SHARE)
        before = spend(seconds)
        with outage.lasting():
            during = spend(seconds)
        spend(1)  # in which those that were held are answered
        after = spend(seconds)
    columns = ["who", "phase", "requests", "200", "refused", "p50 in ms", "p99 in ms"]
    report = Report("PostgreSQL hangs while pages are read", columns)
    phases = {"before": before, "during": during, "after": after}
    _judge_predictions(report, stand, load, phases, most, timing=timing)
    _judge_readers(report, asked(), phases, timing=timing)
    report.add("refusals by the metric", "", "", "", _refusals(stand), "", "")
    return report


def _judge_predictions(
    report: Report, stand: Stand, load: Load, phases: dict[str, tuple[float, float]], most: float, *, timing: bool
) -> None:
    for phase, (start, end) in phases.items():
        due = load.due(start, end)
        good = sum(one.status == 200 for one in due)
        latencies = [one.latency for one in due]
        p50, p99 = percentile(latencies, 50), percentile(latencies, 99)
        report.add("prediction", phase, len(due), good, len(due) - good, p50, p99)
        report.check(good == len(due) > 0, f"{phase}: {len(due) - good} of {len(due)} predictions failed")
        judged = timing or phase == "during"
        report.check(not judged or p99 <= most, f"{phase}: p99 of predictions {p99:.1f} ms, {most:.0f} are meant")
    _, missing = stand.wait_for_log([number for one in load.answered for number in one.ids])
    report.check(not missing, f"{len(missing)} answered predictions are not in the log")


def _judge_readers(
    report: Report, asked: Sequence[Asked], phases: dict[str, tuple[float, float]], *, timing: bool
) -> None:
    for kind in sorted({one.kind for one in asked}):
        for phase, (start, end) in phases.items():
            sent = [one for one in asked if one.kind == kind and start <= one.sent < end]
            statuses = Counter(one.status for one in sent)
            refused = sum(one.code in _REFUSED for one in sent)
            latencies = [one.latency for one in sent]
            shown = percentile(latencies, 50), percentile(latencies, 99)
            report.add(kind, phase, len(sent), statuses[200], refused, *shown)
            report.check(statuses[200] + refused == len(sent), f"{kind}, {phase}: {Counter(one.code for one in sent)}")
            if phase == "after" or (phase == "before" and timing):
                report.check(not refused, f"{kind}, {phase}: {refused} of {len(sent)} were refused")
    keyed = [one for one in asked if one.kind == KEYED and phases["during"][0] <= one.sent < phases["during"][1] - 1]
    slow = [one for one in keyed if one.latency > _KEYED_SECONDS]
    report.check(not slow, f"{len(slow)} of {len(keyed)} keyed predictions took over {_KEYED_SECONDS} s: {slow[:1]}")
    report.check(any(one.code == "database_unavailable" for one in asked), "no page was refused: nothing was proven")


@contextmanager
def _reading(stand: Stand, questions: Sequence[Question]) -> Iterator[Callable[[], list[Asked]]]:
    """A reader for each question, spread over the workers; what they have asked, complete after the block."""
    stopped = threading.Event()
    open_places = places(stand.web, len(questions), stand.workers())
    threads = [Reader(one, place[0], stopped) for one, place in zip(questions, open_places, strict=True)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: [one for thread in threads for one in thread.asked]
    finally:
        stopped.set()
        for thread in threads:
            thread.join(TIMEOUT)


def _questions(stand: Stand) -> list[Question]:
    cookie = stand.web.run(_LOG_IN)
    predict = "/api/v1/models/sentiment/predictions"
    body = json.dumps({"inputs": [{"text": TEXTS[0]}]})
    token = {"Authorization": f"Token {stand.token}"}
    _, answer = stand.web.predict("sentiment", stand.token, {"inputs": [{"text": TEXTS[0]}]})
    (number,) = [one["id"] for one in answer["predictions"]]
    stand.wait_for_log([number])

    def keyed() -> dict[str, str]:
        return {**token, "Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}

    return [
        Question("page", "GET", "/admin/", lambda: {"Cookie": f"sessionid={cookie}"}),
        Question("receipt", "GET", f"/api/v1/predictions/{number}", lambda: token),
        Question("registry's API", "GET", "/api/v1/models/sentiment/versions", lambda: token),
        Question(KEYED, "POST", predict, keyed, body),
    ]


def _code(answer: http.client.HTTPResponse, content: bytes) -> str:
    """Of an error; a page shows none, and says by its header that it may be asked again."""
    if answer.status < 400:
        return ""
    if (answer.getheader("Content-Type") or "").startswith("application/json"):
        parsed: dict[str, Any] = json.loads(content)
        return str(parsed.get("code"))
    return "database_unavailable" if answer.status == 503 and answer.getheader("Retry-After") else str(answer.status)


def _refusals(stand: Stand) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{stand.web.metrics_port}/metrics", timeout=15) as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith("codesoft_database_refusals_total"))
