"""Decisions about shadows: a version that answers what the champion is asked, and nobody gets its answers.

It needs no approval, as it serves nobody. It has to be imported, and its bundle whole.
"""

from predictions.models import Deployment
from registry_ui.errors import WrongState
from registry_ui.models import Decision, ModelVersion
from registry_ui.services.access import APPROVE, Actor
from registry_ui.services.decisions import deciding
from registry_ui.services.deployments import shadow_clear, shadow_set
from registry_ui.services.preconditions import require_whole_bundle

_Action = Decision.Action


def version_set_shadow(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Let a worker ask the version what the champion is asked from now on. Another shadow ends."""
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = ground.version(number)
        _require_out_of_service(ground.deployment, version)
        require_whole_bundle(version)
        before = ground.deployment.shadow_version
        cause = f"shadow by {actor.name}"
        after = shadow_set(version=version, expected_generation=expected_generation, cause=cause)
        return ground.take(version, _Action.SET_SHADOW, after=after, evidence={"shadow_before": before})


def shadow_end(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Ask the shadow no more. What was found stays."""
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = ground.version(number)
        if ground.deployment.shadow_version != number:
            raise WrongState(
                f"{version} is not the shadow.",
                advice="Look at what serves now.",
                details={"model": model, "version": number, "shadow": ground.deployment.shadow_version},
            )
        cause = f"shadow ended by {actor.name}"
        after = shadow_clear(model=model, expected_generation=expected_generation, cause=cause)
        return ground.take(version, _Action.END_SHADOW, after=after)


def _require_out_of_service(deployment: Deployment, version: ModelVersion) -> None:
    """A shadow stands beside a champion, answers nobody yet, and is not the shadow already."""
    details = {"model": version.model, "version": version.number, "champion": deployment.champion_version}
    if deployment.champion_version is None:
        raise WrongState(f"No version of {version.model} is live: there is nothing to compare with.", details=details)
    places = {
        deployment.champion_version: "the champion",
        deployment.canary_version: "the canary",
        deployment.shadow_version: "the shadow",
    }
    if version.number in places:
        raise WrongState(f"{version} is {places[version.number]} already.", details=details)
