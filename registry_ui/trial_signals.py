"""What a version on trial is judged by: failures, slow answers, wrong decisions; and what the test says of each.

Everything here is computed from counts: `registry_ui.selectors.trials` reads them, `registry_ui.services.rollouts`
acts. A signal's counts have one entry for each of its `values`, the outcomes in [0, 1] that one row can have.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def signal_looked(before: Mapping[str, Any], name: str, counts: Counts, *, against_record: bool, **rules: Any) -> Any:
    """The signal after one more look, as `VersionTrial.signals` keeps it; `before` is what that was ({}: nothing).

    Beside a champion the test compares what came since the last look. Against a record it asks whether the mean is
    above both what is allowed and what the record makes possible. What was taken back, as a label that is told anew
    takes one, cannot be unseen: of each outcome only what exceeds the most there ever was is new, or labels that are
    told to and fro would count each time.
    """
    log = before.get("log", no_evidence())
    seen = [before.get(f"most_{side}", before.get(side, [0] * len(counts.values))) for side in ("tested", "beside")]
    most = [_most_of(*both) for both in zip(seen, (counts.tested, counts.beside), strict=True)]
    new, new_beside = (_since(*both) for both in zip(seen, most, strict=True))
    bound = None
    if not against_record:
        expected = expected_mean(counts.values, seen[1], before=_EXPECTED[name])
        gain = _listed(look_beside(counts.values, new, new_beside, expected=expected))
    elif (bound := _bound(name, counts, **rules)) is not None:
        gain = _listed(look_above(counts.values, new, bound=bound))
    else:
        gain = no_evidence()
    return {
        "values": list(counts.values),
        "tested": list(counts.tested),
        "beside": list(counts.beside),
        "most_tested": most[0],
        "most_beside": most[1],
        "log": [one + more for one, more in zip(log, gain, strict=True)],
        "bound": bound,
    }


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


def _bound(name: str, counts: Counts, *, alpha: float, error_share: float) -> float | None:
    """The mean that the record and what is allowed make possible; None where neither says anything.

    Where nothing is allowed, as of wrong decisions, there is only the record: it counts from its first row on, as its
    interval holds at any size. Elsewhere a short one would allow nearly everything, and what is allowed is enough.
    """
    least = allowed(name, error_share=error_share)
    rows = sum(counts.beside)
    if rows == 0 or (least and rows < RECORDED):
        return least or None
    return max(least, interval_of(counts.values, counts.beside, alpha=alpha / (2 * len(SIGNALS)))[1])


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
