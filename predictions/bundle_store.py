"""The content-addressed store of bundles: `<hash>/bundle.json` and `<hash>/model.skops` behind Django's storage API."""

import json
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from ml_pipeline.bundle.files import MANIFEST_FILE, MODEL_FILE, write_bundle
from ml_pipeline.canonical import sha256_hex
from ml_pipeline.errors import InvalidBundle


def store_bundle(manifest: bytes, fitted: bytes) -> str:
    """Keep a bundle and give its hash. Storing it again changes nothing; the manifest comes last and completes it."""
    bundle_hash = sha256_hex(manifest)
    if not has_bundle(bundle_hash):
        for name, content in ((MODEL_FILE, fitted), (MANIFEST_FILE, manifest)):
            path = f"{bundle_hash}/{name}"
            storages["bundles"].delete(path)
            storages["bundles"].save(path, ContentFile(content))
    return bundle_hash


def has_bundle(bundle_hash: str) -> bool:
    return storages["bundles"].exists(f"{bundle_hash}/{MANIFEST_FILE}")


def read_bundle(bundle_hash: str) -> tuple[bytes, bytes]:
    """Manifest and model file; FileNotFoundError where the store has none of that hash."""
    store = storages["bundles"]
    with store.open(f"{bundle_hash}/{MANIFEST_FILE}") as manifest, store.open(f"{bundle_hash}/{MODEL_FILE}") as fitted:
        return manifest.read(), fitted.read()


def read_manifest(bundle_hash: str) -> dict[str, Any]:
    """What a bundle says about itself, its hash proven, without its model file; InvalidBundle."""
    try:
        with storages["bundles"].open(f"{bundle_hash}/{MANIFEST_FILE}") as stream:
            manifest: bytes = stream.read()
    except FileNotFoundError as error:
        raise InvalidBundle(f"The bundle store has no bundle {bundle_hash}.") from error
    if sha256_hex(manifest) != bundle_hash:
        raise InvalidBundle(f"The manifest of bundle {bundle_hash} was changed.")
    content: dict[str, Any] = json.loads(manifest)
    return content


def copy_bundle(bundle_hash: str, folder: Path) -> None:
    """Copy a bundle's two files into `folder`."""
    write_bundle(folder, *read_bundle(bundle_hash))
