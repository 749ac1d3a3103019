"""`manage.py rollback MODEL --reason …`: the previous version serves again, also when no browser is at hand."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml_pipeline.errors import CodesoftError
from registry_ui.errors import Troubled
from registry_ui.selectors import deployment_get
from registry_ui.services.access import Actor
from registry_ui.services.decisions import champion_roll_back
from registry_ui.services.preconditions import Confirmed


class Command(BaseCommand):
    help = "Let the previous champion of a model, or a named former one, serve again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", metavar="MODEL")
        parser.add_argument("--reason", required=True)
        parser.add_argument(
            "--acknowledge", type=int, metavar="DECISION", help="the decision that ended the version's last service"
        )
        parser.add_argument("--to", type=int, metavar="VERSION", help="a former champion; the previous one by default")

    def handle(self, *_args: Any, **options: Any) -> None:
        model = options["model"]
        try:
            decision = champion_roll_back(
                model=model,
                actor=Actor.operator(getpass.getuser()),
                reason=options["reason"],
                expected_generation=deployment_get(model=model).generation,
                number=options["to"],
                confirmed=Confirmed(trouble=options["acknowledge"]),
            )
        except Troubled as error:
            raise CommandError(f"{error} Add --acknowledge {error.details['decision']}.") from error
        except CodesoftError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{decision.version} serves now (generation {decision.generation_after}).")
