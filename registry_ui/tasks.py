"""The Celery doors. Each loads nothing, calls one service, and leaves meaning and retries to the rows it works on."""

from contextlib import suppress
from uuid import UUID

from celery import shared_task

from ml_pipeline.errors import TrackingUnavailable
from predictions.idempotency.answers import forget_old_answers
from predictions.traffic import forget_old_traffic
from predictions.version_counts import counts_forget
from registry_ui.services import (
    background,
    delivery,
    drift,
    execution,
    feedback,
    live_performance,
    mirroring,
    proposals,
    retention,
    retraining,
    rollouts,
    runs,
    shadowing,
    syncing,
)
from registry_ui.services.access import Actor
from registry_ui.services.background_kinds import KINDS
from registry_ui.worker_shutdown import is_shutting_down


@shared_task(acks_late=False)
def execute_run(run_id: str) -> None:
    """Acknowledged before it starts: a lost worker is noticed by the run's lease, not by redelivery."""
    execution.run_execute(run_id=UUID(run_id), interrupted=is_shutting_down)


@shared_task(acks_late=False)
def execute_task(task_id: str) -> None:
    background.task_execute(task_id=UUID(task_id), kinds=KINDS)


@shared_task
def requeue_expired_leases() -> None:
    runs.runs_requeue_expired()
    background.tasks_requeue_expired()


@shared_task
def retrain_on_schedule(model: str) -> None:
    retraining.retrain_on_schedule(model=model)


@shared_task(soft_time_limit=240)
def look_for_documents() -> None:
    retraining.documents_look()


@shared_task
def forget_kept_answers() -> None:
    forget_old_answers()


@shared_task
def mirror_outbox() -> None:
    mirroring.outbox_mirror()


@shared_task(soft_time_limit=120)
def deliver_notifications() -> None:
    delivery.notifications_deliver()


@shared_task
def settle_feedback() -> None:
    feedback.feedback_settle()


@shared_task
def count_performance() -> None:
    live_performance.performance_count()
    proposals.proposals_refresh()


@shared_task
def forget_traffic() -> None:
    forget_old_traffic()


@shared_task
def schedule_drift() -> None:
    drift.drift_schedule()


@shared_task
def erase_inputs() -> None:
    retention.inputs_erase(actor=Actor.system("retention"))


@shared_task
def sync_registry() -> None:
    """Versions trained elsewhere come in; what was moved by hand on the tracking server is found."""
    with suppress(TrackingUnavailable):  # noted with each model
        syncing.registry_sync()


@shared_task(soft_time_limit=60)
def look_at_rollouts() -> None:
    rollouts.rollouts_look()


@shared_task
def forget_version_counts() -> None:
    counts_forget()


@shared_task(soft_time_limit=60)
def replay_to_shadows() -> None:
    shadowing.shadows_replay()
