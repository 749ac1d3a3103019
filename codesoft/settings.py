"""Settings for a laptop and for production, from the environment alone.

`CODESOFT_ENV=laptop` (the default) needs nothing: state lives under `var/`, the forms are open, the secret key is
random and made once. `CODESOFT_ENV=production` has no default for a secret, closes the forms behind a login and wants
HTTPS.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.urls import reverse_lazy

from codesoft import admin_theme, configuration
from codesoft.configuration import env
from ml_pipeline.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Environment.read().var

PRODUCTION = configuration.is_production()
DEBUG = env.bool("DJANGO_DEBUG", False)
SECRET_KEY = configuration.secret_key(production=PRODUCTION, state=VAR_DIR)
ALLOWED_HOSTS = env.list("DJANGO_ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("DJANGO_CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "codesoft",  # first: its templates come before those of the libraries
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_prometheus",
    "django_celery_beat",
    "guardian",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "predictions",
    "registry_ui",
]

MIDDLEWARE = [
    "codesoft.api_middleware.ApiMiddleware",  # first: what it answers passes none of the others
    "codesoft.health.ProbeMiddleware",  # before host validation: probes come with the pod's address as Host
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "codesoft.error_pages.ErrorPagesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "codesoft.urls"
WSGI_APPLICATION = "codesoft.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


# How long a statement may go without a word from PostgreSQL; 0 is no limit.
DATABASE_PATIENCE_SECONDS = configuration.whole_number("DATABASE_PATIENCE_SECONDS", 30)


def _database() -> dict[str, Any]:
    """SQLite needs WAL and immediate transactions, or concurrent writers meet lock errors."""
    database = configuration.database(state=VAR_DIR)
    if database["ENGINE"] == configuration.SQLITE:
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    else:
        database["CONN_MAX_AGE"] = 60
        database["CONN_HEALTH_CHECKS"] = True
        told = database.get("OPTIONS", {})  # in the address, as in ?sslmode=require
        database["OPTIONS"] = {"connect_timeout": 3, **told, "patience": DATABASE_PATIENCE_SECONDS}
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",  # permissions on one model
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = GUARDIAN_MONKEY_PATCH_GROUP = False
CSRF_FAILURE_VIEW = "codesoft.error_pages.csrf_failure"
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
FORMS_NEED_LOGIN = env.bool("FORMS_NEED_LOGIN", PRODUCTION)

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = ["codesoft.formats"]
USE_TZ = True

STATIC_URL = "static/"
# Files are collected for production alone. Elsewhere they come from the finders, and WhiteNoise would miss the folder.
STATIC_ROOT = env.str("STATIC_ROOT", str(BASE_DIR / "staticfiles") if PRODUCTION else "") or None
WHITENOISE_USE_FINDERS = not PRODUCTION
_STATIC_BACKEND = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage"
    if PRODUCTION
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)


def _bundle_storage() -> dict[str, Any]:
    """A folder, or `BUNDLE_STORAGE_URL=s3://bucket/prefix` with the usual AWS variables."""
    bucket = configuration.bundle_bucket()
    if bucket is None:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(VAR_DIR / "bundles")},
        }
    name, prefix = bucket
    options = {"bucket_name": name, "location": prefix, "file_overwrite": True, "default_acl": None}
    if endpoint := env.str("BUNDLE_STORAGE_ENDPOINT", ""):
        options["endpoint_url"] = endpoint
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(VAR_DIR / "media")},
    },
    "staticfiles": {"BACKEND": _STATIC_BACKEND},
    "bundles": _bundle_storage(),
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["predictions.authentication.SnapshotTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "predictions.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["predictions.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "codesoft.api_errors.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
REST_KNOX = {"TOKEN_TTL": timedelta(days=365), "AUTO_REFRESH": False, "TOKEN_LIMIT_PER_USER": None}
API_ERRORS = "codesoft.error_status.documented_errors"
SPECTACULAR_SETTINGS = {
    "TITLE": "Codesoft MLOps",
    "DESCRIPTION": "Predictions of every live model. Inputs and examples come from the version that serves now.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
}

# Serving. Sizes in bytes, ages in seconds.
SERVING_DIR = VAR_DIR / "serving"
SPOOL_DIR = VAR_DIR / "spool"
SPOOL_LIMIT_BYTES = configuration.whole_number("SPOOL_LIMIT_BYTES", 256 * 2**20)
PREDICTION_BODY_LIMIT = configuration.whole_number("PREDICTION_BODY_LIMIT", 2 * 2**20)
PREDICTION_ROW_LIMIT = configuration.whole_number("PREDICTION_ROW_LIMIT", 1_000)
# Requests a minute; 0 is no limit. Generous, so that an upgrade refuses nobody: set them to what callers were promised.
RATE_LIMIT_PER_TOKEN = configuration.whole_number("RATE_LIMIT_PER_TOKEN", 600_000)
RATE_LIMIT_PER_MODEL = configuration.whole_number("RATE_LIMIT_PER_MODEL", 600_000)
WEB_PROCESSES = configuration.whole_number("WEB_CONCURRENCY", 2)  # that share a limit while they cannot exchange
DATA_UPLOAD_MAX_MEMORY_SIZE = PREDICTION_BODY_LIMIT

# Pipeline runs
WORKSPACES_DIR = VAR_DIR / "workspaces"
RUN_LEASE_SECONDS = configuration.whole_number("RUN_LEASE_SECONDS", 60)
RUN_MAX_ATTEMPTS = 3
RUN_CACHE_DAYS = configuration.whole_number("RUN_CACHE_DAYS", 30)  # 0: what stages gave is kept for ever
RUN_TIME_LIMIT_SECONDS = configuration.whole_number("RUN_TIME_LIMIT_SECONDS", 6 * 3600)  # of one attempt
# A message may be lost with its broker. A row that nobody took within this time is sent again.
SENT_AGAIN_SECONDS = configuration.whole_number("SENT_AGAIN_SECONDS", 120)

# What MLflow signs its webhooks with; without it there is no door for them.
MLFLOW_WEBHOOK_SECRET = env.str("MLFLOW_WEBHOOK_SECRET", "")

# The dispatcher's `/metrics`; 0 serves none. Web has its own (codesoft/gunicorn.py).
HOST_ADDRESS = env.str("HOST_ADDRESS", "") or ("0.0.0.0" if PRODUCTION else "127.0.0.1")  # noqa: S104 - in a container
DISPATCHER_METRICS_PORT = configuration.whole_number("DISPATCHER_METRICS_PORT", 0)

# Celery: Redis, or a folder, which needs no server and is the same on every machine (codesoft/folder_broker.py).
_BROKER_DIR = VAR_DIR / "broker"
REDIS_URL = configuration.broker_url()
CELERY_BROKER_URL = REDIS_URL or "folder://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"socket_timeout": 5, "socket_connect_timeout": 3}
    if REDIS_URL
    else {
        "data_folder_in": str(_BROKER_DIR / "messages"),
        "data_folder_out": str(_BROKER_DIR / "messages"),
        "control_folder": str(_BROKER_DIR / "control"),
    }
)
# Models that train at once in the worker of `make run`. The folder serves one process alone.
RUNS_SIDE_BY_SIDE = max(configuration.whole_number("RUNS_SIDE_BY_SIDE", 1), 1) if REDIS_URL else 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a broker that is away for an hour must not end the workers
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"registry_ui.tasks.execute_run": {"queue": "runs"}}
# Seconds. Messages expire within the period, so that a worker that was away finds one task and not a queue of them; the
# scheduler of django-celery-beat knows `expire_seconds`, and ignores Celery's own `expires`.
CELERY_BEAT_SCHEDULE = {
    name: {
        "task": f"registry_ui.tasks.{name}",
        "schedule": period,
        "options": {"expire_seconds": max(int(0.8 * period), 1)},
    }
    for name, period in {
        "mirror_outbox": 5.0,
        "deliver_notifications": 5.0,
        "replay_to_shadows": 5.0,
        "requeue_expired_leases": min(15.0, max(RUN_LEASE_SECONDS / 2, 1.0)),
        "look_at_rollouts": 5.0,
        "sync_registry": 300.0,
        "look_for_documents": 300.0,
        "forget_kept_answers": 3600.0,
        "forget_version_counts": 3600.0,
        "settle_feedback": 60.0,
        "count_performance": 60.0,
        "schedule_drift": 300.0,
        "erase_inputs": 86_400.0,
        "forget_traffic": 86_400.0,
    }.items()
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# Notifications: off unless a channel is named. Web processes write the messages, a worker sends them.
PUBLIC_URL = env.str("PUBLIC_URL", "").rstrip("/")
NOTIFY_EMAIL_TO = env.list("NOTIFY_EMAIL_TO", default=[])
NOTIFY_WEBHOOK_URL = env.str("NOTIFY_WEBHOOK_URL", "")
NOTIFY_WEBHOOK_SECRET = env.str("NOTIFY_WEBHOOK_SECRET", "")
DEFAULT_FROM_EMAIL = env.str("NOTIFY_EMAIL_FROM", "") or "codesoft@localhost"
EMAIL_TIMEOUT = 10  # seconds
if EMAIL_IS_CONFIGURED := bool(env.str("EMAIL_URL", "")):
    vars().update(env.email("EMAIL_URL"))

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("DJANGO_SECURE_COOKIES", PRODUCTION)
SECURE_SSL_REDIRECT = env.bool("DJANGO_SECURE_SSL_REDIRECT", False)
SECURE_HSTS_SECONDS = configuration.whole_number("DJANGO_HSTS_SECONDS", 31_536_000 if PRODUCTION else 0)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"first_of_each": {"()": "codesoft.logs.FirstOfEach"}},
    "formatters": {"line": {"()": "codesoft.logs.formatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {name: {"filters": ["first_of_each"]} for name in ("django.request", "codesoft.error_status")},
    "root": {"handlers": ["console"], "level": configuration.log_level()},
}

UNFOLD = admin_theme.UNFOLD
