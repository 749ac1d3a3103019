"""Servers that a drill may stop, start again, hang and let go on: PostgreSQL, Redis and MLflow."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import sql

from tests.processes import descendants, free_port, gone_within, is_alive, wait_until

_START_SECONDS = 120


class Server:
    """A server process with its children. `command` runs it in the foreground, listening on `port`."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def start(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, env=self.environment(), stdout=log, stderr=log, start_new_session=True
            )
        assert wait_until(self.is_up, _START_SECONDS), (self.folder / f"{self.name}.log").read_text()[-3000:]

    def stop(self) -> None:
        """At once, as a machine that fails: no client is told anything but by its kernel."""
        pids = self._pids()
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(20)
        assert gone_within(20, *pids)
        self._process = None

    def hang(self) -> None:
        """Connections stay, new ones are accepted by the kernel, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def is_up(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _pids(self) -> list[int]:
        """Parents first: a parent that is stopped or dead starts no other child."""
        if self._process is None or not is_alive(self._process.pid):
            return []
        return [self._process.pid, *descendants(self._process.pid)]


class PostgreSQL(Server):
    """What was committed survives a stop. Root may not run it: there it runs as the user that its package made."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._data = folder / "data"
        self._as_owner: list[str] = []
        if os.geteuid() == 0:
            self._as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            shutil.chown(folder, "postgres")
        initdb = [str(binaries() / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*self._as_owner, *initdb, "--no-sync"], cwd=folder, check=True, capture_output=True)

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def command(self) -> Sequence[str]:
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder}
        settings = [f"--{name}={value}" for name, value in {**options, "max_connections": 100}.items()]
        return [*self._as_owner, str(binaries() / "postgres"), "-D", str(self._data), *settings]

    def is_up(self) -> bool:
        asked = [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self) -> None:
        super().stop()
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # of a process that is gone


class Redis(Server):
    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        return [
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]


class MLflow(Server):
    name = "mlflow"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        store = [f"--backend-store-uri=sqlite:///{self.folder}/mlflow.db", f"--artifacts-destination={self.folder}"]
        return [
            sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={self.port}", "--workers=1", *store
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def binaries() -> Path:
    """Debian's newest PostgreSQL; FileNotFoundError where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def folder_for_servers() -> Iterator[Path]:
    """A temporary folder that other users may enter; pytest's own are closed to them."""
    with TemporaryDirectory(prefix="codesoft-drill-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder
