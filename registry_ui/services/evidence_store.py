"""What decisions rest on, kept by its hash: `evidence/<sha256><suffix>` in the bundle store. Nothing there changes."""

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from ml_pipeline.canonical import sha256_hex
from registry_ui.errors import EvidenceBroken

FROZEN = ".json"
ROWS = ".parquet"


def evidence_keep(content: bytes, *, suffix: str) -> str:
    """Keep `content` and give its SHA-256. Keeping it again changes nothing; a torn earlier write is replaced."""
    digest = sha256_hex(content)
    store, path = storages["bundles"], evidence_path(digest, suffix)
    if store.exists(path) and store.size(path) == len(content):
        return digest
    store.delete(path)
    store.save(path, ContentFile(content))
    return digest


def evidence_fetch(digest: str, *, suffix: str) -> bytes:
    """The content of that hash, proven; EvidenceBroken names the file that is missing or was changed."""
    path = evidence_path(digest, suffix)
    try:
        with storages["bundles"].open(path) as stream:
            content: bytes = stream.read()
    except FileNotFoundError as error:
        raise evidence_broken(path, "is missing") from error
    if sha256_hex(content) != digest:
        raise evidence_broken(path, "was changed: its content does not have the hash that names it")
    return content


def evidence_path(digest: str, suffix: str) -> str:
    return f"evidence/{digest}{suffix}"


def evidence_broken(path: str, what: str) -> EvidenceBroken:
    """The error that names a file of the store."""
    return EvidenceBroken(
        f"{path} in the bundle store {what}.",
        advice="Restore it from a backup of the store: somebody changed it from outside.",
        details={"file": path},
    )
