"""`manage.py export_audit --format csv|json`: the audit log to standard output, whole or a part of it."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from registry_ui.audit_export import FORMS, export_lines
from registry_ui.models import AuditEntry


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
        for line in export_lines(entries=entries, form=options["format"]):
            self.stdout.write(line, ending="")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no moment such as 2026-03-03T14:00 or 2026-03-03T15:00+01:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
