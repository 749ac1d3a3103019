"""The broker in a folder: messages come whole and in order, whoever is killed, and nothing ends who reads them."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from codesoft.celery import app
from codesoft.folder_broker import Channel
from ml_pipeline.environment import PROJECT_ROOT

WRITER = """
import sys
from tests.codesoft.test_folder_broker import connected
channel = connected(sys.argv[1]).channel()
number = 0
while True:
    channel._put("default", {"number": number})
    number += 1
"""


def connected(folder: str | Path) -> Connection:
    options = dict.fromkeys(("data_folder_in", "data_folder_out"), f"{folder}/messages")
    assert app.main == "codesoft"  # which knows the transport
    return Connection("folder://", transport_options={**options, "control_folder": f"{folder}/control"})


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    (tmp_path / "messages").mkdir()
    with connected(tmp_path) as connection:
        yield connection.channel()


def test_who_reads_beside_writers_that_are_killed_gets_whole_messages_in_their_order(
    channel: Channel, tmp_path: Path
) -> None:
    seen = 0
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=PROJECT_ROOT)
        numbers: list[int] = []
        deadline = time.monotonic() + 60
        while len(numbers) < 500 and time.monotonic() < deadline:
            try:
                numbers.append(channel._get("default")["number"])
            except Empty:
                continue
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        while channel._size("default"):
            numbers.append(channel._get("default")["number"])
        assert numbers[0] == 0
        assert sorted(numbers) == list(range(len(numbers)))
        seen += len(numbers)
    assert seen >= 1_500


def test_what_is_no_message_is_dropped_and_the_next_one_comes(channel: Channel, tmp_path: Path) -> None:
    for place, content in enumerate((b"", b"{", b"\xff")):
        (tmp_path / "messages" / f"{place}_x.default.msg").write_bytes(content)
    channel._put("default", {"number": 1})
    assert channel._get("default") == {"number": 1}
    with pytest.raises(Empty):
        channel._get("default")


@pytest.mark.parametrize("content", [None, b"", b"{", b'[["default", "", "other"]]'])
def test_a_queue_is_bound_whatever_a_killed_process_left_of_the_exchange(
    channel: Channel, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "control" / "default.exchange"
    if content is not None:
        file.parent.mkdir()
        file.write_bytes(content)
    for _ in range(2):
        channel._queue_bind("default", "default", "", "default")
    queues = [entry.queue for entry in channel.get_table("default")]
    assert queues == ["default", *(["other"] if content and b"other" in content else [])]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_message_that_cannot_be_written_is_an_error(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / "messages").rmdir()
    (tmp_path / "messages").write_bytes(b"no folder")
    with pytest.raises(channel.connection.channel_errors, match="cannot be written"):
        channel._put("default", {})
