"""`manage.py connect_dagshub OWNER/REPO`: track in a DagsHub repository from now on."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ml_pipeline.environment import Environment
from ml_pipeline.errors import CodesoftError
from ml_pipeline.tracking.dagshub import connect_repository


class Command(BaseCommand):
    help = (
        "Check a DagsHub repository with an app token (never by a browser), store its settings, say what it supports."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("repository", metavar="OWNER/REPO")
        parser.add_argument("--token", help="an app token; DAGSHUB_TOKEN keeps it out of the process list")
        parser.add_argument("--host", help="another DagsHub than https://dagshub.com")

    def handle(self, *_args: Any, **options: Any) -> None:
        token = options["token"] or os.environ.get("DAGSHUB_TOKEN") or ""
        try:
            settings, abilities, path = connect_repository(
                repository=options["repository"], token=token, host=options["host"], var=Environment.read().var
            )
        except CodesoftError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"{settings.repository} is connected."))
        self.stdout.write(f"MLFLOW_TRACKING_URI: {settings.tracking_uri} (the token is user name and password)")
        for sentence in abilities.in_words():
            self.stdout.write(f"  {sentence}")
        self.stdout.write(f"DVC remote: {settings.dvc_url}. With DAGSHUB_TOKEN set, run once in this checkout:")
        for command in settings.dvc_commands():
            self.stdout.write(f"  {command}")
        self.stdout.write(
            f"Stored with the token in {path} (mode 600). Processes that start from now on track there, unless "
            "MLFLOW_TRACKING_URI or DAGSHUB_REPO is set. Remove the file to disconnect."
        )
