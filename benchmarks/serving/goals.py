"""The goals of serving, each with what a run has to say about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.serving.measuring import Visit
from benchmarks.serving.peers import CONSTANT, FLOOR, OURS
from benchmarks.serving.results import Measure, Results, Spread, cpu, requests, texts_per_second
from benchmarks.serving.texts import BATCH

_TITLES = {
    CONSTANT: "a constant DRF view, same middlewares and worker",
    FLOOR: "the bare WSGI floor",
    "flask-pyfunc": "Flask + mlflow.pyfunc",
    "flask-sklearn": "Flask + scikit-learn",
    "mlserver": "MLServer",
    "mlflow": "mlflow serve",
    "fastapi": "FastAPI under gunicorn",
}


@dataclass(frozen=True)
class Goal:
    """A figure and its bound: at most, or where `at_least` the other way round."""

    title: str
    bound: float
    unit: str
    at_least: bool
    measured: Callable[[Results], Spread | None]

    def met(self, spread: Spread) -> bool:
        """Judged by the median."""
        return spread.median >= self.bound if self.at_least else spread.median <= self.bound

    @property
    def limit(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{self.unit}"


def _against(subject: str, other: str, bound: float, measure: Measure, *, at_least: bool = False) -> Goal:
    title = f"{subject} ÷ {_TITLES[other]}"
    return Goal(title, bound, " ×", at_least, lambda results: results.ratio(OURS, other, measure))


_CPU = {CONSTANT: 1.1, "flask-pyfunc": 0.24, "mlserver": 0.2, "mlflow": 0.15, "fastapi": 0.34}
_REQUESTS = {"flask-pyfunc": 4.3, "mlserver": 5.5, "fastapi": 3.2, FLOOR: 0.38}


def _goals() -> Iterator[Goal]:
    for other, bound in _CPU.items():
        yield _against("CPU a prediction, shipping included,", other, bound, cpu())
    for connections in (8, 32):
        for other, bound in _REQUESTS.items():
            subject = f"requests/s at {connections} connections"
            yield _against(subject, other, bound, requests(connections), at_least=True)
    yield Goal(
        "p99 at half of our capacity, above the floor's at the same rate", 5.0, " ms", False,
        lambda results: results.rate_excess(OURS, FLOOR),
    )  # fmt: skip
    for other, bound in (("flask-sklearn", 1.5), ("mlserver", 3.0)):
        yield _against(f"texts/s, {BATCH} a request,", other, bound, texts_per_second(BATCH), at_least=True)
    yield Goal("start to first answer", 2.0, " s", False, lambda results: results.spread(OURS, _start))
    yield _against("start to first answer", "flask-pyfunc", 0.4, _start)
    yield Goal(
        "memory of a second worker (PSS, three models)", 80.0, " MB", False,
        lambda results: results.spread(OURS, lambda visit: visit.second_worker_mb),
    )  # fmt: skip
    yield Goal("CPU with explanation ÷ without", 1.5, " ×", False, _explaining)


def _start(visit: Visit) -> float:
    return visit.start_seconds


def _explaining(results: Results) -> Spread | None:
    pairs = [(cpu(explain=True)(visits[OURS]), cpu()(visits[OURS])) for visits in results.rounds if OURS in visits]
    return Spread.of([dear / cheap for dear, cheap in pairs if dear is not None and cheap])


GOALS: tuple[Goal, ...] = tuple(_goals())
