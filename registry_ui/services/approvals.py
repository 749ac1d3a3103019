"""Requests for approval: made with a candidate or by a person, decided by somebody else under four eyes."""

from django.utils import timezone

from registry_ui.errors import FourEyesRefused, WrongState
from registry_ui.models import ApprovalRequest, ModelVersion
from registry_ui.rules import four_eyes_declared, four_eyes_in_force
from registry_ui.selectors import current_approval, four_eyes_switch, policy_holder
from registry_ui.services.access import Actor, refused

_State = ApprovalRequest.State


def approval_open(*, version: ModelVersion, requested_by: str) -> ApprovalRequest:
    """Ask for a decision, inside the caller's transaction. Who started the version's run stays bound by four eyes."""
    return ApprovalRequest.objects.create(
        model=version.model,
        version=version,
        started_by=version.requested_by,
        requested_by=requested_by,
        four_eyes=four_eyes_declared(version=version, holder=policy_holder(model=version.model)),
    )


def approval_decide(*, version: ModelVersion, state: ApprovalRequest.State, actor: Actor) -> ApprovalRequest:
    """Record who decided, by the four eyes that hold now; FourEyesRefused for who asked. A constraint checks again."""
    approval = current_approval(version=version)
    if approval is None:
        raise WrongState(f"Nobody asks for a decision about {version}.", details={"version": version.number})
    approval.four_eyes = four_eyes_in_force(approval=approval, switch=four_eyes_switch(model=version.model))
    if approval.four_eyes and actor.name in approval.askers:
        error = FourEyesRefused(
            f"{actor.name} started the run of {version} or asked for its approval: somebody else decides.",
            advice="Ask another approver. For a team of one, an administrator can switch four eyes off.",
            details={"rule": "four_eyes", "model": version.model, "version": version.number},
        )
        raise refused(error, actor=actor.name)
    approval.state, approval.decided_by, approval.decided_at = state, actor.name, timezone.now()
    approval.save(update_fields=["four_eyes", "state", "decided_by", "decided_at"])
    return approval


def canary_approval_reopen(*, version: ModelVersion) -> None:
    """The canary's request waits for a decision again."""
    ApprovalRequest.objects.filter(version=version, state=_State.CANARY).update(
        state=_State.OPEN, decided_by=None, decided_at=None
    )


def approval_note(*, version: ModelVersion, policy_says: str) -> None:
    """Keep why no policy decided, for who decides now."""
    ApprovalRequest.objects.filter(version=version, state=_State.OPEN).update(policy_says=policy_says)
