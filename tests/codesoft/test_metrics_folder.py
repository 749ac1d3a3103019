"""Where the web processes share their metrics."""

from pathlib import Path

import pytest

from codesoft.metrics_folder import make_empty, metrics_folder


def test_metrics_lie_in_memory_one_folder_for_each_state_folder_and_port(tmp_path: Path) -> None:
    memory, one, other = tmp_path / "memory", tmp_path / "one", tmp_path / "other"
    memory.mkdir()
    folders = {metrics_folder(memory, state=state, port=port) for state in (one, other) for port in ("1", "2")}
    assert len(folders) == 4
    assert {folder.parent for folder in folders} == {memory}


def test_metrics_lie_in_the_state_folder_where_there_is_no_memory_to_write_to(tmp_path: Path) -> None:
    folder = metrics_folder(tmp_path / "absent", state=tmp_path, port="8000")
    assert folder == tmp_path / "metrics" / "web-8000"


def test_a_start_finds_its_folder_empty_and_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "metrics"
    folder.mkdir(parents=True)
    (folder / "counter_1.db").touch()

    make_empty(folder)

    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_somebody_else_put_there_is_not_used(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / "metrics"
    link.symlink_to(elsewhere)

    with pytest.raises(SystemExit, match="cannot be made"):
        make_empty(link)
