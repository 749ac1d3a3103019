"""Audit entries and decisions can be added, and neither changed nor removed: the database itself refuses."""

from django.db import migrations

from registry_ui.append_only import install_triggers, remove_triggers


def install(apps, schema_editor):
    install_triggers(schema_editor.connection)


def remove(apps, schema_editor):
    remove_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("registry_ui", "0001_registry")]

    operations = [migrations.RunPython(install, remove)]
