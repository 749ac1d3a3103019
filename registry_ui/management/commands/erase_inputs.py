"""`manage.py erase_inputs`: what the daily task does, by hand."""

from typing import Any

from django.core.management.base import BaseCommand

from registry_ui.services.access import Actor
from registry_ui.services.retention import inputs_erase


class Command(BaseCommand):
    help = "Erase the inputs of predictions that are older than their version's `serving.retention_days`."

    def handle(self, **_: Any) -> None:
        erased = inputs_erase(actor=Actor.operator("erase_inputs"))
        for model, count in sorted(erased.rows.items()):
            self.stdout.write(f"{model}: the inputs of {count} predictions were erased.")
        self.stdout.write(f"Cases of replays erased: {erased.cases}.")
