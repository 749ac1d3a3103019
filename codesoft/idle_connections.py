"""Looking after database connections, for requests that opened one.

Django asks every connection and every cache of the thread before and after each request whether it is too old, forgets
what a connection noted for debugging, and which URLs the request used. A prediction opens no connection, and the asking
costs it more than its line in the log.
"""

import threading
from typing import Any

from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections, reset_queries
from django.db.backends.signals import connection_created


class _Thread(threading.local):
    has_connection = False


_thread = _Thread()


def install() -> None:
    """Take the place of Django's own receivers.

    No cache of ours holds a connection, so none has to be closed. Each request sets its URLs anew, and threads serve
    nothing else.
    """
    request_started.disconnect(reset_queries)
    request_finished.disconnect(reset_urlconf)
    request_finished.disconnect(close_caches)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
        signal.connect(_close_old_connections)
    connection_created.connect(_remember)


def _remember(**_: Any) -> None:
    _thread.has_connection = True


def _close_old_connections(**_: Any) -> None:
    if _thread.has_connection:
        reset_queries()
        close_old_connections()
        _thread.has_connection = any(item.connection is not None for item in connections.all(initialized_only=True))
