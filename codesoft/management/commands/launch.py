"""`manage.py launch`, which `make run` calls."""

import logging
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from codesoft.celery import make_broker_folders
from codesoft.launch.access import ensure_access
from codesoft.launch.bootstrap import models_without_version, train_first_versions
from codesoft.launch.checks import CannotStart, Ports, check_ports, check_state_folder, lock_state_folder
from codesoft.launch.processes import Supervisor, background_processes, web_process
from codesoft.launch.welcome import welcome
from ml_pipeline.errors import CodesoftError

_READY_SECONDS = 180


class Command(BaseCommand):
    help = "Prepare the database, train what has no live version, and serve: web, workers, scheduler, dispatcher."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        # SIGINT too: a shell that starts a command in the background has it ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        logging.getLogger().setLevel(logging.WARNING)  # the terminal shows progress; each process has a log file
        try:
            self._launch(Ports.read(os.environ))
        except (CodesoftError, DatabaseError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped before everything was ready.")
            sys.exit(130)

    def _launch(self, ports: Ports) -> None:
        check_state_folder(settings.VAR_DIR)
        check_ports(ports)
        with lock_state_folder(settings.VAR_DIR):
            self._migrate()
            make_broker_folders()
            access_file = settings.VAR_DIR / "access.json"
            access, first_time = ensure_access(access_file, f"http://127.0.0.1:{ports.web}")
            train_first_versions(models_without_version())
            supervisor = Supervisor(settings.VAR_DIR / "log", settings.BASE_DIR, _environment(ports))
            connection.close()
            try:
                supervisor.start(web_process())
                _wait_until_ready(supervisor, access["url"])
                # Only now: side by side they would slow down the web process, which somebody waits for.
                supervisor.start(background_processes(runs_side_by_side=settings.RUNS_SIDE_BY_SIDE))
                self.stdout.write(
                    welcome(
                        access,
                        first_time=first_time,
                        access_file=str(access_file),
                        log_folder=str(supervisor.log_folder),
                        metrics_ports=(ports.web_metrics, ports.dispatcher_metrics),
                    )
                )
                self.stdout.flush()
                _serve(supervisor)
            except KeyboardInterrupt:
                self.stdout.write("Stopping …")
            finally:
                supervisor.stop()
                supervisor.wait()

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Preparing the database …")
            call_command("migrate", verbosity=0, interactive=False)


def _environment(ports: Ports) -> dict[str, str]:
    return {
        **os.environ,
        **ports.as_environment(),
        "VAR_DIR": str(settings.VAR_DIR),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _wait_until_ready(supervisor: Supervisor, url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and not supervisor.stopping:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    cause = supervisor.first_ended or f"the web process did not answer within {_READY_SECONDS} s"
    raise CannotStart(f"Not started: {cause}.", advice=f"Look into {supervisor.log_folder}.")


def _serve(supervisor: Supervisor) -> None:
    """Until Ctrl-C; CannotStart where a process ends by itself."""
    stopped = threading.Thread(target=supervisor.wait)
    stopped.start()
    stopped.join()
    raise CannotStart(f"A process ended by itself: {supervisor.first_ended}.", advice="Everything was stopped.")


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
