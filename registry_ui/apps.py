from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RegistryConfig(AppConfig):
    name = "registry_ui"
    verbose_name = "Registry"

    def ready(self) -> None:
        # Permissions exist only after Django's own receiver ran, so a migration could not hand them to the groups.
        post_migrate.connect(_make_groups, dispatch_uid="registry_ui.groups")


def _make_groups(**_: object) -> None:
    from registry_ui.services.access import groups_ensure  # noqa: PLC0415 - it needs the loaded models

    groups_ensure()
