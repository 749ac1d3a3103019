"""The pages of the admin that grow with the registry."""

from django.urls import reverse

from predictions.models import Deployment, Prediction
from registry_ui.models import AuditEntry, Decision, ForeignChange, ModelVersion, PipelineRun

_LISTS = {
    "models": "predictions_deployment",
    "versions": "registry_ui_modelversion",
    "runs": "registry_ui_pipelinerun",
    "audit log": "registry_ui_auditentry",
    "decisions": "registry_ui_decision",
    "mirror outbox": "registry_ui_outboxentry",
    "foreign changes": "registry_ui_foreignchange",
    "notifications": "registry_ui_notification",
    "generations": "predictions_generation",
    "predictions": "predictions_prediction",
    "observations": "predictions_observation",
    "true labels": "registry_ui_feedbackupload",
    "drift reports": "registry_ui_driftreport",
}


def large_pages() -> dict[str, str]:
    """Name → address: the home page, every list, and a detail page of each kind with the most behind it."""
    waiting = ModelVersion.objects.filter(status="waiting").earliest("pk")
    versions_of = ModelVersion.objects.filter(model=waiting.model)
    former, live = versions_of.filter(status="approved").earliest("number"), versions_of.get(stage="Production")
    deployment = Deployment.objects.get(model=waiting.model)
    shown = [
        ("a model", deployment),
        ("review", waiting),
        ("the champion", live),
        ("a former champion", former),
        ("a foreign change", ForeignChange.objects.filter(model=waiting.model).earliest("pk")),
        ("a run", PipelineRun.objects.filter(model=waiting.model).earliest("created_at")),
        ("an audit entry", AuditEntry.objects.filter(model=waiting.model).earliest("sequence")),
        ("a decision", Decision.objects.filter(model=waiting.model).earliest("pk")),
        ("a prediction", Prediction.objects.earliest("created_at")),
    ]
    details = {
        name: reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        for name, row in shown
    }
    lists = {f"list: {name}": reverse(f"admin:{page}_changelist") for name, page in _LISTS.items()}
    versions, compare = lists["list: versions"], reverse("admin:predictions_deployment_compare", args=[deployment.pk])
    return {
        "upload labels": reverse("admin:registry_ui_feedbackupload_new"),
        "home": reverse("admin:index"),
        "home, last page": f"{reverse('admin:index')}?page=999",
        **lists,
        "list: waiting versions": f"{versions}?status__exact=waiting",
        "list: versions of a model": f"{versions}?model={waiting.model}",
        "what served": f"{reverse('admin:predictions_generation_served')}?at=2026-03-03T14:00",
        "compare": f"{compare}?left={former.number}&right={waiting.number}",
        **details,
    }
