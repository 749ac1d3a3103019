"""`manage.py dispatch_runs`: send due pipeline runs to the workers, once a second, until SIGTERM.

It also tells Prometheus what the registry holds, on DISPATCHER_METRICS_PORT, where that is set.
"""

import signal
from argparse import ArgumentParser
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from registry_ui.dispatcher import dispatch_once, dispatch_until
from registry_ui.metrics import serve_metrics


class Command(BaseCommand):
    help = "Send due pipeline runs to the workers, once a second, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["once"]:
            self.stdout.write(f"{dispatch_once()} sent.")
            return
        stopped = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        if settings.DISPATCHER_METRICS_PORT:
            _serve_metrics(settings.DISPATCHER_METRICS_PORT)
        dispatch_until(stopped)


def _serve_metrics(port: int) -> None:
    try:
        serve_metrics(host=settings.HOST_ADDRESS, port=port)
    except (OSError, OverflowError) as error:
        raise CommandError(f"DISPATCHER_METRICS_PORT {port} cannot be used: {error}. Choose another.") from error
