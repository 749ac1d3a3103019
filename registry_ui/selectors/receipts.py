"""What is known about one logged prediction: the row, where its version comes from, and what came of it."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User

from predictions.authentication import Caller
from predictions.models import Feedback, Prediction
from predictions.prediction_log.ids import not_found
from registry_ui.models import ModelVersion
from registry_ui.selectors.permissions import may_on_model, may_see_predictions

_VIEW = "predictions.view_deployment"
_LINEAGE = ("model", "number", "bundle_hash", "data_hash", "run_id", "run_url", "lineage")


@dataclass(frozen=True)
class Receipt:
    """A logged prediction. `version` is None where the registry does not know it (any more)."""

    prediction: Prediction
    version: ModelVersion | None
    feedback: Feedback | None

    @property
    def git_commit(self) -> str | None:
        return self.version.lineage.get("git_commit") or None if self.version else None


def receipt_of(prediction: Prediction) -> Receipt:
    """The prediction with its lineage and its feedback: two queries."""
    versions = ModelVersion.objects.filter(
        model=prediction.model, number=prediction.version, bundle_hash=prediction.bundle
    )
    feedback = Feedback.objects.filter(prediction_id=prediction.pk).first()
    return Receipt(prediction, versions.only(*_LINEAGE).first(), feedback)


def prediction_of(*, prediction_id: UUID, caller: User | Caller, scope: str) -> Prediction:
    """The logged prediction, if the caller may use it so; else PredictionPending or UnknownPrediction, by its age."""
    prediction = Prediction.objects.filter(pk=prediction_id).first()
    if prediction is None or not caller_may(caller, scope, prediction):
        raise not_found(prediction_id)
    return prediction


def caller_may(caller: User | Caller, scope: str, prediction: Prediction) -> bool:
    """Who asked may come back to the answer, and so may everybody who may look at the model: with the scope for it."""
    if isinstance(caller, Caller) and not caller.may(scope, prediction.model):
        return False
    if prediction.caller == caller.get_username():
        return True
    user = _user(caller)
    return user is not None and may_on_model(user, _VIEW, prediction.model)


def caller_sees_inputs(caller: User | Caller, prediction: Prediction) -> bool:
    """Whether what was asked may be shown, and not only what was answered."""
    if prediction.caller == caller.get_username():
        return True
    user = _user(caller)
    return user is not None and may_see_predictions(user, prediction.model)


def _user(caller: User | Caller) -> User | None:
    """A token's caller is no row of Django's; who was removed or switched off since may nothing."""
    if isinstance(caller, User):
        return caller
    return User.objects.filter(username=caller.get_username(), is_active=True).first()
