"""`make bench`: prepare once, then visit every server in each round, in random order, one at a time.

Everything lives under `var/benchmark/`. A second run finds environments and models there; nothing is left running.
"""

import argparse
import fcntl
import json
import os
import platform
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.serving.environments import ensure_environments, pinned
from benchmarks.serving.exporting import export_model
from benchmarks.serving.load import VEGETA, ensure_vegeta, wrk_version
from benchmarks.serving.measuring import Plan, visit, visit_at_rate
from benchmarks.serving.peers import FLOOR, OURS, Peer, Places, chosen
from benchmarks.serving.processes import ServerFault
from benchmarks.serving.report import markdown, write_into
from benchmarks.serving.results import Results, requests
from benchmarks.serving.state import BENCHMARK_FOLDER, STATE_FOLDER, ensure_state

PLACES = Places(
    environments=BENCHMARK_FOLDER / "environments",
    models=BENCHMARK_FOLDER / "models",
    state=STATE_FOLDER,
    scratch=BENCHMARK_FOLDER / "scratch" / "state",
)


def main() -> None:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # through every `finally`, which stops the servers
    BENCHMARK_FOLDER.mkdir(parents=True, exist_ok=True)
    with (BENCHMARK_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        results = _run(arguments)
    print(markdown(results))
    if arguments.document:
        write_into(arguments.document, results)
    if arguments.raw:
        arguments.raw.parent.mkdir(parents=True, exist_ok=True)
        arguments.raw.write_text(json.dumps(results.as_dict(), default=float, separators=(",", ":")) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one window, whole ones")
    parser.add_argument("--peers", default="", help="names, with spaces between them; all where none is named")
    parser.add_argument("--connections", default="1 8 32")
    parser.add_argument("--singles-alone", action="store_true", help="neither lists nor fixed rate: a quick look")
    parser.add_argument("--document", type=Path, help="the Markdown file whose tables are replaced")
    parser.add_argument("--raw", type=Path, help="where the figures of every round are kept, as JSON")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> Results:
    peers = chosen(arguments.peers.split())
    tools = f"wrk {wrk_version()}, vegeta {VEGETA.rpartition('@')[2]}"
    ensure_state(PLACES.state)
    ensure_environments(PLACES.environments, {peer.requirements for peer in peers})
    expected = export_model(PLACES.state, PLACES.models)
    plan = Plan(
        seconds=arguments.seconds,
        connections=tuple(map(int, arguments.connections.split())),
        batch_connections=0 if arguments.singles_alone else 8,
    )
    results = Results(_about(arguments, tools, peers))
    for number in range(arguments.rounds):
        results.rounds.append(_round(number, peers, plan, expected))
    if not arguments.singles_alone and {OURS, FLOOR} <= {peer.name for peer in peers}:
        _at_fixed_rate(results, arguments.rounds, 2 * arguments.seconds, expected)
    return results


def _round(number: int, peers: Sequence[Peer], plan: Plan, expected: Sequence[float]) -> dict[str, Any]:
    visits = {}
    for peer in random.sample(peers, len(peers)):
        started = time.monotonic()
        visits[peer.name] = visit(peer, plan, PLACES, expected)
        _say(f"round {number + 1}: {peer.title}, {time.monotonic() - started:.0f} s")
    return visits


def _at_fixed_rate(results: Results, rounds: int, seconds: float, expected: Sequence[float]) -> None:
    """Half of what we answered at 8 connections; without Go there is no vegeta, and the figure stays unmeasured."""
    vegeta, capacity = ensure_vegeta(BENCHMARK_FOLDER / "tools"), results.spread(OURS, requests(8))
    if vegeta is None or capacity is None:
        _say("No fixed rate: vegeta needs Go, and a figure at 8 connections.")
        return
    results.rate = max(1, int(capacity.median / 2))
    for number in range(rounds):
        both = random.sample(chosen([OURS, FLOOR]), 2)
        results.rate_rounds.append(
            {peer.name: visit_at_rate(peer, results.rate, seconds, PLACES, expected, vegeta) for peer in both}
        )
        _say(f"fixed rate {results.rate}/s, round {number + 1}")


def _about(arguments: argparse.Namespace, tools: str, peers: Sequence[Peer]) -> dict[str, str]:
    """What a reader needs to judge the figures, and nothing that names a machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    ours = ("django", "djangorestframework", "gunicorn", "scikit-learn", "numpy", "orjson")
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, load generator on the same machine",
        "load average at the start": f"{os.getloadavg()[0]:.1f}",
        "run": f"{arguments.rounds} rounds in random order, windows of {arguments.seconds:g} s, two workers each; "
        "medians, ranges in brackets, ratios round by round",
        "Python": platform.python_version(),
        "ours": ", ".join(f"{name} {version(name)}" for name in ours),
        "peers": ", ".join(pinned({peer.requirements for peer in peers})),
        "load": tools,
    }


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (ServerFault, RuntimeError, BlockingIOError) as fault:
        sys.exit(f"make bench: {fault}")
