"""`manage.py dispatch_runs`: send due pipeline runs to the workers, once a second, until SIGTERM."""

import signal
from argparse import ArgumentParser
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from registry_ui.dispatcher import dispatch_once, dispatch_until


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
        dispatch_until(stopped)
