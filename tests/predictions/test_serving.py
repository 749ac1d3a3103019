"""Snapshot, bundles and what a process goes on with when one of them is missing."""

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import OperationalError, connection

from ml_pipeline.bundle.files import MANIFEST_FILE, MODEL_FILE
from ml_pipeline.environment import PROJECT_ROOT
from predictions import metrics, services
from predictions.bundle_store import store_bundle
from predictions.models import BundleFault, Deployment, Observation
from predictions.prediction_log.spool import Spool
from predictions.serving import shelf
from predictions.serving.process import ServingProcess
from predictions.serving.shelf import BundleShelf, Failure
from predictions.snapshot import Snapshot
from tests.bundles import build_bundle
from tests.deployments import deploy, set_canary
from tests.predictions.conftest import synchronise

NEXT = {"rows": 200}


def version(process: ServingProcess, model: str = "sentiment") -> int | None:
    champion = process.live_models.current.models[model].champion
    return champion.version if champion else None


def refuse(*_: Any) -> None:
    raise OperationalError("the database is away")


def another(process: ServingProcess, folder: Path) -> ServingProcess:
    """A process that starts with the same folders."""
    return ServingProcess(folder, Spool(process.spool.folder, limit_bytes=1_000_000))


def test_a_promotion_swaps_the_reference_and_a_retirement_takes_it_away(live: ServingProcess) -> None:
    before = live.live_models.current.models["sentiment"].champion
    deploy("sentiment", build_bundle("sentiment", **NEXT), version=2)
    synchronise(live)
    assert (version(live), before.version if before else None) == (2, 1)

    deploy("sentiment", None)
    live.live_models.refresh()
    assert version(live) is None


def test_a_roll_back_to_the_previous_version_needs_no_store(live: ServingProcess) -> None:
    first = build_bundle("sentiment")
    deploy("sentiment", build_bundle("sentiment", **NEXT), version=2)
    synchronise(live)
    row = deploy("sentiment", first, version=1)
    storages["bundles"].delete(f"{row.champion_bundle}/{MANIFEST_FILE}")
    live.live_models.refresh()
    assert version(live) == 1


def test_a_bundle_that_cannot_be_loaded_leaves_the_old_version_and_is_observed_once(live: ServingProcess) -> None:
    manifest, fitted = build_bundle("sentiment", **NEXT)
    row = deploy("sentiment", (manifest, fitted[:-1] + b"!"), version=2)
    for _ in range(3):
        synchronise(live)
        live.ship()

    assert version(live) == 1
    state = live.state()
    assert state.ready
    assert "not the one that its manifest names" in state.failures[str(row.champion_bundle)]
    observation = Observation.objects.get()
    assert (observation.model, observation.kind, observation.subject) == (
        "sentiment", "bundle_not_loaded", row.champion_bundle,
    )  # fmt: skip


def test_what_a_process_cannot_load_stands_in_the_database_until_it_can(live: ServingProcess) -> None:
    manifest, fitted = build_bundle("sentiment", **NEXT)
    row = deploy("sentiment", (manifest, fitted[:-1] + b"!"), version=2)
    synchronise(live)
    live.ship()
    told = BundleFault.objects.get()
    assert (told.process, told.model, told.bundle) == (live.name, "sentiment", row.champion_bundle)
    assert told.copied, "the store gave it: the fault is its own"
    assert metrics.BUNDLES_NOT_LOADED.labels("sentiment")._value.get() == 1
    assert live.live_models.current.models["sentiment"].generation == 1, "it serves what it served before"

    store_bundle(manifest, fitted)
    path = f"{row.champion_bundle}/{MODEL_FILE}"
    storages["bundles"].delete(path)
    storages["bundles"].save(path, ContentFile(fitted))
    live.live_models._shelf.failures[str(row.champion_bundle)].retry_at = 0
    synchronise(live)
    live.ship()
    assert (version(live), live.live_models.current.models["sentiment"].generation) == (2, 2)
    assert not BundleFault.objects.exists()
    assert metrics.BUNDLES_NOT_LOADED.labels("sentiment")._value.get() == 0
    assert [swap["generation"] for swap in live.state().swaps if swap["model"] == "sentiment"] == [1, 2]


def test_a_store_without_the_files_is_no_fault_of_the_bundle(live: ServingProcess) -> None:
    row = deploy("sentiment", build_bundle("sentiment", **NEXT), version=2)
    storages["bundles"].delete(f"{row.champion_bundle}/{MODEL_FILE}")
    synchronise(live)
    live.ship()
    told = BundleFault.objects.get()
    assert (version(live), told.copied) == (1, False)
    assert "Not copied from the store: FileNotFoundError" in told.message


def test_unused_bundles_are_kept_as_their_bytes_allow_and_a_roll_back_comes_from_the_disk(
    live: ServingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "KEPT_UNUSED_BYTES", 1)
    first = deploy("sentiment", build_bundle("sentiment"), version=1).champion_bundle
    row = deploy("sentiment", build_bundle("sentiment", **NEXT), version=2)
    row.former = [{"version": 1, "bundle": first}]
    row.save()
    synchronise(live)
    assert (version(live), live.live_models._shelf.get(str(first))) == (2, None)

    storages["bundles"].delete(f"{first}/{MANIFEST_FILE}")
    deploy("sentiment", None)
    row.champion_version, row.champion_bundle = 1, first
    row.save()
    synchronise(live)
    assert version(live) == 1


