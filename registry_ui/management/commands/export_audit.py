"""`manage.py export_audit --format csv|json`: the audit log to standard output, whole or a part of it."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from predictions.errors import InvalidRequest
from registry_ui.audit_export import export_lines
from registry_ui.exports import FORMS
from registry_ui.models import AuditEntry
from registry_ui.moments import moment_parse


class Command(BaseCommand):
    help = (
        "Write the audit log to standard output, oldest entry first. docs/audit.md says how to verify the JSON lines."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", required=True, choices=sorted(FORMS))
        parser.add_argument("--model", help="entries of this model alone")
        parser.add_argument(
            "--since", type=_moment, help="entries from this moment on: ISO 8601, UTC without an offset"
        )

    def handle(self, **options: Any) -> None:
        entries = AuditEntry.objects.all()
        if options["model"]:
            entries = entries.filter(model=options["model"])
        if options["since"]:
            entries = entries.filter(at__gte=options["since"])
        try:
            for line in export_lines(entries=entries, form=options["format"]):
                self.stdout.write(line, ending="")
            self.stdout.flush()
        except BrokenPipeError:  # who reads had enough: `head`, or a pager that was left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _moment(text: str) -> datetime:
    try:
        return moment_parse(text, field="since")
    except InvalidRequest as error:
        raise ArgumentTypeError(str(error).replace("%", "%%")) from error
