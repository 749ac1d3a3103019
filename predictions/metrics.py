"""Prometheus metrics of serving. Dashboards and alert rules know these names; a caller can invent no label."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from ml_pipeline.errors import CodesoftError

UNKNOWN_MODEL = "unknown"

PREDICTIONS = Counter("codesoft_predictions_total", "Rows predicted.", ["model", "version", "label", "route"])
PREDICTION_SECONDS = Histogram(
    "codesoft_prediction_seconds",
    "Time of one request inside the prediction service, log append included.",
    ["model"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)
PREDICTION_ERRORS = Counter("codesoft_prediction_errors_total", "Prediction requests refused.", ["model", "code"])
SNAPSHOT_AGE = Gauge(
    "codesoft_snapshot_age_seconds",
    "Seconds since the serving snapshot was read from the database.",
    multiprocess_mode="livemax",
)
SPOOL_BYTES = Gauge(
    "codesoft_spool_bytes", "Bytes that wait to be shipped into the prediction table.", multiprocess_mode="livemax"
)
SPOOL_OLDEST = Gauge(
    "codesoft_spool_oldest_seconds", "Age of the oldest segment that waits.", multiprocess_mode="livemax"
)
LIVE_VERSION = Gauge(
    "codesoft_live_version",
    "1 for the version that a process serves as champion, 0 for those before it.",
    ["model", "version"],
    multiprocess_mode="livemax",
)


@contextmanager
def counting_errors(model: str) -> Iterator[None]:
    """Count a refusal under its code. `model` is the name of a known model or `UNKNOWN_MODEL`."""
    try:
        yield
    except CodesoftError as error:
        PREDICTION_ERRORS.labels(model, error.code).inc()
        raise
