"""The search itself: Optuna proposes, cross-validation judges, the tracking server remembers each trial."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml_pipeline.canonical import canonical_json
from ml_pipeline.errors import InvalidSpec, UnreachableRequirement
from ml_pipeline.experiment.judging import Judgement, OnFold, TrainingRows, ignore_fold, judge, objective_metric
from ml_pipeline.experiment.space import suggest
from ml_pipeline.learning.threads import single_threaded
from ml_pipeline.spec import ModelSpec


@dataclass(frozen=True)
class Candidate:
    """A judged recipe. `number` is its trial's; the declared recipe, judged first for comparison, has none."""

    number: int | None
    spec: ModelSpec
    judgement: Judgement

    @property
    def objective(self) -> float:
        return self.judgement.metrics[objective_metric(self.spec.decision)][0]


@dataclass(frozen=True)
class Outcome:
    """Every candidate that was judged to the end, best first, and how many were given up early or could not be."""

    candidates: list[Candidate]
    pruned: int
    impossible: int


def search(
    name: str,
    spec: ModelSpec,
    training: TrainingRows,
    *,
    families: list[str],
    trials: int,
    seconds: float | None,
    seed: int,
    on_judged: Callable[[Candidate], None],
) -> Outcome:
    """Judge the declared recipe, then up to `trials` others of `families` within `seconds`.

    The same seed tries the same recipes.
    """
    import optuna  # noqa: PLC0415 - costs a second, and only a search needs it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    started = time.monotonic()
    judged = [Candidate(None, spec, _judged(spec, training))]
    on_judged(judged[0])
    study = optuna.create_study(
        direction="minimize" if spec.decision.objective == "cost" else "maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, max(3, trials // 3))),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
    )
    impossible = 0

    def attempt(trial: Any) -> float:
        nonlocal impossible
        try:
            candidate = _judged_trial(name, spec, training, families, trial)
        except (InvalidSpec, UnreachableRequirement) as error:
            impossible += 1
            raise optuna.TrialPruned(str(error)) from error
        judged.append(candidate)
        on_judged(candidate)
        return candidate.objective

    left = None if seconds is None else max(1.0, seconds - (time.monotonic() - started))
    study.optimize(attempt, n_trials=trials, timeout=left)
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    return Outcome(ordered(judged), pruned - impossible, impossible)


def _judged(spec: ModelSpec, training: TrainingRows, on_fold: OnFold = ignore_fold) -> Judgement:
    """As the pipeline fits: one thread, so that times compare and the same seed gives the same bytes."""
    with single_threaded():
        return judge(spec, training, on_fold=on_fold)


def ordered(candidates: list[Candidate]) -> list[Candidate]:
    """By the declared objective, and among equals the faster answer first."""
    sign = 1 if candidates[0].spec.decision.objective == "cost" else -1
    return sorted(candidates, key=lambda item: (sign * item.objective, item.judgement.row_milliseconds))


def with_sections(name: str, spec: ModelSpec, sections: Mapping[str, Any]) -> ModelSpec:
    """`spec` with other sections, validated as a block of `params.yaml` is."""
    block = spec.model_dump(mode="json", by_alias=True)
    return ModelSpec.parse(name, {**block, **sections})


def fingerprint(spec: ModelSpec) -> str:
    """Features and estimator as text: two candidates with one fingerprint are one recipe."""
    return canonical_json(spec.model_dump(mode="json", include={"features", "estimator"})).decode()


def _judged_trial(name: str, spec: ModelSpec, training: TrainingRows, families: list[str], trial: Any) -> Candidate:
    import optuna  # noqa: PLC0415

    features, estimator = suggest(trial, spec, families)
    proposed = with_sections(name, spec, {"features": features, "estimator": estimator})

    def on_fold(number: int, value: float) -> None:
        trial.report(value, number)
        if trial.should_prune():
            raise optuna.TrialPruned

    return Candidate(trial.number, proposed, _judged(proposed, training, on_fold))
