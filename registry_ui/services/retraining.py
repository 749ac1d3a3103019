"""Runs that nobody asks for: by schedule, because documents came, because inputs drifted. Works in a worker."""

import structlog
from django.db import transaction

from ml_pipeline.errors import CodesoftError, UnknownModel
from ml_pipeline.spec.policies import Retraining
from registry_ui.errors import RunActive
from registry_ui.models import PipelineRun, Trigger
from registry_ui.selectors import (
    active_run,
    cools_down_until,
    last_trained,
    models_with_policies,
    retraining_policy,
    schedules_of,
)
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_lock
from registry_ui.services.runs import run_request

_log = structlog.get_logger(__name__)


def retrain_when_due(*, model: str, trigger: Trigger, why: str) -> PipelineRun | None:
    """Start a run for `why`, unless the policy does not ask for this trigger, it cools down, or a run is active.

    None where nothing was started. Two callers at once start one run: the model's deployment is locked meanwhile.
    """
    with transaction.atomic():
        deployment_lock(model=model)
        policy = retraining_policy(model=model)
        if not _is_asked_for(trigger, policy) or active_run(model=model) is not None:
            return None
        if cools_down_until(model=model, trigger=trigger, policy=policy) is not None:
            return None
        try:
            return run_request(model=model, actor=Actor.system(trigger), trigger=trigger, why=why)
        except RunActive:  # a person, who waits for no lock, was quicker
            return None


def retrain_on_schedule(*, model: str) -> PipelineRun | None:
    """What a schedule calls. A model that is declared no longer does no harm: it is logged."""
    from ml_pipeline.params import load_spec  # noqa: PLC0415 - a web process, which asks for runs, reads no YAML

    try:
        load_spec(model)
        return retrain_when_due(model=model, trigger=Trigger.SCHEDULE, why=_schedule_text(model))
    except UnknownModel as error:
        _log.warning("schedule_of_an_unknown_model", model=model, error=str(error))
        return None


def documents_look() -> int:
    """Ask the source of every model that trains on new documents how many came, and how many runs that started.

    A source that does not answer stops no other model: it is logged, and asked again next time.
    """
    started = 0
    for model in models_with_policies():
        try:
            started += _train_on_documents(model) is not None
        except CodesoftError as error:
            _log.warning("documents_not_counted", model=model, code=error.code, error=str(error))
    return started


def _train_on_documents(model: str) -> PipelineRun | None:
    from ml_pipeline.sources.arrivals import documents_arrived  # noqa: PLC0415

    policy, last = retraining_policy(model=model), last_trained(model=model)
    if policy.new_documents is None or last is None or active_run(model=model) is not None:
        return None
    if cools_down_until(model=model, trigger=Trigger.DOCUMENTS, policy=policy) is not None:
        return None
    arrived = documents_arrived(model, known=last.documents or 0, watermark=last.watermark)
    if arrived < policy.new_documents:
        return None
    why = f"{arrived:,} new documents since {last.started_at:%Y-%m-%d %H:%M} UTC; {policy.new_documents:,} start a run"
    return retrain_when_due(model=model, trigger=Trigger.DOCUMENTS, why=why)


def _schedule_text(model: str) -> str:
    return "; ".join(schedule.text for schedule in schedules_of(model=model) if schedule.next_at)


def _is_asked_for(trigger: Trigger, policy: Retraining) -> bool:
    if trigger == Trigger.DRIFT:
        return policy.on_drift
    return trigger != Trigger.DOCUMENTS or policy.new_documents is not None
