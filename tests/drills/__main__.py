"""`python -m tests.drills [NAME…] [--write FILE]`: all drills, or those named, at full size; 1 at a violation.

The report is Markdown, on stdout and, with `--write`, in a file as well.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.drills.bad_versions import CANARY, CHAMPION, KINDS, Traffic, undo_bad_versions
from tests.drills.full_disk import fill_disk, small_disk
from tests.drills.kills import kill_workers
from tests.drills.outages import Outage, live_through, start_worker_while_away
from tests.drills.promotions import promote_back_and_forth
from tests.drills.report import Report
from tests.drills.servers import MLflow, PostgreSQL, Redis, Server, binaries, folder_for_servers
from tests.drills.stand import Stand
from tests.drills.training import kill_training, random_hits
from tests.drills.training_stand import TrainingStand
from tests.drills.waiting_pages import wait_on_pages

_WORKERS, _RATE, _CLIENTS = 4, 100.0, 16
_PROMOTIONS, _KILLS, _OUTAGE_SECONDS, _FULL_SECONDS = 100, 50, 15.0, 10.0
_TRAINING, _TRAINING_RUNS = "training", int(os.environ.get("TRAINING_RUNS", "200"))
_TRAINING_STANDS = 2  # side by side: a run waits more than it computes
_PAGES_P99_MILLISECONDS = 200.0
_RECORD_SECONDS, _LOOK_SECONDS = 30.0, 5.0  # the guard looks as often as beat lets it
_LIBRARIES = ("Django", "djangorestframework", "gunicorn", "psycopg", "mlflow", "scikit-learn")


class Servers:
    """Those that the product may be configured with, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.postgresql, self.redis, self.mlflow = (
            kind(_made(folder / kind.name)) for kind in (PostgreSQL, Redis, MLflow)
        )
        self.all: tuple[Server, ...] = (self.postgresql, self.redis, self.mlflow)


@contextmanager
def running_servers() -> Iterator[Servers]:
    with folder_for_servers() as folder, ExitStack() as stops:
        servers = Servers(folder)
        for server in servers.all:
            server.start()
            stops.callback(server.stop)
        yield servers


@contextmanager
def standing(servers: Servers, folder: Path) -> Iterator[Stand]:
    """The web processes, configured with all servers. The database is emptied by the next one."""
    stand = Stand(
        folder,
        servers.postgresql,
        workers=_WORKERS,
        REDIS_URL=servers.redis.url,
        MLFLOW_TRACKING_URI=servers.mlflow.url,
    ).prepare()
    try:
        stand.start()
        yield stand
    finally:
        stand.web.stop(signal.SIGKILL)


def promotions(stand: Stand, _servers: Servers) -> list[Report]:
    return [promote_back_and_forth(stand, count=_PROMOTIONS, pauses=(1.2, 2.2), rate=_RATE, clients=_CLIENTS)]


def kills(stand: Stand, _servers: Servers) -> list[Report]:
    return [kill_workers(stand, count=_KILLS, pauses=(0.2, 1.2), rate=_RATE, clients=_CLIENTS)]


def outages(stand: Stand, servers: Servers) -> list[Report]:
    away = [Outage(server, how) for server in servers.all for how in ("stopped", "hung")]
    database = [outage for outage in away if outage.server is servers.postgresql]
    lived = live_through(stand, away, seconds=_OUTAGE_SECONDS, rate=_RATE, clients=_CLIENTS)
    return [lived, *(start_worker_while_away(stand, one, rate=_RATE, clients=_CLIENTS) for one in database)]


def waiting_pages(stand: Stand, _servers: Servers) -> list[Report]:
    seconds, most = _OUTAGE_SECONDS, _PAGES_P99_MILLISECONDS
    return [wait_on_pages(stand, seconds=seconds, rate=_RATE, clients=_CLIENTS, readers=2 * _WORKERS, most=most)]


def full_disk(stand: Stand, _servers: Servers) -> list[Report]:
    disk = Path(stand.web.environment["VAR_DIR"])
    return [fill_disk(stand, disk, seconds=_FULL_SECONDS, rate=_RATE, clients=_CLIENTS)]


