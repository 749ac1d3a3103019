"""Triggers that refuse UPDATE, DELETE and TRUNCATE on the audit log and the decisions, for SQLite and PostgreSQL."""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("registry_ui_auditentry", "registry_ui_decision")
_MESSAGE = "this table is append-only"
_FUNCTION = "registry_ui_append_only"


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    statements = {"sqlite": _install_sqlite, "postgresql": _install_postgresql}[connection.vendor]()
    _execute(connection, statements)


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Undo `install_triggers`: for a migration backwards, and for the tests' flush."""
    statements = {"sqlite": _remove_sqlite, "postgresql": _remove_postgresql}[connection.vendor]()
    _execute(connection, statements)


def _install_sqlite() -> list[str]:
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
        for table in TABLES
        for verb in ("UPDATE", "DELETE")
    ]


def _remove_sqlite() -> list[str]:
    return [f"DROP TRIGGER IF EXISTS {table}_no_{verb}" for table in TABLES for verb in ("update", "delete")]


def _install_postgresql() -> list[str]:
    function = (
        f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_MESSAGE}: %', TG_TABLE_NAME "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    triggers = [
        f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
        for table in TABLES
    ]
    return [function, *triggers]


def _remove_postgresql() -> list[str]:
    return [
        *(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}" for table in TABLES),
        f"DROP FUNCTION IF EXISTS {_FUNCTION}()",
    ]


def _execute(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
