"""`manage.py retrain MODEL`: request a pipeline run, and show its stages until it ends."""

import getpass
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml_pipeline.errors import CodesoftError
from ml_pipeline.params import load_spec
from registry_ui.models import PipelineRun, Trigger
from registry_ui.run_progress import waiting_words
from registry_ui.selectors import broker_contact
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.runs import run_request

_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 10.0  # before it says why the run does not start


class Command(BaseCommand):
    help = "Request a pipeline run of a declared model, which a worker executes, and show its stages until it ends."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", metavar="MODEL")
        parser.add_argument("--why", default="", help="what people read about the reason")
        parser.add_argument(
            "--no-wait", action="store_true", help="return at once; else the exit status is 1 unless the run succeeds"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        model = options["model"]
        try:
            load_spec(model)
            deployment_ensure(model=model)
            actor = Actor.operator(getpass.getuser())
            run = run_request(model=model, actor=actor, trigger=Trigger.COMMAND, why=options["why"])
        except CodesoftError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Run {run.pk} of {model} is queued.")
        if options["no_wait"]:
            return
        try:
            self._follow(run)
        except KeyboardInterrupt:
            self.stdout.write("Waiting no longer. The run goes on: the admin shows it, and can cancel it.")
            sys.exit(130)

    def _follow(self, run: PipelineRun) -> None:
        shown: dict[str, str] = {}
        asked, explained = time.monotonic(), ""
        while run.is_active:
            time.sleep(_POLL_SECONDS)
            run.refresh_from_db()
            self._show_stages(run, shown)
            if run.state == PipelineRun.State.QUEUED and time.monotonic() - asked > _PATIENCE_SECONDS:
                words = waiting_words(run, broker_contact())
                if words != explained:
                    self.stdout.write(words)
                    explained = words
        if run.state != PipelineRun.State.SUCCEEDED:
            raise CommandError(run.error or f"The run ended as {run.state}.")
        self.stdout.write(f"{run.version} is {run.version and run.version.get_status_display().lower()}.")

    def _show_stages(self, run: PipelineRun, shown: dict[str, str]) -> None:
        """Each stage when it starts and when it ends; a new attempt shows them anew."""
        for one in run.stages:
            if shown.get(one["stage"]) != one["state"]:
                shown[one["stage"]] = one["state"]
                took = f" {one['seconds']:5.1f} s" if one["seconds"] else ""
                self.stdout.write(f"  {one['stage']:<20} {one['state']:<10}{took}")
