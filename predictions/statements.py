"""A limit to how long a process waits for one statement, so that a database that hangs does not hold it for ever."""

from django.db import connection


def bound_statements(milliseconds: int) -> None:
    """For this thread's connection, to be called at each round: Django may have made a new one since.

    SQLite has its own time-out.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {milliseconds:d}")
