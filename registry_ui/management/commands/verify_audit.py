"""`manage.py verify_audit`: prove the audit chain from its first entry to its head."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry_ui.errors import AuditBroken
from registry_ui.services.audit import audit_verify


class Command(BaseCommand):
    help = "Prove the audit log: order, links, hashes, columns and head. Exits with 1 at the first bad entry."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--anchor",
            action="append",
            default=[],
            type=_anchor,
            metavar="SEQUENCE:HASH",
            help="an entry as a log line or an export has it; finds also a chain that was forged as a whole",
        )

    def handle(self, **options: Any) -> None:
        try:
            count = audit_verify(anchors=dict(options["anchor"]))
        except AuditBroken as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The audit log is whole: {count} entries.")


def _anchor(text: str) -> tuple[int, str]:
    sequence, _, digest = text.partition(":")
    if not (sequence.isascii() and sequence.isdigit() and digest):
        raise argparse.ArgumentTypeError(f"{text!r} is not SEQUENCE:HASH, such as 17:0f3a…")
    return int(sequence), digest
