"""The backtest: would this recipe, fitted on the past, have held in what came later?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml_pipeline.errors import UnreachableRequirement
from ml_pipeline.learning.bootstrap import bootstrap_intervals, finite
from ml_pipeline.learning.metrics import Costs
from ml_pipeline.learning.recipe import fit_recipe
from ml_pipeline.rows import LabelledRows
from ml_pipeline.spec import Decision, Estimator, Features, Target


def backtest(
    earlier: LabelledRows,
    later: LabelledRows,
    *,
    cleaning: Mapping[str, Sequence[str]],
    features: Features,
    estimator: Estimator,
    decision: Decision,
    target: Target,
    draws: int,
) -> dict[str, Any]:
    """Fit all steps, the threshold included, on earlier cleaned rows and measure them on later ones.

    Requirements that no threshold reached on the earlier rows are a finding, not a fault: `unreachable` says it.
    """
    sizes = {"earlier": len(earlier), "later": len(later)}
    labels, later_labels = (np.array(rows.labels, dtype=np.int64) for rows in (earlier, later))
    try:
        fitted = fit_recipe(
            earlier.rows,
            labels,
            cleaning=cleaning,
            features=features,
            estimator=estimator,
            decision=decision,
            target=target,
        )
    except UnreachableRequirement as error:
        return {"rows": sizes, "unreachable": error.message, "threshold": None, "metrics": {}}
    scored = fitted.score(later.rows, later_labels)
    intervals = bootstrap_intervals(scored, costs=Costs.of(decision), draws=draws)
    return {"rows": sizes, "unreachable": None, "threshold": fitted.threshold, "metrics": finite(intervals)}
