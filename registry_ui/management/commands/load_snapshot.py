"""`manage.py load_snapshot`: bundled documents into the MongoDB of MONGODB_URI."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml_pipeline.environment import Environment
from ml_pipeline.errors import CodesoftError
from ml_pipeline.sources.loading import load_snapshots


class Command(BaseCommand):
    help = "Fill the collections of MONGODB_URI's database from the bundled snapshots. Loading again changes nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("models", nargs="*", metavar="MODEL", help="declared models; all of them by default")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            load_snapshots(models=options["models"], environment=Environment.read(), report=self.stderr.write)
        except CodesoftError as error:
            raise CommandError(str(error)) from error
