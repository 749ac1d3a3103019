"""Who is compared: how each server is started, what it is asked, and where its answer holds the probabilities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.exporting import MLFLOW_FOLDER, MLSERVER_FOLDER, MODEL, PIPELINE_FILE
from benchmarks.serving.state import DATABASE, read_token
from ml_pipeline.environment import PROJECT_ROOT

APPLICATIONS = Path(__file__).parent / "applications"
OURS, FLOOR, CONSTANT = "codesoft", "floor", "constant-drf"

Body = Callable[[Sequence[str]], Any]


@dataclass(frozen=True)
class Places:
    """Where a run keeps things: environments, exported models, our state, and its copy for one server at a time."""

    environments: Path
    models: Path
    state: Path
    scratch: Path


@dataclass(frozen=True)
class Peer:
    """A server. `requirements` names its environment; `probabilities` is None where it answers with a constant."""

    name: str
    title: str
    requirements: str
    command: Callable[[str, int, Places], list[str]]
    path: str
    body: Body
    probabilities: Callable[[Any], list[float]] | None
    variables: Callable[[int, Places], Mapping[str, str]] = field(default=lambda _port, _places: {})
    headers: Callable[[Places], Mapping[str, str]] = lambda _places: {}
    folder: Path = APPLICATIONS
    uses_state: bool = False
    note: str = ""

    def python(self, places: Places) -> str:
        return str(places.environments / self.requirements / "bin" / "python")


def _texts(texts: Sequence[str]) -> Any:
    return {"texts": list(texts)}


def _gunicorn(application: str, *options: str) -> Callable[[str, int, Places], list[str]]:
    return lambda python, _port, _places: [
        python,
        "-m",
        "gunicorn",
        "-c",
        "gunicorn_settings.py",
        *options,
        application,
    ]


def _model_files(_port: int, places: Places) -> dict[str, str]:
    return {"MODEL_FILE": str(places.models / PIPELINE_FILE), "MLFLOW_MODEL": str(places.models / MLFLOW_FOLDER)}


def _production(port: int, places: Places) -> dict[str, str]:
    """Our own settings of production. The database is the state folder's, so shipping costs its CPU here and not in a
    server that nobody measures.
    """
    return {
        "CODESOFT_ENV": "production",
        "DJANGO_SECRET_KEY": "of-the-benchmark-alone",
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{places.scratch / DATABASE}",
        "STATIC_ROOT": str(places.state / "static"),
        "VAR_DIR": str(places.scratch),
        "HOST_ADDRESS": "127.0.0.1",
        "METRICS_PORT": str(port + 1),
        "PROMETHEUS_MULTIPROC_DIR": str(places.scratch / "metrics"),
        "WEB_CONCURRENCY": "2",
        "LOG_LEVEL": "WARNING",
    }


def _our_body(texts: Sequence[str]) -> Any:
    rows = [{"text": text} for text in texts]
    return {"inputs": rows if len(rows) > 1 else rows[0]}


def _our_token(places: Places) -> dict[str, str]:
    return {"Authorization": f"Token {read_token(places.state)}"}


def _our_gunicorn(application: str, *options: str) -> Callable[[str, int, Places], list[str]]:
    return lambda python, _port, _places: [
        python,
        "-m",
        "gunicorn",
        application,
        "-c",
        "codesoft/gunicorn.py",
        *options,
    ]


def _ours(name: str, title: str, requirements: str, command: Callable[[str, int, Places], list[str]]) -> Peer:
    return Peer(
        name,
        title,
        requirements,
        command,
        f"/api/v1/models/{MODEL}/predictions",
        _our_body,
        lambda answer: [row["probability"] for row in answer["predictions"]],
        variables=_production,
        headers=_our_token,
        folder=PROJECT_ROOT,
        uses_state=True,
    )


def _constant_view(name: str, title: str, *options: str) -> Peer:
    return Peer(
        name,
        title,
        "serving",
        _our_gunicorn("benchmarks.serving.constant.wsgi:application", *options),
        "/api/v1/constant/predictions",
        _our_body,
        None,
        variables=lambda port, places: {
            **_production(port, places),
            "DJANGO_SETTINGS_MODULE": "benchmarks.serving.constant.settings",
        },
        headers=_our_token,
        folder=PROJECT_ROOT,
        uses_state=True,
    )


def _granian(python: str, port: int, _places: Places) -> list[str]:
    options = ["--interface", "wsgi", "--workers", "2", "--blocking-threads", "4", "--no-ws", "--log-level", "warning"]
    return [python, "-m", "granian", *options, "--port", str(port), "codesoft.wsgi:application"]


def _mlserver(port: int, _places: Places) -> dict[str, str]:
    return {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(port),
        "MLSERVER_GRPC_PORT": str(port + 1),
        "MLSERVER_METRICS_PORT": str(port + 2),
        "MLSERVER_PARALLEL_WORKERS": "2",
        "MLSERVER_DEBUG": "false",
    }


def _v2_body(texts: Sequence[str]) -> Any:
    return {
        "parameters": {"content_type": "str"},
        "inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}],
        "outputs": [{"name": "predict_proba"}],
    }


def _bin(python: str, command: str) -> str:
    return str(Path(python).parent / command)


PEERS: tuple[Peer, ...] = (
    _ours(OURS, "this product", "serving", _our_gunicorn("codesoft.wsgi:application")),
    _ours(
        "codesoft-gthread",
        "this product under gunicorn's own threads",
        "serving",
        _our_gunicorn("codesoft.wsgi:application", "--worker-class", "gthread"),
    ),
    _ours("codesoft-granian", "this product under granian", "granian", _granian),
    _constant_view(CONSTANT, "a DRF view that returns a constant, our middlewares and worker"),
    _constant_view(
        "constant-drf-gthread",
        "a DRF view that returns a constant, our middlewares, gunicorn's threads",
        "--worker-class",
        "gthread",
    ),
    Peer(FLOOR, "a bare WSGI constant under gunicorn", "flask", _gunicorn("floor:application"), "/", _texts, None),
    Peer(
        "floor-web-worker",
        "a bare WSGI constant under our worker",
        "flask",
        _gunicorn("floor:application", "--worker-class", "codesoft.web_worker.worker.WebWorker"),
        "/",
        _texts,
        None,
        variables=lambda _port, _places: {"PYTHONPATH": str(PROJECT_ROOT)},
    ),
    Peer(
        "flask-sklearn",
        "Flask + scikit-learn under gunicorn",
        "flask",
        _gunicorn("flask_pipeline:application"),
        "/predict",
        _texts,
        lambda answer: list(answer["probabilities"]),
        variables=_model_files,
    ),
    Peer(
        "flask-pyfunc",
        "Flask + mlflow.pyfunc under gunicorn",
        "mlflow",
        _gunicorn("flask_pyfunc:application"),
        "/predict",
        _texts,
        lambda answer: list(answer["probabilities"]),
        variables=_model_files,
    ),
    Peer(
        "fastapi",
        "FastAPI + scikit-learn under gunicorn",
        "fastapi",
        _gunicorn("fastapi_pipeline:application", "-k", "uvicorn_worker.UvicornWorker"),
        "/predict",
        _texts,
        lambda answer: list(answer["probabilities"]),
        variables=_model_files,
    ),
    Peer(
        "fastapi-uvicorn",
        "FastAPI + scikit-learn under uvicorn --workers 2",
        "fastapi",
        lambda python, port, _places: [
            python, "-m", "uvicorn", "--workers", "2", "--port", str(port), "--no-access-log", "--log-level", "warning",
            "fastapi_pipeline:application",
        ],
        "/predict",
        _texts,
        lambda answer: list(answer["probabilities"]),
        variables=_model_files,
        note="its listening socket lacks TCP_NODELAY with several workers, so small answers may wait for 40 ms",
    ),
    Peer(
        "bentoml",
        "BentoML + scikit-learn",
        "bentoml",
        lambda python, port, _places: [
            _bin(python, "bentoml"), "serve", "bentoml_pipeline:Sentiment", "--host", "127.0.0.1", "--port", str(port),
        ],
        "/predict",
        _texts,
        list,
        variables=lambda port, places: {
            **_model_files(port, places),
            "BENTOML_HOME": str(places.scratch / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "true",
        },
    ),
    Peer(
        "mlserver",
        "MLServer + scikit-learn, two inference workers",
        "mlserver",
        lambda python, _port, places: [_bin(python, "mlserver"), "start", str(places.models / MLSERVER_FOLDER)],
        f"/v2/models/{MODEL}/infer",
        _v2_body,
        lambda answer: list(answer["outputs"][0]["data"][1::2]),
        variables=_mlserver,
    ),
    Peer(
        "mlflow",
        "mlflow models serve, one worker",
        "mlflow",
        lambda python, port, places: [
            _bin(python, "mlflow"), "models", "serve", "--env-manager", "local", "--workers", "1",
            "--host", "127.0.0.1", "--port", str(port), "--model-uri", str(places.models / MLFLOW_FOLDER),
        ],
        "/invocations",
        lambda texts: {"inputs": list(texts)},
        lambda answer: [line[1] for line in answer["predictions"]],
        variables=lambda _port, _places: {"UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"},
        note="with two it stalls for want of TCP_NODELAY; compare it by CPU",
    ),
)  # fmt: skip


def chosen(names: Sequence[str]) -> list[Peer]:
    """The named peers, all where none is named; SystemExit lists what there is."""
    known = {peer.name: peer for peer in PEERS}
    if unknown := set(names) - known.keys():
        raise SystemExit(f"No peer: {', '.join(sorted(unknown))}. Known are: {', '.join(known)}.")
    return [known[name] for name in names] if names else list(PEERS)
