"""The broker of `make run`: kombu's filesystem transport, with files that are whole from the moment they can be seen.

kombu opens a file, locks it and then writes: who reads in between, or after a writer was killed there, finds it empty,
and the worker that cannot parse it ends, and `make run` with it.
"""

import fcntl
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import structlog
from kombu.exceptions import ChannelError
from kombu.transport import filesystem, virtual
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps, loads

from ml_pipeline.canonical import write_bytes

_NO_BINDINGS = b"[]"

log = structlog.get_logger(__name__)


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
        """As kombu names it, so that messages are taken in the order of their moments; then renamed into place."""
        name = f"{round(time.monotonic() * 1_000)}_{uuid.uuid4()}.{queue}.msg"
        try:
            write_bytes(Path(self.data_folder_out) / name, str_to_bytes(dumps(payload)))
        except OSError as error:
            raise ChannelError(f"The message {name} cannot be written: {error.strerror}.") from error

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The next message; what is none is dropped. Rows say what is due: what was lost with it is sent again."""
        while True:
            try:
                return super()._get(queue)
            except ValueError as error:
                log.warning("broker_message_dropped", queue=queue, error=str(error))

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        file: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]
        self.control_folder.mkdir(exist_ok=True)
        if not file.exists():
            with NamedTemporaryFile(dir=self.control_folder) as whole, suppress(FileExistsError):
                whole.write(_NO_BINDINGS)
                whole.flush()
                os.link(whole.name, file)
        elif not _is_table(file):
            write_bytes(file, _NO_BINDINGS)
        super()._queue_bind(exchange, routing_key, pattern, queue)


class Transport(filesystem.Transport):
    Channel = Channel
    global_state = virtual.BrokerState()


def _is_table(file: Path) -> bool:
    """Read under kombu's lock: it writes tables in place."""
    with file.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        try:
            return isinstance(loads(stream.read()), list)
        except ValueError:
            return False
