"""Whether the servers beside the database answer, asked in the background of the dispatcher and never in a scrape.

Each server has a thread of its own, so that one that hangs hides no other. An answer that is overdue counts as none.
"""

import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from urllib.error import HTTPError

import structlog
from django.conf import settings

from ml_pipeline.environment import Environment
from ml_pipeline.errors import CodesoftError
from ml_pipeline.tracking.server import TrackingServer

PERIOD = 15.0  # seconds between two questions
PATIENCE = 3.0  # seconds for an answer
_OVERDUE = 3 * PERIOD
_log = structlog.get_logger(__name__)

Probe = Callable[[], None]


@dataclass
class Reached:
    """What the last question of one server gave, and when."""

    up: bool = False
    seconds: float = 0.0
    asked_at: float = 0.0

    @property
    def is_up(self) -> bool:
        return self.up and time.monotonic() - self.asked_at < _OVERDUE


class Reachability:
    """`start` begins to ask; `servers` is read at each scrape."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes
        self._stopped = Event()
        self.servers = {name: Reached() for name in probes}

    def start(self) -> None:
        for name in self._probes:
            Thread(target=self._ask_on, args=(name,), name=f"probe-{name}", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def ask(self, name: str) -> None:
        """Ask one server once; a line in the log when it went away or came back."""
        before, started = self.servers[name], time.monotonic()
        error = None
        try:
            self._probes[name]()
        except Exception as refusal:  # whatever a driver raises: it did not answer
            error = f"{type(refusal).__name__}"
        now = Reached(error is None, time.monotonic() - started, time.monotonic())
        if now.up != before.up or not before.asked_at:
            _log.info("server_reached" if now.up else "server_not_reached", server=name, error=error)
        self.servers[name] = now

    def _ask_on(self, name: str) -> None:
        while not self._stopped.is_set():
            self.ask(name)
            self._stopped.wait(PERIOD)


def configured_probes(environment: Environment | None = None) -> Mapping[str, Probe]:
    """The servers that the configuration names; what is embedded needs no network, and has no probe."""
    env = environment or Environment.read()
    probes: dict[str, Probe] = {}
    if settings.REDIS_URL:
        probes["redis"] = lambda: _ask_redis(settings.REDIS_URL)
    if (uri := env.mongodb_uri) is not None:
        probes["mongodb"] = lambda: _ask_mongodb(uri)
    with suppress(CodesoftError):  # half a configuration is told where it is used
        server = TrackingServer.configured(env)
        if server.is_http:
            probes["mlflow"] = lambda: _ask_http(f"{server.uri}/health")
    return probes


def _ask_redis(url: str) -> None:
    from redis import Redis  # noqa: PLC0415 - where there is one

    with Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE) as client:
        client.ping()


def _ask_mongodb(uri: str) -> None:
    from ml_pipeline.sources.mongo import connect  # noqa: PLC0415 - pymongo takes half a second to import

    with connect(uri, None).client as client:
        client.admin.command("ping")


def _ask_http(address: str) -> None:
    """Whoever answers is there, also with a refusal: the account is none of this question's business."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE):  # noqa: S310 - http or https, as `is_http` says
            return
    except HTTPError as error:
        if error.code >= 500:
            raise
