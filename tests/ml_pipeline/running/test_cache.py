"""What leaves the cache that runs share, and what stays."""

import json
import os
import time
from pathlib import Path

import pytest

from ml_pipeline.running.cache import prune_cache

_LONG_AGO = 40 * 86_400  # seconds
_LOCK = """
schema: '2.0'
stages:
  evaluation@fruit:
    outs:
    - path: artifacts/fruit/evaluation/bundle
      hash: md5
      md5: {folder}.dir
    - path: artifacts/fruit/evaluation/report.json
      hash: md5
      md5: {report}
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    return tmp_path / "dvc" / "cache"


def keep(cache: Path, place: str, content: str = "", *, seconds_ago: float = _LONG_AGO) -> Path:
    path = cache / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (time.time() - seconds_ago,) * 2)
    return path


def output(cache: Path, digest: str, content: str = "", **more: float) -> Path:
    return keep(cache, f"files/md5/{digest[:2]}/{digest[2:]}", content, **more)


def test_what_an_entry_names_stays_with_the_files_of_its_folders_and_the_rest_goes_in_time(cache: Path) -> None:
    folder, inside, report, stray, young = (letter * 32 for letter in "abcde")
    named = [
        output(cache, f"{folder}.dir", json.dumps([{"md5": inside, "relpath": "bundle.json"}])),
        output(cache, inside),
        output(cache, report),
        output(cache, young, seconds_ago=3_600),
    ]
    gone = [output(cache, stray, "stray"), keep(cache, "runs/12/3456/7890", "what gave what")]
    lock = _LOCK.format(folder=folder, report=report).encode()

    assert prune_cache(locks=[lock], days=30) == len("stray") + len("what gave what")
    assert [path.exists() for path in named] == [True] * 4
    assert [path.exists() for path in gone] == [False] * 2


def test_it_looks_once_a_day(cache: Path) -> None:
    output(cache, "a" * 32, "1")
    assert prune_cache(locks=[], days=30) == 1
    output(cache, "b" * 32, "1")
    assert prune_cache(locks=[], days=30) == 0
    os.utime(cache / ".pruned", (time.time() - 90_000,) * 2)
    assert prune_cache(locks=[], days=30) == 1


def test_a_machine_that_never_ran_has_nothing_to_prune(cache: Path) -> None:
    assert prune_cache(locks=[], days=30) == 0
    assert not cache.exists()
