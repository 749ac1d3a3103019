"""Prometheus metrics of serving. Dashboards and alert rules know these names; a caller can invent no label."""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

UNKNOWN_MODEL = "unknown"
_KNOWN_LABELS = 1_024

PREDICTION_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
PROBABILITY_BINS = 10

Metric = Counter | Histogram

PREDICTIONS = Counter("codesoft_predictions_total", "Rows predicted.", ["model", "version", "label", "route"])
PREDICTION_SECONDS = Histogram(
    "codesoft_prediction_seconds",
    "Time of one request inside the prediction service, log append included.",
    ["model"],
    buckets=PREDICTION_BUCKETS,
)
# A counter and not a histogram: one addition for all rows of a tenth that are shipped together, not one a row.
PROBABILITIES = Counter(
    "codesoft_prediction_probabilities_total",
    "Logged rows, by their probability in tenths: `from` is the lower end.",
    ["model", "version", "from"],
)
WHAT_IFS = Counter("codesoft_what_ifs", "Rows tried in a form: not logged, and no predictions.", ["model"])
PREDICTION_ERRORS = Counter("codesoft_prediction_errors_total", "Prediction requests refused.", ["model", "code"])
VERSION_FAILURES = Counter(
    "codesoft_version_failures_total",
    "Calls of a version that gave no answer: it broke, or gave no probability.",
    ["model", "version", "route", "code"],
)
SNAPSHOT_AGE = Gauge(
    "codesoft_snapshot_age_seconds",
    "Seconds since the serving snapshot was read from the database.",
    multiprocess_mode="livemax",
)
DATABASE_THREADS = Gauge(
    "codesoft_database_threads",
    "Request threads that wait for the database or have a transaction open, over all processes.",
    multiprocess_mode="livesum",
)
DATABASE_REFUSALS = Counter(
    "codesoft_database_refusals_total", "Times that a request thread was refused a place inside the database."
)
SPOOL_BYTES = Gauge(
    "codesoft_spool_bytes", "Bytes that wait to be shipped into the prediction table.", multiprocess_mode="livemax"
)
SPOOL_OLDEST = Gauge(
    "codesoft_spool_oldest_seconds", "Age of the oldest segment that waits.", multiprocess_mode="livemax"
)
LOG_LINES_REFUSED = Counter(
    "codesoft_prediction_log_quarantined_total", "Lines of the prediction log that the table refused, set aside."
)
LIVE_VERSION = Gauge(
    "codesoft_live_version",
    "1 for the version that a process serves as champion, 0 for those before it.",
    ["model", "version"],
    multiprocess_mode="livemax",
)

SWAP_SECONDS = Histogram(
    "codesoft_swap_seconds",
    "From the decision to the moment from which a process serves what it says.",
    ["model"],
    buckets=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0),
)
SERVED_GENERATION = Gauge(
    "codesoft_served_generation",
    "The generation that each process serves.",
    ["model"],
    multiprocess_mode="liveall",
)
LOAD_FAILURES = Counter("codesoft_bundle_load_failures_total", "Attempts to load a bundle that failed.", ["model"])
BUNDLES_NOT_LOADED = Gauge(
    "codesoft_bundles_not_loaded",
    "Bundles that should serve and that a process cannot load, over all processes.",
    ["model"],
    multiprocess_mode="livesum",
)


# Finding the child of some labels costs as much as counting: both are looked up once.
@lru_cache(maxsize=_KNOWN_LABELS)
def predictions(model: str, version: int, label: str, route: str) -> Counter:
    return PREDICTIONS.labels(model, version, label, route)


@lru_cache(maxsize=_KNOWN_LABELS)
def probabilities(model: str, version: int, tenth: int) -> Counter:
    """Of the rows whose probability lies in that tenth; 1 counts to the last."""
    return PROBABILITIES.labels(model, version, f"{min(tenth, PROBABILITY_BINS - 1) / PROBABILITY_BINS:g}")


@lru_cache(maxsize=_KNOWN_LABELS)
def prediction_seconds(model: str) -> Histogram:
    return PREDICTION_SECONDS.labels(model)
