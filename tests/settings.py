"""The product's settings with state in a temporary folder, and PostgreSQL where `DATABASE_URL` says so."""

import os
import tempfile

_state = tempfile.mkdtemp(prefix="codesoft-tests-")
os.environ["VAR_DIR"] = _state
os.environ.pop("REDIS_URL", None)
os.environ.pop("MONGODB_URI", None)
os.environ.pop("MLFLOW_TRACKING_URI", None)
# A browser test leaves playwright's event loop in this thread, which Django would take for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

from codesoft.settings import *  # noqa: E402, F403 - settings are built from the variables above

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS += ["tests"]  # noqa: F405 - for its `flush`, which lifts the append-only triggers
if "sqlite" in DATABASES["default"]["ENGINE"]:  # noqa: F405
    # In memory, threads share one cache, whose table locks wait for nobody: a file behaves as in production.
    DATABASES["default"]["TEST"] = {"NAME": f"{_state}/test.sqlite3"}  # noqa: F405
