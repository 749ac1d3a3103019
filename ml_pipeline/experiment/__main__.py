"""`python -m ml_pipeline.experiment MODEL`: search, then print a leaderboard and the winner's block."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from ml_pipeline.environment import Environment
from ml_pipeline.errors import CodesoftError, InvalidSpec, NotEnoughData
from ml_pipeline.experiment.judging import TrainingRows, objective_metric
from ml_pipeline.experiment.reporting import TrackedSearch, leaderboard, winner_block, write_outcome
from ml_pipeline.experiment.search import Candidate, Outcome, search
from ml_pipeline.experiment.space import families_for
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.rows import read_labelled
from ml_pipeline.spec import ModelSpec
from ml_pipeline.tracking.client import connect
from ml_pipeline.tracking.server import TrackingServer


def run(
    model: str, *, families: Sequence[str], trials: int, seconds: float | None, seed: int, console: Console
) -> Outcome:
    """Search, track and report. Leaves leaderboard, plot and the winner's block in `var/experiments/<model>/`.

    Without `families` every family that suits the model's inputs is searched.
    """
    spec = load_spec(model)
    searched = chosen_families(spec, families)
    training = read_training(model, spec)
    console.print(f"{model}: {len(training.rows)} training rows, {spec.decision.folds} folds, up to {trials} trials")
    settings = {
        "families": ",".join(searched),
        "trials": trials,
        "seconds": seconds,
        "seed": seed,
        "objective": spec.decision.objective,
    }
    tracked = TrackedSearch(connect(TrackingServer.configured()), model, settings)
    started = time.monotonic()

    def on_judged(candidate: Candidate) -> None:
        tracked.record(candidate)
        mean, sd = candidate.judgement.metrics[objective_metric(spec.decision)]
        name = "declared" if candidate.number is None else f"trial {candidate.number + 1}/{trials}"
        elapsed = time.monotonic() - started
        console.print(
            f"{name}: {candidate.spec.estimator.family}, {objective_metric(spec.decision)} {mean:.4f} ± {sd:.4f}, "
            f"{candidate.judgement.row_milliseconds:.2f} ms a row [{elapsed:.0f} s]",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    try:
        outcome = search(
            model, spec, training, families=searched, trials=trials, seconds=seconds, seed=seed, on_judged=on_judged
        )
    except BaseException:
        tracked.give_up()
        raise
    _report(model, spec, outcome, tracked, console)
    return outcome


def chosen_families(spec: ModelSpec, named: Sequence[str]) -> list[str]:
    """The families to search; InvalidSpec where one of those named does not suit the model's inputs."""
    suitable = families_for(spec)
    if unsuitable := [family for family in named if family not in suitable]:
        raise InvalidSpec(
            f"{', '.join(unsuitable)} cannot be searched for these inputs.",
            advice=f"Name some of: {', '.join(suitable)}.",
            details={"families": unsuitable},
        )
    return [family for family in suitable if family in named] or suitable


def read_training(model: str, spec: ModelSpec) -> TrainingRows:
    path = Artifacts(model).training_rows
    if not path.exists():
        raise NotEnoughData(
            f"There are no training rows of {model} ({path} is missing).",
            advice=f"Run `dvc repro preprocessing@{model}` first.",
        )
    labelled = read_labelled(path, fields=spec.inputs)
    return TrainingRows.grouped(labelled.rows, np.array(labelled.labels, dtype=np.int64), spec)


def _report(model: str, spec: ModelSpec, outcome: Outcome, tracked: TrackedSearch, console: Console) -> None:
    folder: Path = Environment.read().var / "experiments" / model
    block = winner_block(model, spec, outcome.candidates[0])
    write_outcome(outcome, block, folder)
    tracked.finish(outcome, folder)
    console.print(leaderboard(outcome))
    console.print(f"{outcome.pruned} trials were given up early, {outcome.impossible} could not meet the requirements.")
    if outcome.candidates[0].number is None:
        console.print("No trial is better than the declared recipe. It is:")
    else:
        console.print(f"The winner's block for models.{model} in params.yaml (also in {folder / 'winner.yaml'}):")
    console.print(block, markup=False, highlight=False, soft_wrap=True)


def _console() -> Console:
    """The terminal's width where there is one; else wide enough for the leaderboard, as in a log."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def main(arguments: Sequence[str] | None = None) -> int:
    """Search estimators and feature settings on training rows, by the objective that params.yaml declares."""
    parser = argparse.ArgumentParser(prog="python -m ml_pipeline.experiment", description=main.__doc__)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--families", nargs="*", default=[], help="search these alone (all that suit the inputs)")
    parser.add_argument("--trials", type=int, default=30, help="how many recipes to try at most (30)")
    parser.add_argument("--minutes", type=float, help="start no further trial after so many minutes")
    parser.add_argument("--seed", type=int, default=1, help="the same seed tries the same recipes (1)")
    given = parser.parse_args(arguments)
    seconds = None if given.minutes is None else 60 * given.minutes
    try:
        run(
            given.model,
            families=given.families,
            trials=given.trials,
            seconds=seconds,
            seed=given.seed,
            console=_console(),
        )
    except CodesoftError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
