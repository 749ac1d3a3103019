from importlib import import_module

from django.apps import AppConfig


class CodesoftConfig(AppConfig):
    name = "codesoft"
    verbose_name = "Codesoft MLOps"

    def ready(self) -> None:
        # A task belongs to the application that is current when it is sent, also in a command or a shell.
        import_module("codesoft.celery")
