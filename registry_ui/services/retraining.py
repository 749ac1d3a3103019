"""Runs that nobody asks for: by schedule, because documents came, because inputs drifted. Works in a worker."""

from django.db import transaction

from ml_pipeline.spec.policies import Retraining
from registry_ui.errors import RunActive
from registry_ui.models import PipelineRun, Trigger
from registry_ui.selectors import active_run, cools_down_until, retraining_policy
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_lock
from registry_ui.services.runs import run_request


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


def _is_asked_for(trigger: Trigger, policy: Retraining) -> bool:
    if trigger == Trigger.DRIFT:
        return policy.on_drift
    return trigger != Trigger.DOCUMENTS or policy.new_documents is not None
