"""Load on a server: wrk keeps some connections busy (closed loop), vegeta keeps a rate (open loop)."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VEGETA = "github.com/tsenart/vegeta/v12@v12.12.0"

# Each body is requested in turn, ready made; `done` prints what wrk knows as JSON.
_SCRIPT = """
local requests, number = {}, 0
function init(args)
  for body in io.lines("BODIES") do requests[#requests + 1] = wrk.format("POST", nil, wrk.headers, body) end
end
function request()
  number = number % #requests + 1
  return requests[number]
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout, e.status, latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What is sent where: every body is one line of JSON."""

    url: str
    headers: Mapping[str, str]
    bodies: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Load:
    """What a load generator saw. `errors` are answers other than 200 and connections that failed."""

    requests: int
    seconds: float
    errors: int
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def closed_loop(target: Target, *, connections: int, seconds: float, folder: Path) -> Load:
    """As many requests as `connections` persistent connections can make, each waiting for its answer."""
    bodies, script = folder / "bodies.jsonl", folder / "wrk.lua"
    bodies.write_bytes(b"".join(body + b"\n" for body in target.bodies))
    script.write_text(_SCRIPT.replace("BODIES", str(bodies)))
    headers = [part for name, value in target.headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(script)]
    output = _output([*command, *headers, target.url])
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if found is None:
        raise RuntimeError(f"wrk printed no result: {output}")
    requests, microseconds, broken, refused, p99 = map(int, found.groups())
    return Load(requests, microseconds / 1e6, broken + refused, p99 / 1000)


def fixed_rate(target: Target, *, vegeta: Path, rate: int, seconds: float) -> Load:
    """`rate` requests a second, whether the server keeps up or not."""
    headers = {name: [value] for name, value in target.headers.items()}
    lines = (
        {"method": "POST", "url": target.url, "header": headers, "body": base64.b64encode(body).decode()}
        for body in target.bodies
    )
    attack = [str(vegeta), "attack", "-format=json", f"-rate={rate}", f"-duration={seconds}s", "-timeout=10s"]
    results = subprocess.run(
        attack, input="\n".join(map(json.dumps, lines)).encode(), check=True, capture_output=True
    ).stdout
    report = subprocess.run([str(vegeta), "report", "-type=json"], input=results, check=True, capture_output=True)
    seen: dict[str, Any] = json.loads(report.stdout)
    good = seen["status_codes"].get("200", 0)
    return Load(seen["requests"], seen["duration"] / 1e9, seen["requests"] - good, seen["latencies"]["99th"] / 1e6)


def wrk_version() -> str:
    """The installed one's; RuntimeError says how to get it."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is missing. Install it: .ci/install-tools, or `apt-get install wrk`.")
    return subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split()[1]


def ensure_vegeta(folder: Path) -> Path | None:
    """The pinned vegeta, built once; None where there is no Go."""
    path = folder / f"vegeta-{VEGETA.rpartition('@')[2]}" / "vegeta"
    if not path.exists():
        if shutil.which("go") is None:
            return None
        subprocess.run(["go", "install", VEGETA], env={**os.environ, "GOBIN": str(path.parent)}, check=True)
    return path


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}{done.stdout}")
    return done.stdout
