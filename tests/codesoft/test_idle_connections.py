"""Connections to the database live no longer than their settings say, whoever looks after them."""

from pathlib import Path

from tests.predictions.webserver import WebServer

_REQUESTS = """
from django.core.signals import request_finished, request_started
from django.db import connection
from codesoft import idle_connections
idle_connections.install()
for lifetime in (60, 0):
    connection.settings_dict["CONN_MAX_AGE"] = lifetime
    request_started.send(None)
    connection.close()
    connection.ensure_connection()
    request_finished.send(None)
    print(connection.connection is not None)
"""


def test_a_connection_is_kept_as_long_as_it_may_and_closed_after_a_request_that_may_not(tmp_path: Path) -> None:
    assert WebServer(tmp_path).run(_REQUESTS).split() == ["True", "False"]
