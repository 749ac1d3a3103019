"""URLs under `/api/v1/` that change what is live or train anew. A trailing slash changes nothing."""

from django.urls import re_path

from registry_ui.api.decisions import DecisionsView
from registry_ui.api.hooks import MlflowHookView
from registry_ui.api.receipts import FeedbackView, ReceiptView, VerifyView
from registry_ui.api.rollouts import RolloutView
from registry_ui.api.runs import CancellationView, RunsView, RunView
from registry_ui.api.versions import ServedView, VersionsView, VersionView
from registry_ui.api.watching import DriftView, PerformanceView

_MODEL = r"^models/(?P<model>[^/]+)"
_PREDICTION = r"^predictions/(?P<prediction>[^/]+)"

urlpatterns = [
    re_path(r"^hooks/mlflow/?$", MlflowHookView.as_view(), name="api-mlflow-hook"),
    re_path(_PREDICTION + r"/?$", ReceiptView.as_view(), name="api-receipt"),
    re_path(_PREDICTION + r"/verify/?$", VerifyView.as_view(), name="api-verify"),
    re_path(_PREDICTION + r"/feedback/?$", FeedbackView.as_view(), name="api-feedback"),
    re_path(_MODEL + r"/versions/?$", VersionsView.as_view(), name="api-versions"),
    re_path(_MODEL + r"/versions/(?P<number>[0-9]{1,9})/?$", VersionView.as_view(), name="api-version"),
    re_path(_MODEL + r"/versions/(?P<number>[0-9]{1,9})/decisions/?$", DecisionsView.as_view(), name="api-decisions"),
    re_path(_MODEL + r"/rollout/?$", RolloutView.as_view(), name="api-rollout"),
    re_path(_MODEL + r"/served/?$", ServedView.as_view(), name="api-served"),
    re_path(_MODEL + r"/performance/?$", PerformanceView.as_view(), name="api-performance"),
    re_path(_MODEL + r"/drift/?$", DriftView.as_view(), name="api-drift"),
    re_path(_MODEL + r"/runs/?$", RunsView.as_view(), name="api-runs"),
    re_path(_MODEL + r"/runs/(?P<run>[0-9a-fA-F-]{1,36})/?$", RunView.as_view(), name="api-run"),
    re_path(
        _MODEL + r"/runs/(?P<run>[0-9a-fA-F-]{1,36})/cancellation/?$", CancellationView.as_view(), name="api-cancel-run"
    ),
]
