"""What a version on trial is judged by: failures, slow answers, wrong decisions; and what the test says of each.

Everything here is computed from counts: `registry_ui.selectors.trials` reads them, `registry_ui.services.rollouts`
acts. A signal's counts have one entry for each of its `values`, the outcomes in [0, 1] that one row can have.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from registry_ui.trial_strata import Counts, Strata

ERRORS, SLOW, WRONG = "errors", "slow", "wrong"
SIGNALS = (ERRORS, SLOW, WRONG)
SLOW_SHARE = 0.05  # one answer in twenty may be slower than `latency_ms`
YES_OR_NO = (0.0, 1.0)
# Logarithms of what is put on calls of one size, nine tenths, and on those beside larger ones; their mean is 1.
_SAME_SIZE, _LARGER = math.log(1.8), math.log(0.2)
_SIZES = 112  # classes of `predictions.version_counts.size_of`
LEAST = {ERRORS: 3, SLOW: 10, WRONG: 10}  # so few are no pattern, however unlikely
RECORDED = 100  # rows of the version before from which on its record adds to what is allowed
_EXPECTED = {ERRORS: 0.001, SLOW: 0.01, WRONG: 0.2}  # where nothing was seen yet


@dataclass(frozen=True)
class Verdict:
    """A signal by which the version is worse than it may be, in a sentence."""

    signal: str
    reason: str


def signal_looked(before: Mapping[str, Any], name: str, now: Strata, *, against_record: bool, **rules: Any) -> Any:
    """The signal after one more look, as `VersionTrial.signals` keeps it; `before` is what that was ({}: nothing).

    Beside a champion the test compares what came since the last look. Against a record it asks whether the mean is
    above both what is allowed and what the record makes possible. Sizes have no calls in common, so that the e-values
    of a bet multiply; those of small calls beside larger ones are further bets of the mixture.
    """
    log, seen = before.get("log", first_evidence(name, against_record=against_record)), _seen(before, now.values)
    bounds = {size: _bound(name, now, size, **rules) for size in now} if against_record else {}
    gains = _gained_above(bounds, now.since(seen)) if against_record else _gained_beside(name, seen, now.since(seen))
    for gain in gains:
        log = [one + more for one, more in zip_longest(log, gain[: len(log)], fillvalue=0.0)]
    return {
        "values": list(now.values),
        "tested": list(now.total.tested),
        "beside": list(now.total.beside),
        "most": {str(size): _sides(one) for size, one in seen.most(now).by_size.items()},
        "log": log,
        "bound": _bound_of_all(now, bounds),
    }


def first_evidence(name: str, *, against_record: bool) -> list[float]:
    """Before the first look: the bets on calls of one size, and for failures beside a champion also the others."""
    if name != ERRORS or against_record:
        return no_evidence()
    return [*(one + _SAME_SIZE for one in no_evidence()), *(one + _LARGER for one in no_evidence())]


def _gained_beside(name: str, seen: Strata, new: Strata) -> list[list[float]]:
    """What the new rows add to the bets: of each size, and of small calls beside larger ones."""
    values, expected = new.values, expected_mean(new.values, seen.total.beside, before=_EXPECTED[name])
    gains = []
    for size, one in new.by_size.items():
        mean = expected_mean(values, seen[size].beside, before=float(expected))
        gains.append(_listed(look_beside(values, one.tested, one.beside, expected=mean)))
    if (pair := new.beside_larger()) is not None:
        larger = look_beside(values, pair.tested, pair.beside, expected=expected)
        gains.append([*no_evidence(), *_listed(larger)])
    return gains


def _gained_above(bounds: Mapping[int, float | None], new: Strata) -> list[list[float]]:
    return [
        _listed(look_above(new.values, new[size].tested, bound=bound))
        for size, bound in bounds.items()
        if bound is not None
    ]


def _seen(before: Mapping[str, Any], values: Sequence[float]) -> Strata:
    """Of each outcome the most that there ever was. Trials from before there were sizes have all under 1."""
    most = before.get("most", {1: before} if "tested" in before else {})
    return Strata(values, {int(size): Counts(values, one["tested"], one["beside"]) for size, one in most.items()})


def _sides(counts: Counts) -> dict[str, list[int]]:
    return {"tested": list(counts.tested), "beside": list(counts.beside)}


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


def _bound(name: str, now: Strata, size: int, *, alpha: float, error_share: float) -> float | None:
    """The mean of calls of a size that the record and what is allowed make possible; None where neither says anything.

    The record is that of calls of the size; where it has fewer than RECORDED, that of calls with as many rows or more,
    which fail as often at least, then with a k-th of the rows or more, and k times its mean is possible. Where nothing
    is allowed, as of wrong decisions, there is only the record: it counts from its first row on, as its interval holds
    however few there are. Elsewhere a short one would allow nearly everything, and what is allowed is enough.
    """
    least, recorded = allowed(name, error_share=error_share), sum(now.total.beside)
    if recorded == 0 or (least and recorded < RECORDED):
        return least or None
    times, pooled = 0.5, now[size].beside
    while sum(pooled) < min(RECORDED, recorded):
        times *= 2
        pooled = now.pooled(partial(_is_comparable, size=size, times=times)).beside
    alpha = alpha / (2 * len(SIGNALS) * (_SIZES if name == ERRORS else 1))
    return max(least, min(1.0, max(times, 1.0) * interval_of(now.values, pooled, alpha=alpha)[1]))


def _is_comparable(other: int, *, size: int, times: float) -> bool:
    return other * times >= size


def _bound_of_all(now: Strata, bounds: Mapping[int, float | None]) -> float | None:
    """What the mean of all sizes must not exceed, by how many rows there are in each."""
    known = {size: bound for size, bound in bounds.items() if bound is not None}
    rows = {size: sum(now[size].tested) for size in known}
    weights = rows if any(rows.values()) else dict.fromkeys(known, 1)
    return sum(weights[size] * bound for size, bound in known.items()) / sum(weights.values()) if known else None


def _listed(logs: Any) -> list[float]:
    return [float(one) for one in logs]


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
