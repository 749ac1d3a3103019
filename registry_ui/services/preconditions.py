"""What a version must fulfil before callers get its answers. Each check raises, or gives what the decision records."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ml_pipeline.canonical import sha256_hex
from ml_pipeline.compatibility import Incompatibility
from predictions.bundle_store import has_bundle, read_bundle
from registry_ui.errors import Frozen, IncompatibleInputs, Troubled, WrongState
from registry_ui.models import ModelVersion
from registry_ui.rules import freeze_in_force, incompatible_inputs
from registry_ui.selectors import champion_get, policy_holder, trouble_of


@dataclass(frozen=True)
class Confirmed:
    """What the caller says to have seen: inputs that will be refused, and the decision that ended the last service."""

    incompatible: bool = False
    trouble: int | None = None


NOTHING = Confirmed()


def require_bundle(version: ModelVersion) -> None:
    if not has_bundle(version.bundle_hash):
        raise WrongState(
            f"The bundle of {version} is not in the store.",
            advice="Import the version again.",
            details={"model": version.model, "version": version.number, "bundle_hash": version.bundle_hash},
        )


def require_whole_bundle(version: ModelVersion) -> None:
    """Both hashes recomputed: a worker shall not be sent to load what cannot be loaded."""
    require_bundle(version)
    manifest, fitted = read_bundle(version.bundle_hash)
    if sha256_hex(manifest) != version.bundle_hash or sha256_hex(fitted) != json.loads(manifest)["skops_sha256"]:
        raise WrongState(
            f"The bundle of {version} in the store is not the one that was imported.",
            advice="Import the version again.",
            details={"model": version.model, "version": version.number, "bundle_hash": version.bundle_hash},
        )


def require_no_freeze(version: ModelVersion) -> None:
    """Frozen names the rule and when it ends. A roll back, the end of a canary and a retirement never ask."""
    held = freeze_in_force(version=version, holder=policy_holder(model=version.model))
    if held is not None:
        raise Frozen(
            f"{held}: nothing new goes live.",
            advice="Decide after it. Rolling back, ending a canary and retiring stay possible.",
            details={"rule": "freeze", "freeze": str(held.freeze), "until": held.until.isoformat()},
        )


def require_acknowledged(version: ModelVersion, confirmed: Confirmed) -> dict[str, Any]:
    """A version whose last service was ended for a reason serves again only for who names that decision."""
    trouble = trouble_of(version=version)
    if trouble is None:
        return {}
    if confirmed.trouble != trouble.pk:
        raise Troubled(
            f"{version} does not serve any more since {trouble.actor} gave a reason: “{trouble.reason}” "
            f"({trouble.get_action_display().lower()}).",
            advice="If it shall serve again all the same, acknowledge that decision.",
            details={
                "model": version.model,
                "version": version.number,
                "decision": trouble.pk,
                "actor": trouble.actor,
                "reason": trouble.reason,
                "at": trouble.created_at.isoformat(),
            },
        )
    return {"acknowledged": {"decision": trouble.pk, "reason": trouble.reason}}


def require_compatible(version: ModelVersion, confirmed: Confirmed) -> dict[str, Any]:
    """Inputs that the champion accepts are refused only where that was confirmed."""
    fields = incompatible_inputs(version=version, champion=champion_get(model=version.model))
    if not fields:
        return {}
    if not confirmed.incompatible:
        raise _incompatible(version, fields, "Change the callers first, then confirm it.")
    return {"incompatible_inputs": [[field.field, field.code] for field in fields]}


def require_compatible_canary(version: ModelVersion) -> None:
    """A canary answers callers who know nothing of it: what the champion accepts, it must accept."""
    fields = incompatible_inputs(version=version, champion=champion_get(model=version.model))
    if fields:
        raise _incompatible(version, fields, "It cannot be a canary; as champion it needs a confirmation.")


def _incompatible(version: ModelVersion, fields: Sequence[Incompatibility], advice: str) -> IncompatibleInputs:
    said = " ".join(f"{field.field}: {field.message}" for field in fields)
    return IncompatibleInputs(
        f"{version} refuses inputs that the champion accepts. {said}",
        advice=advice,
        details={
            "model": version.model,
            "version": version.number,
            "fields": [{"field": field.field, "code": field.code, "message": field.message} for field in fields],
        },
    )
