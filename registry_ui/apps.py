from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry_ui"
    verbose_name = "Registry"
