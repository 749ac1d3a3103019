"""What callers asked in frozen cases, apart from the sealed evidence: it can be erased, and the seal still holds.

The sealed file has a commitment for each case: the SHA-256 of a random salt and the inputs. Salt and inputs lie in
`evidence/inputs/<sha256 of the sealed file>.json`. While they do, they are proven; once erased, nothing can be guessed.
"""

import json
import secrets
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from ml_pipeline.canonical import canonical_json, sha256_hex
from predictions.models import Prediction
from registry_ui.services.evidence_store import evidence_broken

_FOLDER = "evidence/inputs"
_COMMITMENT = "inputs_sha256"

Evidence = dict[str, Any]
Opened = dict[str, dict[str, Any]]  # id of a prediction → {"salt", "inputs"}


def inputs_parted(evidence: Evidence) -> tuple[Evidence, Opened]:
    """The evidence with commitments in place of logged inputs, and what opens them. Held-out rows stay as they are."""
    flips = evidence["flips"]
    if flips is None or flips["source"] != "predictions":
        return evidence, {}
    opened = {case["id"]: {"salt": secrets.token_hex(16), "inputs": case["inputs"]} for case in flips["cases"]}
    cases = [
        {name: value for name, value in case.items() if name != "inputs"} | {_COMMITMENT: _commit(opened[case["id"]])}
        for case in flips["cases"]
    ]
    return {**evidence, "flips": {**flips, "cases": cases}}, opened


def inputs_keep(digest: str, opened: Opened) -> None:
    """Keep them beside the sealed file of that hash; nothing is no file."""
    store, path = storages["bundles"], f"{_FOLDER}/{digest}.json"
    store.delete(path)
    if opened:
        store.save(path, ContentFile(canonical_json(opened)))


def inputs_joined(evidence: Evidence, digest: str) -> Evidence:
    """Sealed evidence with the inputs that are still kept; EvidenceBroken where they are not what was sealed."""
    cases = (evidence["flips"] or {}).get("cases", [])
    if not any(_COMMITMENT in case for case in cases):
        return evidence
    opened = _read(digest)
    for case in cases:
        sealed, one = case.pop(_COMMITMENT), opened.get(case["id"])
        if one is not None and _commit(one) != sealed:
            raise evidence_broken(f"{_FOLDER}/{digest}.json", "was changed: its content is not what was sealed")
        case["inputs"] = one["inputs"] if one else {}
    return evidence


def inputs_erase_frozen() -> Iterator[int]:
    """Erase what the log has erased by now: how many cases of each file."""
    for digest in _digests():
        opened = _read(digest)
        gone = Prediction.objects.filter(pk__in=opened, inputs__isnull=True).values_list("pk", flat=True)
        erased = {str(prediction) for prediction in gone}
        if erased:
            inputs_keep(digest, {name: one for name, one in opened.items() if name not in erased})
        yield len(erased)


def _commit(one: dict[str, Any]) -> str:
    return sha256_hex(one["salt"].encode() + canonical_json(one["inputs"]))


def _read(digest: str) -> Opened:
    try:
        with storages["bundles"].open(f"{_FOLDER}/{digest}.json") as stream:
            opened: Opened = json.load(stream)
    except FileNotFoundError:
        return {}
    return opened


def _digests() -> list[str]:
    try:
        _, files = storages["bundles"].listdir(_FOLDER)
    except FileNotFoundError:
        return []
    return [name.removesuffix(".json") for name in files if name.endswith(".json")]
