"""What must hold before anything starts. Each failure says what to do."""

import fcntl
import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Ports:
    """Where the product listens: one port a variable."""

    web: int
    web_metrics: int
    dispatcher_metrics: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Ports":
        """From the environment, with a default each; CannotStart names what is no port."""
        web = _port(environment, "PORT", 8000)
        web_metrics = _port(environment, "METRICS_PORT", 9400)
        return cls(web, web_metrics, _port(environment, "DISPATCHER_METRICS_PORT", web_metrics + 1))

    def as_environment(self) -> dict[str, str]:
        return {
            "PORT": str(self.web),
            "METRICS_PORT": str(self.web_metrics),
            "DISPATCHER_METRICS_PORT": str(self.dispatcher_metrics),
        }


def _port(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise CannotStart(f"{variable} is {text!r}.", advice=f"Set {variable} to a number from 1 to 65535.")
    return int(text)


def check_ports(ports: Ports) -> None:
    """Each port is named once and free."""
    named: dict[str, str] = {}
    for variable, port in ports.as_environment().items():
        if port in named:
            raise CannotStart(
                f"{named[port]} and {variable} are both {port}.", advice=f"Set {variable} to another port."
            )
        named[port] = variable
        _check_port(int(port), variable)


def _check_port(port: int, variable: str) -> None:
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
