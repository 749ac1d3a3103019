"""Evidently's pages, compressed, in the bundle store: `drift/<sha256 of the page>.html.gz`."""

import gzip

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from ml_pipeline.canonical import sha256_hex
from registry_ui.models import DriftReport
from registry_ui.services.evidence_store import evidence_broken


def drift_page_keep(page: bytes) -> str:
    """Keep a page and give its path."""
    path = f"drift/{sha256_hex(page)}.html.gz"
    storages["bundles"].delete(path)
    storages["bundles"].save(path, ContentFile(gzip.compress(page, mtime=0)))
    return path


def drift_page_fetch(path: str) -> bytes:
    """The page; EvidenceBroken where the store has lost it."""
    try:
        with storages["bundles"].open(path) as stream:
            return gzip.decompress(stream.read())
    except FileNotFoundError as error:
        raise evidence_broken(path, "is missing") from error


def drift_page_forget(path: str) -> None:
    """Delete a page that no report names any more."""
    if not DriftReport.objects.filter(html=path).exists():
        storages["bundles"].delete(path)