def test_copies_of_earlier_processes_do_not_fill_the_disk(live: ServingProcess, settings: Any) -> None:
    folder = settings.SERVING_DIR / "bundles"
    for number in range(shelf.KEPT_COPIES + 5):
        (folder / f"{number:064}").mkdir()
    deploy("sentiment", build_bundle("sentiment", **NEXT), version=2)
    synchronise(live)

    serving = {model.champion.bundle.hash for model in live.live_models.current.models.values() if model.champion}
    left = {path.name for path in folder.iterdir()}
    assert serving <= left
    assert len(left - serving) <= shelf.KEPT_COPIES + 1


def test_a_bundle_whose_golden_samples_answer_otherwise_is_not_served(live: ServingProcess) -> None:
    manifest, fitted = build_bundle("sentiment", **NEXT)
    content = json.loads(manifest)
    content["golden_samples"][0]["probability"] = 0.123
    deploy("sentiment", (json.dumps(content).encode(), fitted), version=2)
    synchronise(live)

    assert version(live) == 1
    assert any("Golden sample 0" in message for message in live.state().failures.values())


def test_a_spoiled_local_copy_is_fetched_again(live: ServingProcess, settings: Any) -> None:
    bundle = live.live_models.current.models["sentiment"].champion.bundle.hash  # type: ignore[union-attr]
    (settings.SERVING_DIR / "bundles" / bundle / "model.skops").write_bytes(b"spoiled")

    fresh = another(live, settings.SERVING_DIR)
    synchronise(fresh)
    assert version(fresh) == 1


def test_processes_that_start_together_on_an_empty_disk_all_load_what_they_serve(
    process: ServingProcess, tmp_path: Path
) -> None:
    bundle_hash = store_bundle(*build_bundle("sentiment"))
    together = threading.Barrier(4)

    def starts(folder: Path, delay: float) -> dict[str, Failure]:
        own = BundleShelf(folder)
        together.wait(60)
        time.sleep(delay)  # so that one looks while another is between its two files
        own.try_load(bundle_hash)
        return own.failures

    with ThreadPoolExecutor(4) as threads:
        for start in range(10):
            failures = list(threads.map(starts, [tmp_path / str(start)] * 4, (0, 0.0005, 0.001, 0.002)))
            assert failures == [{}] * 4
            assert [path.name for path in (tmp_path / str(start)).iterdir()] == [bundle_hash]


def test_without_the_database_the_last_snapshot_goes_on_and_its_age_is_measured(live: ServingProcess) -> None:
    with connection.execute_wrapper(refuse):
        live.live_models.refresh()
        assert services.predict(model="sentiment", rows=[{"text": "fine"}]).ids
    assert version(live) == 1
    assert metrics.SNAPSHOT_AGE._value.get() > 0


def test_the_age_goes_on_growing_while_the_reading_thread_hangs(live: ServingProcess) -> None:
    metrics.SNAPSHOT_AGE.set(0)
    live.live_models.load_bundles()
    assert metrics.SNAPSHOT_AGE._value.get() > 0


def test_a_process_that_starts_without_the_database_boots_from_the_file(live: ServingProcess, settings: Any) -> None:
    fresh = another(live, settings.SERVING_DIR)
    with connection.execute_wrapper(refuse):
        synchronise(fresh)
    assert version(fresh) == 1
    assert fresh.state().ready


@pytest.mark.parametrize("damage", ["missing", "torn", "altered", "another format"])
def test_a_snapshot_file_that_cannot_be_trusted_is_not_believed(
    live: ServingProcess, settings: Any, damage: str
) -> None:
    path = settings.SERVING_DIR / "snapshot.json"
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        changed = {
            "torn": content[:-10],
            "altered": content.replace(b'"version":1', b'"version":9'),
            "another format": content.replace(b'"format":2', b'"format":9'),
        }
        path.write_bytes(changed[damage])

    fresh = another(live, settings.SERVING_DIR)
    with connection.execute_wrapper(refuse):
        fresh.live_models.refresh()
    assert not fresh.state().ready


def test_the_snapshot_file_says_what_the_database_said_and_is_private(live: ServingProcess, settings: Any) -> None:
    set_canary("sentiment", build_bundle("sentiment", **NEXT), version=2, share=0.25)
    live.live_models.refresh()
    path = settings.SERVING_DIR / "snapshot.json"

    read = Snapshot.read_file(path)
    assert read is not None
    assert read == live.live_models.current.snapshot
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_process_with_nothing_to_serve_is_ready_and_one_whose_bundles_all_fail_is_not(
    process: ServingProcess,
) -> None:
    deploy("unborn", None)
    synchronise(process)
    assert process.state().ready

    Deployment.objects.create(model="lost", champion_version=1, champion_bundle="0" * 64)
    synchronise(process)
    assert not process.state().ready


def test_the_metric_names_one_live_version_a_model(live: ServingProcess) -> None:
    deploy("sentiment", build_bundle("sentiment", **NEXT), version=2)
    synchronise(live)
    shown = {number: metrics.LIVE_VERSION.labels("sentiment", number)._value.get() for number in (1, 2)}
    assert shown == {1: 0, 2: 1}


def test_storing_a_bundle_twice_changes_nothing(process: ServingProcess) -> None:
    assert store_bundle(*build_bundle("spam")) == store_bundle(*build_bundle("spam"))


def test_a_web_process_imports_nothing_of_the_training_side(tmp_path: Path) -> None:
    """pandas is not among these: scikit-learn imports it where it is installed, which a serving image has not."""
    foreign = ("mlflow", "dvc", "optuna", "evidently", "dagshub", "pymongo", "ruamel")
    code = f"import sys, codesoft.wsgi; print([name for name in {foreign} if name in sys.modules])"
    environment = {"PATH": "/usr/bin:/bin", "VAR_DIR": str(tmp_path), "HOME": str(tmp_path), "LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
