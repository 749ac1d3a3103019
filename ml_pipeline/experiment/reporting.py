"""What a search ends in: a leaderboard, a plot, the block for `params.yaml`, and runs on the tracking server."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from ruamel.yaml import YAML

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.experiment.judging import objective_metric
from ml_pipeline.experiment.search import Candidate, Outcome, with_sections
from ml_pipeline.spec import Estimator, ModelSpec
from ml_pipeline.tracking.client import Connection
from ml_pipeline.tracking.registry import experiment_name
from ml_pipeline.tracking.runs import PARENT_TAG, TrackedRun, create_run, finish_run, upload

_SHOWN = 15


def leaderboard(outcome: Outcome) -> Table:
    """The best candidates, by the declared objective; the declared recipe is marked."""
    decision = outcome.candidates[0].spec.decision
    metrics = list(dict.fromkeys([objective_metric(decision), "accuracy", "f1", "expected_cost"]))
    table = Table(title=f"Cross-validated on training rows, best {decision.objective} first (mean ± sd)")
    for heading in ("#", "recipe", *metrics, "fit s", "row ms"):
        table.add_column(heading, justify="left" if heading == "recipe" else "right")
    for place, candidate in enumerate(outcome.candidates[:_SHOWN], start=1):
        found = candidate.judgement
        spreads = [f"{mean:.4f} ± {sd:.4f}" for mean, sd in (found.metrics[name] for name in metrics)]
        table.add_row(
            str(place), _described(candidate), *spreads, f"{found.fit_seconds:.2f}", f"{found.row_milliseconds:.2f}"
        )
    return table


def winner_block(name: str, spec: ModelSpec, winner: Candidate) -> str:
    """Features, estimator and decision as YAML for `params.yaml`, proven to be accepted there."""
    sections = winner.spec.model_dump(
        mode="json", by_alias=True, include={"features", "estimator", "decision"}, exclude_defaults=True
    )
    sections.setdefault("decision", {})
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = None  # innermost lists and mappings on one line, as params.yaml is written
    yaml.width = 120
    yaml.dump(sections, text)
    with_sections(name, spec, YAML(typ="safe", pure=True).load(text.getvalue()))
    return "".join(f"    {line}\n" for line in text.getvalue().splitlines())


def draw_outcome(outcome: Outcome, target: Path) -> Path:
    """Objective against answer time, a colour a family: what accuracy costs in speed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    metric = objective_metric(outcome.candidates[0].spec.decision)
    for family in sorted({candidate.spec.estimator.family for candidate in outcome.candidates}):
        own = [candidate for candidate in outcome.candidates if candidate.spec.estimator.family == family]
        axes.errorbar(
            [candidate.judgement.row_milliseconds for candidate in own],
            [candidate.objective for candidate in own],
            yerr=[candidate.judgement.metrics[metric][1] for candidate in own],
            fmt="o",
            alpha=0.6,
            capsize=2,
            label=family,
        )
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds for one row")
    axes.set_ylabel(f"{metric.replace('_', ' ')} (cross-validated, ± sd)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target)
    return target


def write_outcome(outcome: Outcome, block: str, folder: Path) -> None:
    """Leaderboard (JSON), plot (PNG) and the winner's block (YAML) in `folder`."""
    rows = [
        {
            "trial": candidate.number,
            "features": candidate.spec.features.model_dump(mode="json"),
            "estimator": candidate.spec.estimator.model_dump(mode="json", exclude_defaults=True),
            "metrics": {name: {"mean": mean, "sd": sd} for name, (mean, sd) in candidate.judgement.metrics.items()},
            "fit_seconds": candidate.judgement.fit_seconds,
            "row_milliseconds": candidate.judgement.row_milliseconds,
        }
        for candidate in outcome.candidates
    ]
    content = {"candidates": rows, "pruned": outcome.pruned, "impossible": outcome.impossible}
    write_bytes(folder / "leaderboard.json", readable_json(content))
    write_bytes(folder / "winner.yaml", block.encode())
    draw_outcome(outcome, folder / "leaderboard.png")


class TrackedSearch:
    """A parent run for the search and a nested run for each candidate."""

    def __init__(self, connection: Connection, model: str, settings: Mapping[str, Any]) -> None:
        self._connection = connection
        self._experiment = f"{experiment_name(model)}/search"
        self.parent: TrackedRun = create_run(connection, self._experiment, f"search {model}", {"codesoft.model": model})
        connection.log(self.parent.id, settings, {}, self.parent.started)

    def record(self, candidate: Candidate) -> None:
        name = "declared" if candidate.number is None else f"trial {candidate.number}"
        run = create_run(self._connection, self._experiment, name, {PARENT_TAG: self.parent.id})
        found = candidate.judgement
        metrics = {"fit_seconds": found.fit_seconds, "row_milliseconds": found.row_milliseconds}
        for metric, (mean, sd) in found.metrics.items():
            metrics |= {metric: mean, f"{metric}_sd": sd}
        self._connection.log(run.id, _parameters(candidate.spec), metrics, run.started)
        finish_run(self._connection, run.id)

    def finish(self, outcome: Outcome, folder: Path) -> None:
        best = outcome.candidates[0].judgement.metrics
        summary = {f"best_{metric}": mean for metric, (mean, _sd) in best.items()}
        self._connection.log(self.parent.id, {}, summary, self.parent.started)
        upload(self._connection, self.parent.id, folder)
        finish_run(self._connection, self.parent.id)

    def give_up(self) -> None:
        finish_run(self._connection, self.parent.id, "KILLED")


def _described(candidate: Candidate) -> str:
    estimator = candidate.spec.estimator
    mark = " (declared)" if candidate.number is None else ""
    members = " + ".join(f"{member.family} {_settings(member)}".strip() for member in estimator.members)
    return f"{estimator.family}{mark} {_settings(estimator)}{members}".strip()


def _settings(estimator: Estimator) -> str:
    chosen = {key: value for key, value in estimator.params.items() if key != "max_iter" or "C" not in estimator.params}
    return " ".join(f"{key}={value}" for key, value in chosen.items())


def _parameters(spec: ModelSpec) -> dict[str, Any]:
    blocks = {
        f"features.{number}.{block.kind}.{key}": value
        for number, block in enumerate(spec.features.blocks)
        for key, value in block.params.items()
    }
    members = {
        f"estimator.{number}.{key}": value
        for number, member in enumerate(spec.estimator.members)
        for key, value in {"family": member.family, **member.params}.items()
    }
    return {
        "family": spec.estimator.family,
        "calibration": spec.estimator.calibration,
        **{f"estimator.{key}": value for key, value in spec.estimator.params.items()},
        **members,
        **blocks,
    }
