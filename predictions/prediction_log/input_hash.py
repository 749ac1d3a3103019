"""The hash of what was asked: it proves inputs that are sent again, also when the log keeps or has kept none."""

from collections.abc import Mapping
from typing import Any

from ml_pipeline.canonical import canonical_json, sha256_hex


def input_hash(inputs: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of checked inputs: every input of the spec by name, missing ones as null.

    Never another spelling of the same JSON: hashes that were logged have to be found again.
    """
    return sha256_hex(canonical_json(inputs))
