"""The web process: Django, then the serving thread. Imported after the fork, so each worker loads its own models."""

import gc
import os
import sys

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "codesoft.settings")
application = get_wsgi_application()

from codesoft import idle_connections  # noqa: E402 - needs the configured applications
from predictions.serving import start_serving  # noqa: E402

idle_connections.install()
start_serving()

# What stands now stays until the end, so the garbage collector need not walk it again: a full walk would hold up the
# request that it falls into. The young are looked at after 20,000 allocations, some 40 requests, not after 700.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)

# The thread that ships the log and the one that answers share one lock: it changes hands after half a millisecond of a
# wait, not after five, which a request would meet at each of its reads and writes.
sys.setswitchinterval(0.0005)
