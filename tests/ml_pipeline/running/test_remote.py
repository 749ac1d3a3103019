"""The DVC remote over the S3 protocol: moto's server, in an environment of its own that TEST_MOTO names."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from ml_pipeline.errors import RunFailed
from ml_pipeline.running.job import JobResult, run_job
from ml_pipeline.running.workspace import prepare_workspace
from tests.processes import free_port, wait_until
from tests.small_models import small_project

pytestmark = pytest.mark.timeout(900)
MODEL, BUCKET = "tiny", "models"


class Bucket:
    """An S3 server with one empty bucket."""

    def __init__(self, log: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        with log.open("wb") as stream:
            command = [os.environ["TEST_MOTO"], "-H", "127.0.0.1", "-p", self.url.rpartition(":")[2]]
            self._server = subprocess.Popen(command, stdout=stream, stderr=stream)
        assert wait_until(self._made, 60, 0.3), log.read_text()

    def _made(self) -> bool:
        try:
            boto3.client("s3", endpoint_url=self.url).create_bucket(Bucket=BUCKET)
        except Exception:  # not up yet, whatever its client calls that
            return False
        return True

    def keys(self) -> list[str]:
        client = boto3.client("s3", endpoint_url=self.url)
        return [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def stop(self) -> None:
        self._server.kill()
        self._server.wait(20)


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    if not os.environ.get("TEST_MOTO"):
        pytest.skip("TEST_MOTO names no moto_server")
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    bucket = Bucket(tmp_path / "moto.log")
    monkeypatch.setenv("DVC_REMOTE_URL", f"s3://{BUCKET}/dvc")
    monkeypatch.setenv("DVC_REMOTE_ENDPOINT", bucket.url)
    yield bucket
    bucket.stop()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the model on a machine of that name, with a state folder of its own and an empty cache."""
    project = small_project(tmp_path / "project", [MODEL])

    def run(name: str, lock_entries: bytes | None) -> JobResult:
        monkeypatch.setenv("VAR_DIR", str(tmp_path / name / "var"))
        workspace = tmp_path / name / "workspace"
        prepare_workspace(workspace, lock_entries=lock_entries, project=project)
        return run_job(MODEL, workspace, trigger="test", on_line=lambda _: None)

    return run


def test_what_one_machine_pushed_another_fetches_and_computes_nothing_again(bucket: Bucket, machine) -> None:
    first = machine("first", None)
    assert bucket.keys()
    second = machine("second", first.lock_entries)

    worked = [stage["stage"] for stage in second.stages if stage["state"] == "done"]
    assert worked == ["ingestion"]  # which looks each time
    assert second.lock_entries == first.lock_entries


def test_a_remote_that_is_away_fails_the_run_and_says_which_command(bucket: Bucket, machine) -> None:
    first = machine("first", None)
    bucket.stop()

    with pytest.raises(RunFailed, match=r"-m dvc (repro|push)") as failed:
        machine("second", first.lock_entries)
    assert any("127.0.0.1" in line or "connect" in line for line in failed.value.details["lines"])
