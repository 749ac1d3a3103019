"""`manage.py retrain MODEL`: request a pipeline run, and wait for its end where asked to."""

import getpass
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml_pipeline.errors import CodesoftError
from ml_pipeline.params import load_spec
from registry_ui.models import PipelineRun, Trigger
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.runs import run_request

_POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = "Request a pipeline run of a declared model. A worker executes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", metavar="MODEL")
        parser.add_argument("--wait", action="store_true", help="show the stages, and exit with 1 unless it succeeds")

    def handle(self, *_args: Any, **options: Any) -> None:
        model = options["model"]
        try:
            load_spec(model)
            deployment_ensure(model=model)
            run = run_request(model=model, actor=Actor.operator(getpass.getuser()), trigger=Trigger.COMMAND)
        except CodesoftError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Run {run.pk} of {model} is queued.")
        if not options["wait"]:
            return
        try:
            self._wait(run)
        except KeyboardInterrupt:
            self.stdout.write("Waiting no longer. The run goes on: the admin shows it, and can cancel it.")
            sys.exit(130)

    def _wait(self, run: PipelineRun) -> None:
        shown = ("", "")
        while run.is_active:
            time.sleep(_POLL_SECONDS)
            run.refresh_from_db()
            if (run.state, run.stage) != shown:
                shown = (run.state, run.stage)
                self.stdout.write(f"{run.get_state_display()} {run.stage}".strip())
        if run.state != PipelineRun.State.SUCCEEDED:
            raise CommandError(run.error or f"The run ended as {run.state}.")
        self.stdout.write(f"{run.version} is {run.version and run.version.get_status_display().lower()}.")
