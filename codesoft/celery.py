"""The Celery application. Tasks carry row ids only: what a run is, and whether it is due, stands in the database."""

import os
from pathlib import Path

from celery import Celery
from django.conf import settings
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "codesoft.settings")

TRANSPORT_ALIASES["folder"] = "codesoft.folder_broker:Transport"

app = Celery("codesoft")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def make_broker_folders() -> None:
    """The broker in a folder wants its folders to exist; Redis needs none."""
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    for key in ("data_folder_in", "data_folder_out", "control_folder"):
        if key in options:
            Path(options[key]).mkdir(parents=True, exist_ok=True)
