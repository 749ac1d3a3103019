from django.apps import AppConfig


class CodesoftConfig(AppConfig):
    name = "codesoft"
    verbose_name = "Codesoft MLOps"
