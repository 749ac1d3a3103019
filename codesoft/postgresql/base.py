"""The engine `codesoft.postgresql`. Django looks for `DatabaseWrapper` in a module of this name."""

import math
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import psycopg
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.postgresql.schema import DatabaseSchemaEditor

from codesoft.postgresql.connection import PatientConnection
from predictions import bulkhead
from predictions.errors import DatabaseUnavailable


class SchemaEditor(DatabaseSchemaEditor):
    """A migration may rebuild a large table, or wait for those who use it: it has no bound."""

    connection: "DatabaseWrapper"

    def __enter__(self) -> Self:
        self._patience = self.connection.patience
        self.connection.set_patience(math.inf)
        entered: Self = super().__enter__()
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self.connection.set_patience(self._patience)


class DatabaseWrapper(PostgreSQL):
    """Django's own, over `PatientConnection`. `OPTIONS["patience"]` is in seconds; without it a wait has no bound.

    Connecting is bounded by `OPTIONS["connect_timeout"]`, and needs a place inside the database like a statement.
    """

    Database = SimpleNamespace(**{**vars(psycopg), "connect": PatientConnection.connect})  # type: ignore[assignment]
    SchemaEditorClass = SchemaEditor

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        self.patience: float = settings_dict["OPTIONS"].get("patience") or math.inf

    def set_patience(self, seconds: float) -> None:
        """For this connection and those that follow it."""
        self.patience = seconds
        if self.connection is not None:
            self.connection.patience = seconds

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        params.pop("patience", None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        with bulkhead.inside():
            connection = super().get_new_connection(conn_params)
        connection.patience = self.patience
        return connection

    def is_usable(self) -> bool:
        """Refused a place: at the end of a request that had an error nobody is there to be told, and it is closed."""
        try:
            return bool(super().is_usable())
        except DatabaseUnavailable:
            if self.errors_occurred:
                return False
            raise
