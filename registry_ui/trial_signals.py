"""What a version on trial is judged by: failures, slow answers, wrong decisions; and what the test says of each.

Everything here is computed from counts: `registry_ui.selectors.trials` reads them, `registry_ui.services.rollouts`
acts. A signal's counts have one entry for each of its `values`, the outcomes in [0, 1] that one row can have.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from ml_pipeline.learning.sequential import (
    expected_mean,
    log_evidence,
    look_above,
    look_beside,
    no_evidence,
    rate_interval,
)

ERRORS, SLOW, WRONG = "errors", "slow", "wrong"
SIGNALS = (ERRORS, SLOW, WRONG)
SLOW_SHARE = 0.05  # one answer in twenty may be slower than `latency_ms`
YES_OR_NO = (0.0, 1.0)
# Logarithms of what is put on calls of one size, nine tenths, and on those beside larger ones; their mean is 1.
_SAME_SIZE, _LARGER = math.log(1.8), math.log(0.2)
_SIZES = 112  # classes of `predictions.version_counts.size_of`
_SIDES = ("tested", "beside")
LEAST = {ERRORS: 3, SLOW: 10, WRONG: 10}  # so few are no pattern, however unlikely
RECORDED = 100  # rows of the version before from which on its record adds to what is allowed
_EXPECTED = {ERRORS: 0.001, SLOW: 0.01, WRONG: 0.2}  # where nothing was seen yet


@dataclass(frozen=True)
class Counts:
    """Outcomes of both versions since the trial began, or of the one before in its record."""

    values: Sequence[float]
    tested: Sequence[int]
    beside: Sequence[int]


@dataclass(frozen=True)
class Verdict:
    """A signal by which the version is worse than it may be, in a sentence."""

    signal: str
    reason: str


def signal_looked(
    before: Mapping[str, Any], name: str, strata: Mapping[int, Counts], *, against_record: bool, **rules: Any
) -> Any:
    """The signal after one more look, as `VersionTrial.signals` keeps it; `before` is what that was ({}: nothing).

    Beside a champion the test compares what came since the last look. Against a record it asks whether the mean is
    above both what is allowed and what the record makes possible. `strata` are the counts by the size of a call: a
    canary gets small parts of lists, and a large part fails more often. Sizes have no calls in common, so that the
    e-values of a bet multiply; those of small calls beside larger ones are further bets of the mixture.
    """
    values = next(iter(strata.values())).values
    log, most, bounds = before.get("log", no_evidence()), _most_before(before), {}
    if name == ERRORS and not against_record and len(log) == len(no_evidence()):
        log = [*(one + _SAME_SIZE for one in log), *(one + _LARGER for one in no_evidence())]
    expected = expected_mean(
        values, _together(values, [one["beside"] for one in most.values()]), before=_EXPECTED[name]
    )
    known, new = {}, {}
    gains: list[Any] = []
    for size, counts in strata.items():
        seen = most.get(str(size), {side: [0] * len(values) for side in _SIDES})
        known[size] = seen["beside"]
        most[str(size)] = now = {side: _most_of(seen[side], getattr(counts, side)) for side in _SIDES}
        new[size] = Counts(values, *(_since(seen[side], now[side]) for side in _SIDES))
        if against_record and (bound := _bound(name, strata, size, **rules)) is not None:
            bounds[size] = bound
            gains.append(look_above(values, new[size].tested, bound=bound))
    if not against_record:
        for size, one in new.items():
            mean = expected_mean(values, known[size], before=float(expected))
            gains.append(look_beside(values, one.tested, one.beside, expected=mean))
        if len(log) > len(no_evidence()) and (pooled := _with_larger(new)) is not None:
            larger = _listed(look_beside(values, pooled.tested, pooled.beside, expected=expected))
            gains.append([*no_evidence(), *larger])
    for gain in gains:
        log = [one + more for one, more in zip_longest(log, _listed(gain), fillvalue=0.0)]
    return {
        "values": list(values),
        **{side: _together(values, [getattr(one, side) for one in strata.values()]) for side in _SIDES},
        "most": most,
        "log": log,
        "bound": _bound_of_all(strata, bounds),
    }


def _with_larger(new: Mapping[int, Counts]) -> Counts | None:
    """Of what came since the last look, calls that have none of their size beside them, and larger ones of the other.

    Those fail at least as often, if the version on trial is no worse: one that always fails is found though nothing has
    its size. Which they are, only the sizes decide, and never how the calls went.
    """
    small = {size: one for size, one in new.items() if not sum(one.beside)}
    large = {size: one for size, one in new.items() if not sum(one.tested)}
    pools = [
        Counts(
            one.values,
            _together(one.values, [other.tested for size, other in small.items() if size <= border]),
            _together(one.values, [other.beside for size, other in large.items() if size >= border]),
        )
        for border, one in small.items()
    ]
    return max(pools, key=lambda one: min(sum(one.tested), sum(one.beside)), default=None)


def _together(values: Sequence[float], counts: Sequence[Sequence[int]]) -> list[int]:
    return [sum(one[place] for one in counts) for place in range(len(values))]


def _most_before(before: Mapping[str, Any]) -> dict[str, Any]:
    """Of each outcome the most that there ever was, by size.

    What was taken back, as a label that is told anew takes one, cannot be unseen: only what exceeds this is new, or
    labels that are told to and fro would count each time. Trials from before there were sizes have all under 1.
    """
    if "most" in before:
        return dict(before["most"])
    return {"1": {side: before[side] for side in _SIDES}} if "tested" in before else {}


def verdict(signals: Mapping[str, Any], *, against_record: bool, alpha: float, error_share: float) -> Verdict | None:
    """The first signal that is proven worse and beyond what is allowed; None where none is."""
    for name in SIGNALS:
        signal = signals.get(name)
        if signal is None or hits_of(signal["values"], signal["tested"]) < LEAST[name]:
            continue
        proven = evidence_of(signal) >= threshold(against_record=against_record, alpha=alpha)
        if proven and mean_of(signal["values"], signal["tested"]) > allowed(name, error_share=error_share):
            return Verdict(name, _reason(name, signal, against_record=against_record, alpha=alpha))
    return None


def threshold(*, against_record: bool, alpha: float) -> float:
    """The natural logarithm of the e-value that decides, shared among the signals.

    Half of alpha is spent on the record, which is only known to within its interval.
    """
    return math.log((2 if against_record else 1) * len(SIGNALS) / alpha)


def evidence_of(signal: Mapping[str, Any]) -> float:
    """The natural logarithm of the e-value."""
    return float(log_evidence(signal["log"]))


def signal_told(signal: Mapping[str, Any], *, alpha: float) -> dict[str, Any]:
    """Rows, mean and interval of both versions, and the logarithm of the e-value."""
    sides = {
        side: {
            "rows": sum(signal[side]),
            "mean": mean_of(signal["values"], signal[side]),
            "interval": list(interval_of(signal["values"], signal[side], alpha=alpha)),
        }
        for side in ("tested", "beside")
    }
    is_cost = tuple(signal["values"]) != YES_OR_NO
    return {**sides, "log_evidence": evidence_of(signal), "bound": signal["bound"], "is_cost": is_cost}


def allowed(name: str, *, error_share: float) -> float:
    """The mean up to which the version may be worse all the same."""
    return {ERRORS: error_share, SLOW: SLOW_SHARE, WRONG: 0.0}[name]


def mean_of(values: Sequence[float], counts: Sequence[int]) -> float:
    rows = sum(counts)
    return hits_of(values, counts) / rows if rows else 0.0


def hits_of(values: Sequence[float], counts: Sequence[int]) -> float:
    return sum(value * count for value, count in zip(values, counts, strict=True))


def interval_of(values: Sequence[float], counts: Sequence[int], *, alpha: float) -> tuple[float, float]:
    """Where the mean lies, at every look at once. For outcomes between 0 and 1 it is wider than it need be."""
    return rate_interval(hits_of(values, counts), sum(counts), alpha=alpha)


def _bound(name: str, strata: Mapping[int, Counts], size: int, *, alpha: float, error_share: float) -> float | None:
    """The mean of calls of a size that the record and what is allowed make possible; None where neither says anything.

    The record is that of calls of the size; where it has fewer than RECORDED, that of calls with as many rows or more,
    which fail as often at least, then with a k-th of the rows or more, and k times its mean is possible. Where nothing
    is allowed, as of wrong decisions, there is only the record: it counts from its first row on, as its interval holds
    however few there are. Elsewhere a short one would allow nearly everything, and what is allowed is enough.
    """
    least, values = allowed(name, error_share=error_share), strata[size].values
    recorded = sum(sum(counts.beside) for counts in strata.values())
    if recorded == 0 or (least and recorded < RECORDED):
        return least or None
    times, pooled, enough = 0.5, list(strata[size].beside), min(RECORDED, recorded)
    while sum(pooled) < enough:
        times *= 2
        like = [counts.beside for other, counts in strata.items() if other * times >= size]
        pooled = _together(values, like)
    alpha = alpha / (2 * len(SIGNALS) * (_SIZES if name == ERRORS else 1))
    return max(least, min(1.0, max(times, 1.0) * interval_of(values, pooled, alpha=alpha)[1]))


def _bound_of_all(strata: Mapping[int, Counts], bounds: Mapping[int, float]) -> float | None:
    """What the mean of all strata must not exceed, by how many rows there are in each."""
    rows = {size: sum(strata[size].tested) for size in bounds}
    weights = rows if any(rows.values()) else dict.fromkeys(bounds, 1)
    return sum(weights[size] * bound for size, bound in bounds.items()) / sum(weights.values()) if bounds else None


def _listed(logs: Any) -> list[float]:
    return [float(one) for one in logs]


def _most_of(seen: Sequence[int], now: Sequence[int]) -> list[int]:
    return [max(both) for both in zip(seen, now, strict=True)]


def _since(seen: Sequence[int], now: Sequence[int]) -> list[int]:
    return [count - before for before, count in zip(seen, now, strict=True)]


def _reason(name: str, signal: Mapping[str, Any], *, against_record: bool, alpha: float) -> str:
    rows, mean = sum(signal["tested"]), mean_of(signal["values"], signal["tested"])
    other_rows, other = sum(signal["beside"]), mean_of(signal["values"], signal["beside"])
    low, high = interval_of(signal["values"], signal["tested"], alpha=alpha)
    what = {
        ERRORS: "requests failed",
        SLOW: "answers were slow",
        WRONG: "decisions were wrong" if tuple(signal["values"]) == YES_OR_NO else "of the highest cost was paid",
    }[name]
    whose = "of the version before" if against_record else "of the champion's"
    beside = f"; {whose}, {other:.2%} of {other_rows}" if other_rows else ""
    return f"{mean:.2%} of {rows} {what} (interval {low:.2%} to {high:.2%}){beside}."
