"""Judging a bundle on held-out rows, alone and beside the champion: what evaluation reports of it.

Evaluation calls it for a fresh bundle, and whoever changes a threshold calls it for the same model under another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.bundle.scoring import judge
from ml_pipeline.learning.bootstrap import bootstrap_intervals, finite, finite_differences, paired_differences
from ml_pipeline.learning.metrics import Costs, Scored
from ml_pipeline.learning.slices import compared_slices, slice_report
from ml_pipeline.rows import LabelledRows
from ml_pipeline.scores import HeldOutScores
from ml_pipeline.spec import Decision, Evaluation, ModelSpec, Target

Measured = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Yardstick:
    """What a judgement needs of a spec: the classes in the estimator's order, costs, fields to slice by, draws."""

    classes: tuple[str, ...]
    costs: Costs
    slices: tuple[str, ...]
    draws: int

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        return cls(spec.target.classes, Costs.of(spec.decision), spec.evaluation.slices, spec.evaluation.bootstrap)

    @classmethod
    def of_public(cls, spec: Mapping[str, Any]) -> Self:
        """That of the spec that travels in a bundle."""
        target, decision = Target.model_validate(spec["target"]), Decision.model_validate(spec["decision"])
        evaluation = Evaluation.model_validate(spec["evaluation"])
        return cls(target.classes, Costs.of(decision), evaluation.slices, evaluation.bootstrap)


@dataclass(frozen=True)
class Judgement:
    """A bundle's answers to held-out rows and what they are worth. `champion` is None where there is none."""

    scored: Scored
    scores: HeldOutScores
    metrics: Measured
    slices: dict[str, Any]
    champion: dict[str, Any] | None

    @property
    def values(self) -> dict[str, float]:
        return {name: measured["value"] for name, measured in self.metrics.items()}


def judge_held_out(
    bundle: ModelBundle, held_out: LabelledRows, *, yardstick: Yardstick, champion: ModelBundle | None
) -> Judgement:
    """Score the rows through the bundle, and through the champion on those rows that it takes."""
    labels = np.array(held_out.labels, dtype=np.int64)
    scored = judge(bundle, held_out.rows, labels, classes=yardstick.classes).scored
    compared, answered, theirs = _compared(champion, held_out, scored, yardstick)
    return Judgement(
        scored=scored,
        scores=HeldOutScores(held_out.ids, scored, answered, theirs),
        metrics=_measured(scored, yardstick),
        slices=slice_report(
            held_out.rows, scored, fields=yardstick.slices, costs=yardstick.costs, draws=yardstick.draws
        ),
        champion=compared,
    )


def _compared(
    champion: ModelBundle | None, held_out: LabelledRows, candidate: Scored, yardstick: Yardstick
) -> tuple[dict[str, Any] | None, Any, Scored | None]:
    """The report's words about the champion, the rows that it takes, and its answers to them."""
    nowhere = np.zeros(len(held_out), dtype=bool)
    if champion is None:
        return None, nowhere, None
    if set(champion.labels) != set(yardstick.classes):
        return {"comparable": False, "labels": list(champion.labels)}, nowhere, None
    judged = judge(champion, held_out.rows, candidate.labels, classes=yardstick.classes)
    rows = {"compared": len(judged.scored), "refused": judged.refused}
    if not len(judged.scored):
        return {"comparable": False, "rows": rows}, judged.answered, judged.scored
    same_rows = candidate.take(judged.answered)
    asked = [row for row, takes in zip(held_out.rows, judged.answered, strict=True) if takes]
    how: dict[str, Any] = {"costs": yardstick.costs, "draws": yardstick.draws}
    report = {
        "comparable": True,
        "rows": rows,
        "metrics": _measured(judged.scored, yardstick),
        "candidate_metrics": _measured(same_rows, yardstick),
        "differences": finite_differences(paired_differences(same_rows, judged.scored, **how)),
        "slices": compared_slices(asked, same_rows, judged.scored, fields=yardstick.slices, **how),
    }
    return report, judged.answered, judged.scored


def _measured(scored: Scored, yardstick: Yardstick) -> Measured:
    return finite(bootstrap_intervals(scored, costs=yardstick.costs, draws=yardstick.draws))
