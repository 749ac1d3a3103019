"""Promotions back and forth under load: nothing fails, and each worker follows the decisions within two seconds."""

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby, pairwise

from tests.drills.load import Answered, percentile
from tests.drills.report import Report
from tests.drills.stand import Stand

LIMIT_SECONDS = 2.0
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Decided:
    """`before` its transaction, `committed` after it: the change took effect in between."""

    version: int
    before: float
    committed: float


def promote_back_and_forth(
    stand: Stand, *, count: int, pauses: tuple[float, float], rate: float, clients: int
) -> Report:
    load = stand.load(rate=rate, clients=clients)
    with load.running(), stand.deciding("alternate", str(count), *map(str, pauses)) as process:
        assert process.stdout is not None
        decided = [Decided(**json.loads(line)) for line in process.stdout]
        load.stopped.wait(LIMIT_SECONDS + 0.5)
    return _judge(stand, decided, load.answered)


def _judge(stand: Stand, decided: list[Decided], answered: list[Answered]) -> Report:
    report = Report("Promotions back and forth", ["figure", "value"])
    good = [one for one in answered if one.status == 200]
    failed = [one for one in answered if one.status != 200]
    lags, skipped = _follow(decided, good, report)
    ids = [prediction for one in good for prediction in one.ids]
    _, missing = stand.wait_for_log(ids)
    logged = stand.logged()
    wrong = [one for one in good if any(logged.get(number) != one.content["version"] for number in one.ids)]
    mixed = [one for one in good if not _of_one_version(stand, one)]

    report.add("decisions", len(decided))
    report.add("requests, of them lists", f"{len(answered)}, {sum(len(one.rows) > 1 for one in good)}")
    report.add("failed requests", len(failed))
    report.add("workers", len({one.worker for one in good}))
    report.add("switches seen, decisions skipped", f"{len(lags)}, {skipped}")
    for percent in (50, 95, 99):
        report.add(f"switch after the commit, p{percent}", f"{percentile(lags, percent):.0f} ms")
    report.add("last worker switched after", f"{1e3 * max(lags, default=0):.0f} ms")
    report.add("answers that mix versions", len(mixed))
    report.add("answers logged under another version", len(wrong))
    report.check(bool(decided) and bool(lags), "no switch was seen")
    report.check(not failed, f"{len(failed)} requests failed, the first: {failed[:1]}")
    report.check(max(lags, default=0) <= LIMIT_SECONDS, f"a worker switched after {max(lags, default=0):.2f} s")
    report.check(not mixed, f"{len(mixed)} answers mix versions: {mixed[:1]}")
    report.check(not wrong and not missing, f"{len(wrong)} logged wrongly, {len(missing)} not at all")
    return report


def _follow(decided: list[Decided], good: list[Answered], report: Report) -> tuple[list[float], int]:
    """Seconds from each commit to the first answer of a worker by it, and how many decisions a worker never showed.

    The connections of a worker are one sequence: a later question never gets an earlier decision's answer.
    """
    of_worker: dict[int, list[Answered]] = defaultdict(list)
    for one in good:
        of_worker[one.worker].append(one)
    lags, skipped = [], 0
    for worker, answers in of_worker.items():
        seen = -1
        for number, started in _switches(answers):
            due = [index for index, one in enumerate(decided) if one.version == number and one.before <= started.at]
            report.check(bool(due) and due[-1] > seen, f"worker {worker} went to version {number} that nobody decided")
            if due and due[-1] > seen:
                skipped += due[-1] - seen - 1
                seen = due[-1]
                lags.append(max(0.0, started.at - decided[seen].committed))
        report.check(seen == len(decided) - 1, f"worker {worker} ended at decision {seen + 1} of {len(decided)}")
        late = [one for one in answers if not _is_allowed(one, decided)]
        report.check(not late, f"worker {worker} answered {len(late)} times by a version that had gone")
    return lags, skipped


def _switches(answers: list[Answered]) -> list[tuple[int, Answered]]:
    """Each version and the first answer by it, in the order in which the questions were sent."""
    in_order = sorted(answers, key=lambda one: one.sent)
    runs = [next(run) for _, run in groupby(_settled(in_order), key=lambda one: one.content["version"])]
    return [(one.content["version"], one) for one in runs[1:]]


def _settled(in_order: list[Answered]) -> list[Answered]:
    """Without answers that overlap a newer version's: asked together, either may come first."""
    kept: list[Answered] = []
    for one in in_order:
        overtaken = kept and kept[-1].content["version"] != one.content["version"] and one.sent < kept[-1].at
        if overtaken:
            continue
        kept.append(one)
    return kept


def _is_allowed(one: Answered, decided: list[Decided]) -> bool:
    """Whether its version was to serve at some moment between question and answer, two seconds' grace included."""
    number = one.content["version"]
    spans = [(first.before, second.committed) for first, second in pairwise(decided) if first.version == number]
    if decided[0].version != number:
        spans.append((0.0, decided[0].committed))
    if decided[-1].version == number:
        spans.append((decided[-1].before, float("inf")))
    return any(one.at >= start and one.sent <= end + LIMIT_SECONDS for start, end in spans)


def _of_one_version(stand: Stand, one: Answered) -> bool:
    expected = stand.probabilities[one.content["version"]]
    return all(
        abs(prediction["probability"] - expected[text]) <= _TOLERANCE
        for text, prediction in zip(one.rows, one.content["predictions"], strict=True)
    )
