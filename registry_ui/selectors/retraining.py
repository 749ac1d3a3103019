"""When a model trains unasked: its policy, the cool-down of each kind of trigger, and what earlier runs saw."""

from datetime import datetime, timedelta

from django.utils import timezone

from ml_pipeline.spec.policies import Retraining
from registry_ui.models import ModelPolicy, PipelineRun, Trigger


def retraining_policy(*, model: str) -> Retraining:
    """The policy as the last run of ours found it declared; the defaults before there was one."""
    declared = ModelPolicy.objects.filter(model=model).values_list("retraining", flat=True).first()
    return Retraining.model_validate(declared or {})


def models_with_policies() -> list[str]:
    """Models of which a run of ours said when to train."""
    policies = ModelPolicy.objects.exclude(retraining={})
    return list(policies.order_by("model").values_list("model", flat=True))


def cools_down_until(*, model: str, trigger: Trigger, policy: Retraining) -> datetime | None:
    """Until when `trigger` starts no further run; None where it may now. It counts from the last one's request."""
    last = PipelineRun.objects.filter(model=model, trigger=trigger).order_by("-created_at").first()
    if last is None:
        return None
    until = last.created_at + timedelta(hours=getattr(policy.cool_down_hours, trigger))
    return until if until > timezone.now() else None


def last_trained(*, model: str) -> PipelineRun | None:
    """The newest succeeded run that knows how many documents it saw."""
    state = PipelineRun.State.SUCCEEDED
    known = PipelineRun.objects.filter(model=model, state=state, documents__isnull=False)
    return known.order_by("-created_at").defer("log", "error", "stages").first()