def training(_stand: Stand, servers: Servers) -> list[Report]:
    """Databases of their own beside the web's; the lease is short, so that a lost worker is noticed soon."""
    with TemporaryDirectory() as name, ExitStack() as stops:
        stands = [_training_stand(Path(name), servers, lane) for lane in range(1, _TRAINING_STANDS + 1)]
        for stand in stands:
            stops.callback(stand.stop_all)
            stand.start("runs", "default", "beat", "dispatcher")
        return [kill_training(stands, random_hits(_TRAINING_RUNS))]


def _training_stand(folder: Path, servers: Servers, lane: int) -> TrainingStand:
    database = f"{_TRAINING}_{lane}"
    servers.postgresql.create_database(database)
    return TrainingStand(
        folder / database,
        ["first", "second"],
        DATABASE_URL=servers.postgresql.url_of(database),
        REDIS_URL=servers.redis.url.removesuffix("/0") + f"/{lane}",
        RUN_LEASE_SECONDS="3",
    ).prepare()


def bad_versions(stand: Stand, _servers: Servers) -> list[Report]:
    cases = [(kind, place) for place in (CANARY, CHAMPION) for kind in KINDS]
    traffic = Traffic(_RATE, _CLIENTS, _RECORD_SECONDS)
    return [undo_bad_versions(stand, cases, traffic=traffic, look_seconds=_LOOK_SECONDS)]


DRILLS: dict[str, Callable[[Stand, Servers], list[Report]]] = {
    "promotions": promotions,
    "kills": kills,
    "outages": outages,
    "waiting_pages": waiting_pages,
    "bad_versions": bad_versions,
    "full_disk": full_disk,
    "training": training,
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(DRILLS)}; all where none is named")
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the report here too")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - DRILLS.keys():
        parser.error(f"no such drill: {', '.join(sorted(unknown))}")
    told, violated = [], False
    for report in _run(chosen.names or list(DRILLS)):
        told.append(report.markdown())
        violated |= bool(report.violations)
        print(told[-1], flush=True)  # noqa: T201 - at once: a drill that breaks off must not take the others with it
    if chosen.write:
        chosen.write.write_text(_written(chosen.names, told, chosen.write), encoding="utf-8")
    return int(violated)


def _run(names: Sequence[str]) -> Iterator[Report]:
    """One stand for all; its state folder lies on a small disk of its own, which one of the drills fills."""
    with (
        running_servers() as servers,
        TemporaryDirectory() as name,
        small_disk(Path(name), 256) as folder,
        standing(servers, folder) as stand,
    ):
        for drill in names:
            _say(drill)
            yield from DRILLS[drill](stand, servers)


def _written(names: Sequence[str], told: Sequence[str], path: Path) -> str:
    """The whole document; of some drills alone, theirs in the place of what stood there, with their own date."""
    if not names or not path.exists():
        return "\n".join([_heading(names), *told])
    sections = path.read_text(encoding="utf-8").split("\n## ")
    for text in told:
        title, _, body = text.removeprefix("## ").partition("\n")
        section = f"{title}\n{_when(names)}\n\n{body}"
        places = [place for place, known in enumerate(sections) if known.partition("\n")[0] == title]
        if places:
            sections[places[0]] = section
        else:
            sections.append(section)
    return "\n## ".join(sections)


def _heading(names: Sequence[str]) -> str:
    return f"""# Drills
The product under load while something breaks: {_WORKERS} gunicorn workers, {_RATE:.0f} requests a second on {_CLIENTS}
connections that are kept, every fifth a list of 20 texts. Decisions are taken by the registry's service in another
process. Latency counts from the moment when a request was due, so that waiting in line counts too.

{_when(names)}
"""


def _when(names: Sequence[str]) -> str:
    size = f"TRAINING_RUNS={_TRAINING_RUNS} " if "TRAINING_RUNS" in os.environ else ""
    command = size + (f'make drill DRILLS="{" ".join(names)}"' if names else "make drill")
    return f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, {', '.join(_versions())}."


def _versions() -> list[str]:
    postgresql = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True)
    redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True)
    return [
        f"Python {platform.python_version()}",
        *(f"{library} {version(library)}" for library in _LIBRARIES),
        f"PostgreSQL {postgresql.stdout.split()[2]}",
        f"Redis {redis.stdout.split()[2].removeprefix('v=')}",
    ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _say(drill: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {drill} …", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
