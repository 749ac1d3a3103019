"""`manage.py verify_audit`: prove the audit chain from its first entry to its head."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry_ui.errors import AuditBroken
from registry_ui.services.audit import audit_verify


class Command(BaseCommand):
    help = "Prove the audit log: order, links, hashes, columns and head. Exits with 1 at the first bad entry."

    def handle(self, **_: Any) -> None:
        try:
            count = audit_verify()
        except AuditBroken as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The audit log is whole: {count} entries.")
