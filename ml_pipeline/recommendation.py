"""What comparing a candidate with the champion recommends, as a function of their scores and the policy."""

import math
from typing import Any

from ml_pipeline.baseline import Champion
from ml_pipeline.learning.bootstrap import PairedDifference, paired_bootstrap
from ml_pipeline.scores import HeldOutScores
from ml_pipeline.spec import Promotion, Rollout

_NAMES = {"f1": "F1", "roc_auc": "ROC AUC", "pr_auc": "PR AUC"}


def recommendation(
    *,
    report: dict[str, Any],
    metrics: dict[str, float],
    scores: HeldOutScores,
    champion: Champion | None,
    promotion: Promotion,
    rollout: Rollout,
    draws: int,
) -> dict[str, Any]:
    """The recommendation: the same for the same candidate, champion and policy, whenever and wherever it is made.

    Verdicts: `below_floors`, whatever else holds; `first` without a champion; `identical` to the champion; `promote`
    where the gain is reached; else `keep` (the champion).
    """
    floors = _floors(promotion, metrics)
    same = champion is not None and champion.bundle_hash == report["bundle_hash"]
    compared = None if champion is None or same else _compare(scores, promotion.metric, draws)
    verdict = _verdict(floors, champion is not None, same, compared, promotion)
    return {
        "model": report["model"],
        "bundle_hash": report["bundle_hash"],
        "data_hash": report["data_hash"],
        "champion": None if champion is None else {"version": champion.version, "bundle_hash": champion.bundle_hash},
        "verdict": verdict,
        "reasons": [
            *_floor_reasons(floors),
            *_champion_reasons(champion.version if champion else None, same, compared, promotion),
        ],
        "comparison": compared,
        "floors": floors,
        "promotion": promotion.model_dump(mode="json"),
        "rollout": rollout.model_dump(mode="json"),
        "metrics": metrics,
    }


def _floors(policy: Promotion, metrics: dict[str, float]) -> list[dict[str, Any]]:
    """Every floor with the candidate's value; one that could not be measured is not reached."""
    rows = []
    for metric, floor in policy.floors.items():
        value = metrics.get(metric)
        rows.append({"metric": metric, "floor": floor, "value": value, "passed": value is not None and value >= floor})
    return rows


def _compare(scores: HeldOutScores, metric: str, draws: int) -> dict[str, Any] | None:
    """The paired comparison by the policy's metric; None where the champion could score none of the rows."""
    if scores.champion is None:
        return None
    candidate, champion = scores.candidate_where_compared, scores.champion
    measured = paired_bootstrap(
        labels=candidate.labels,
        candidate_decisions=candidate.decisions,
        candidate_probabilities=candidate.probabilities,
        champion_decisions=champion.decisions,
        champion_probabilities=champion.probabilities,
        metric=metric,
        draws=draws,
    )
    flips = int((candidate.decisions != champion.decisions).sum())
    return {
        "metric": metric,
        "rows": len(candidate),
        "decisions_that_differ": flips,
        **{name: _number(getattr(measured, name)) for name in PairedDifference.__dataclass_fields__},
    }


def _verdict(
    floors: list[dict[str, Any]], has_champion: bool, same: bool, compared: dict[str, Any] | None, policy: Promotion
) -> str:
    if not all(floor["passed"] for floor in floors):
        return "below_floors"
    if not has_champion:
        return "first"
    if same:
        return "identical"
    return "promote" if compared is not None and _gains(compared, policy) else "keep"


def _gains(compared: dict[str, Any], policy: Promotion) -> bool:
    """The gain is reached; where none is asked for, the candidate must still be better, not merely equal."""
    difference = compared["difference"]
    if difference is None:
        return False
    return bool(difference > 0 if policy.minimum_gain == 0 else difference >= policy.minimum_gain)


def _floor_reasons(floors: list[dict[str, Any]]) -> list[str]:
    if floors and all(floor["passed"] for floor in floors):
        shown = ", ".join(f"{_named(floor['metric'])} {floor['value']:.4f} ≥ {floor['floor']:g}" for floor in floors)
        return [f"Every floor is reached: {shown}."]
    return [
        f"{_named(floor['metric'])} could not be measured; its floor is {floor['floor']:g}."
        if floor["value"] is None
        else f"{_named(floor['metric'])} is {floor['value']:.4f}, below its floor of {floor['floor']:g}."
        for floor in floors
        if not floor["passed"]
    ]


def _champion_reasons(version: int | None, same: bool, compared: dict[str, Any] | None, policy: Promotion) -> list[str]:
    if same:
        return [f"It is the champion's bundle, version {version}, byte for byte: nothing would change."]
    if version is None:
        return ["There is no champion to compare it with: it would be the first version."]
    if compared is None or compared["difference"] is None:
        return [
            f"It could not be compared with the champion, version {version}, on {_named(policy.metric)}: "
            "it cannot answer these held-out rows, or the metric is undefined on them. A person has to decide."
        ]
    return [_comparison_reason(version, compared), _certainty_reason(compared), _gain_reason(compared, policy)]


def _comparison_reason(version: int, compared: dict[str, Any]) -> str:
    return (
        f"{_named(compared['metric'])} is {compared['candidate']:.4f}, the champion's (version {version}) is "
        f"{compared['champion']:.4f} on the same {compared['rows']} held-out rows; "
        f"{compared['decisions_that_differ']} decisions differ."
    )


def _certainty_reason(compared: dict[str, Any]) -> str:
    low, high = compared["low"], compared["high"]
    if low is None or high is None:
        return "There are too few rows to say how certain the difference is."
    meaning = (
        "the interval includes 0, so it may be chance"
        if low <= 0 <= high
        else f"the candidate is {'better' if low > 0 else 'worse'} beyond what chance explains"
    )
    return f"The difference is {compared['difference']:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}: {meaning}."


def _gain_reason(compared: dict[str, Any], policy: Promotion) -> str:
    asked = "any gain" if policy.minimum_gain == 0 else f"a gain of at least {policy.minimum_gain:+g}"
    return f"The policy asks for {asked}: {'reached' if _gains(compared, policy) else 'not reached'}."


def _named(metric: str) -> str:
    return _NAMES.get(metric, metric.replace("_", " ").capitalize())


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
