"""What must hold before anything starts. Each failure says what to do."""

import fcntl
import os
import shutil
import socket
from pathlib import Path
from typing import IO

from ml_pipeline.errors import CodesoftError

_NEEDED_BYTES = 300 * 2**20


class CannotStart(CodesoftError):
    """A part of the product cannot start here."""

    code = "cannot_start"


def check_state_folder(folder: Path) -> None:
    """The state folder exists, can be written and has room."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise CannotStart(
            f"The state folder {folder} cannot be written: {error.strerror}.", advice="Set VAR_DIR to another folder."
        ) from error
    if free < _NEEDED_BYTES:
        raise CannotStart(
            f"Only {free // 2**20} MB are free where {folder} lies; {_NEEDED_BYTES // 2**20} MB are needed.",
            advice="Free some space, or set VAR_DIR to a folder on another disk.",
        )


def check_port(port: int, variable: str) -> None:
    """Nobody listens on the port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used: {error.strerror}.",
                advice=f"Stop what listens there, or choose another: {variable}={port + 1} make run",
            ) from error


def lock_state_folder(folder: Path) -> IO[str]:
    """Hold the state folder: two schedulers on one database would run everything twice. Keep the file open."""
    stream = (folder / "launch.lock").open("a+")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.seek(0)
        raise CannotStart(
            f"The product already runs on {folder} (process {stream.read().strip() or 'unknown'}).",
            advice="Stop it with Ctrl-C there, or set VAR_DIR to another folder.",
        ) from error
    stream.truncate(0)
    stream.write(str(os.getpid()))
    stream.flush()
    return stream
