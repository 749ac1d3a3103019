"""Rows of the serving tables for tests: a bundle in the store, and the deployment that names it."""

from predictions.bundle_store import store_bundle
from predictions.models import Deployment
from tests.bundles import BundleFiles


def deploy(model: str, files: BundleFiles | None, *, version: int = 1) -> Deployment:
    """Make a version the champion; None retires the model."""
    row, _ = Deployment.objects.get_or_create(model=model)
    row.generation += 1
    row.champion_version = version if files else None
    row.champion_bundle = store_bundle(*files) if files else None
    row.save()
    return row


def set_canary(model: str, files: BundleFiles, *, version: int, share: float) -> None:
    row = Deployment.objects.get(model=model)
    row.generation += 1
    row.canary_version, row.canary_bundle, row.canary_share = version, store_bundle(*files), share
    row.save()
