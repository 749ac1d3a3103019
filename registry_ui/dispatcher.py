"""The one place that publishes to the broker: a loop in a process of its own, which may wait for it as no click may."""

from collections.abc import Callable
from functools import partial
from threading import Event
from uuid import UUID

import structlog
from celery import current_app
from django.db import DatabaseError, close_old_connections

from ml_pipeline.errors import InvalidSpec
from predictions.statements import bound_statements
from registry_ui.services.background import tasks_dispatch
from registry_ui.services.broker_contact import broker_contact_note
from registry_ui.services.deployments import deployments_declare
from registry_ui.services.runs import runs_dispatch

# By name: importing a task would bring the whole pipeline into a process that only posts messages.
EXECUTE_RUN = "registry_ui.tasks.execute_run"
EXECUTE_TASK = "registry_ui.tasks.execute_task"
STATEMENT_MILLISECONDS = 5_000
_PERIOD = 1.0  # seconds
_log = structlog.get_logger(__name__)


def send(task: str, row_id: UUID) -> None:
    """One message, without retries: the row stays due, and the next round tries again."""
    current_app.send_task(task, args=(str(row_id),), retry=False)


def dispatch_once(*, send: Callable[[str, UUID], None] = send) -> int:
    """One round: how many due rows were sent. A database that does not answer in time ends the round, not the loop."""
    errors: list[str] = []

    def watched(task: str, row_id: UUID) -> None:
        try:
            send(task, row_id)
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
            raise

    try:
        bound_statements(STATEMENT_MILLISECONDS)
        sent = runs_dispatch(send=partial(watched, EXECUTE_RUN)) + tasks_dispatch(send=partial(watched, EXECUTE_TASK))
        broker_contact_note(sent=sent, error=errors[0] if errors else "")
        return sent
    except DatabaseError as error:
        _log.warning("dispatch_failed", error=str(error))
        return 0


def declare_models() -> bool:
    """Let the registry know what this release declares. False where the database has to be asked again."""
    try:
        bound_statements(STATEMENT_MILLISECONDS)
        if added := deployments_declare():
            _log.info("models_declared", models=added)
    except InvalidSpec as error:  # each run will say so too
        _log.warning("declarations_not_read", error=str(error))
    except DatabaseError as error:
        _log.warning("declarations_not_kept", error=str(error))
        return False
    return True


def dispatch_until(stopped: Event) -> None:
    declared = False
    while not stopped.is_set():
        declared = declared or declare_models()
        dispatch_once()
        close_old_connections()
        stopped.wait(_PERIOD)
