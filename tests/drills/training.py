"""Processes of training runs are killed at random points: each run ends once, and nothing is left behind."""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from tests.drills.report import Report
from tests.drills.training_stand import TrainingStand
from tests.processes import wait_until

KINDS = ("worker", "child", "guard", "dvc", "stage")
_RUN_SECONDS = 600
_GONE_SECONDS = 15
_VERSIONS = """
from ml_pipeline.tracking.mirror import list_versions
import json
print(json.dumps({model: [item.tags["codesoft.version_key"] for item in list_versions(model)] for model in MODELS}))
"""


@dataclass(frozen=True)
class Hit:
    """Kill a process of this kind while `stage` works, or `delay` seconds after a run's first process appeared."""

    kind: str
    stage: str = ""
    delay: float = 0.0


def random_hits(count: int, *, again: float = 0.25, most_seconds: float = 40.0) -> list[list[Hit]]:
    """For each of `count` runs one hit, each kind in its turn; by the chance `again` one for the next attempt too."""
    chance = random.Random(20261128)  # noqa: S311 - whom and when
    plans = []
    for number in range(count):
        times = 2 if chance.random() < again else 1
        plans.append([Hit(KINDS[number % len(KINDS)], delay=chance.uniform(0.0, most_seconds)) for _ in range(times)])
    return plans


@dataclass
class Outcome:
    """What the runs of one stand came to: their rows, the processes hit by kind, and those that were left behind."""

    ended: list[dict[str, object]] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    left: list[int] = field(default_factory=list)
    versions: dict[str, list[str]] = field(default_factory=dict)


def kill_training(stands: Sequence[TrainingStand], plans: Sequence[Sequence[Hit]]) -> Report:
    """A run for each plan, each with another recipe, on the stands side by side; on each of them one after the other.

    A killed worker is started again at once.
    """
    with ThreadPoolExecutor(len(stands)) as lanes:
        shares = [plans[lane :: len(stands)] for lane in range(len(stands))]
        return _judge(list(lanes.map(_kill_on, stands, shares)))


def _kill_on(stand: TrainingStand, plans: Sequence[Sequence[Hit]]) -> Outcome:
    found = Outcome()
    for number, plan in enumerate(plans):
        model = stand.models[number % len(stand.models)]
        stand.change_recipe(model, f"{0.01 + 0.01 * number:.2f}")
        run = stand.request(model)
        for hit in plan:
            found.hits[hit.kind] += _kill(stand, hit, lambda run=run: stand.ended(run, 0.0) is not None)
        found.ended.append(stand.ended(run, _RUN_SECONDS) or {"state": "unended", "attempt": 0, "error": ""})
        if not wait_until(lambda: not stand.of_runs(), _GONE_SECONDS):
            found.left += stand.of_runs()
    found.versions = _versions(stand)
    return found


def _judge(outcomes: Sequence[Outcome]) -> Report:
    report = Report("SIGKILL in training runs", ["figure", "value"])
    ended = [run for one in outcomes for run in one.ended]
    hits = sum((one.hits for one in outcomes), Counter[str]())
    left = [pid for one in outcomes for pid in one.left]
    states = Counter(str(run["state"]) for run in ended)
    attempts = Counter(int(str(run["attempt"])) for run in ended)
    registered = {(lane, model): keys for lane, one in enumerate(outcomes) for model, keys in one.versions.items()}
    twice = {model: [key for key, times in Counter(keys).items() if times > 1] for model, keys in registered.items()}
    imported = [
        (lane, run["model"], run["version__number"])
        for lane, one in enumerate(outcomes)
        for run in one.ended
        if run["state"] == "succeeded"
    ]

    report.add("runs", len(ended))
    report.add("processes hit", ", ".join(f"{kind} {hits[kind]}" for kind in KINDS))
    report.add("ended as", ", ".join(f"{state} {times}" for state, times in sorted(states.items())))
    report.add("attempts", ", ".join(f"{number}: {times}" for number, times in sorted(attempts.items())))
    report.add("versions registered twice", sum(map(len, twice.values())))
    report.add("runs without their own version", len(imported) - len(set(imported)))
    report.add("processes left behind", len(left))
    lost = [run for run in ended if run["state"] != "succeeded"]
    report.check(not lost, f"{len(lost)} runs did not succeed: {[(run['state'], run['error']) for run in lost][:2]}")
    report.check(max(attempts, default=0) <= 3, f"a run took {max(attempts, default=0)} attempts")
    report.check(not any(twice.values()), f"registered twice: {twice}")
    report.check(len(set(imported)) == len(imported), "two runs ended with one version")
    report.check(not left, f"{len(left)} processes were left behind")
    return report


def _kill(stand: TrainingStand, hit: Hit, is_over: Callable[[], bool]) -> int:
    """1 where a process was hit, 0 where the run was over before."""
    words = f"ml_pipeline.stages.{hit.stage}" if hit.stage else ""

    def works() -> list[int]:
        return stand.processes(words) if words else stand.of_runs()

    if not wait_until(lambda: works() or is_over(), _RUN_SECONDS, 0.1) or not works():
        return 0
    time.sleep(hit.delay)
    victims = wait_until(lambda: _victims(stand, hit.kind) or (not stand.of_runs() and [0]), 60)
    if not victims or victims == [0]:
        return 0
    if hit.kind == "worker":
        stand.stop("runs", signal.SIGKILL)
        stand.start("runs")
        return 1
    with suppress(ProcessLookupError):
        os.kill(victims[0], signal.SIGKILL)
        return 1
    return 0


def _victims(stand: TrainingStand, kind: str) -> list[int]:
    """Worker and child count while a run works: killing an idle one proves nothing."""
    if kind == "worker":
        return [stand.pid("runs")] if stand.of_runs() else []
    if kind == "child":
        return stand.children()[:1] if stand.of_runs() else []
    return stand.processes({"guard": "guard.py", "dvc": "-m dvc", "stage": "ml_pipeline.stages."}[kind])


def _versions(stand: TrainingStand) -> dict[str, list[str]]:
    """The keys of every version on the tracking server, by model."""
    told: dict[str, list[str]] = json.loads(stand.python(f"MODELS = {stand.models!r}\n{_VERSIONS}"))
    return told
