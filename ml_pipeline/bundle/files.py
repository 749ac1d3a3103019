"""The two files of a bundle, for those who store or copy bundles without loading them."""

from pathlib import Path

from ml_pipeline.canonical import sha256_hex, write_bytes

MANIFEST_FILE = "bundle.json"
MODEL_FILE = "model.skops"


def write_bundle(folder: Path, manifest: bytes, fitted: bytes) -> str:
    """Write both files into `folder`, the manifest last, and give the bundle hash."""
    write_bytes(folder / MODEL_FILE, fitted)
    write_bytes(folder / MANIFEST_FILE, manifest)
    return sha256_hex(manifest)
