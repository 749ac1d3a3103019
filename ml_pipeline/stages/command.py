"""The one entry point of every stage: `python -m ml_pipeline.stages.<stage> MODEL`, as `dvc.yaml` calls it."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from rich.console import Console

from ml_pipeline.errors import CodesoftError

_LONGEST_DETAIL = 2_000


def run_stage(stage: str, run: Callable[[str], None]) -> None:
    """Parse the command line, run the stage for its model, and report on stderr.

    Exit code 1 for a fault (a CodesoftError as message, advice and details; anything else as a traceback), 2 for a
    wrong command line, 130 for Ctrl-C, 143 for SIGTERM, after files in the making were removed.
    """
    model = _parsed_model(stage, run)
    signal.signal(signal.SIGTERM, _terminate)
    started = time.monotonic()
    say(f"{stage} {model}: started")
    try:
        run(model)
    except CodesoftError as error:
        say(_failure(f"{stage} {model}", error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        say(f"{stage} {model}: interrupted")
        raise SystemExit(130) from None
    say(f"{stage} {model}: done in {time.monotonic() - started:.1f} s")


def say(text: str) -> None:
    """Print lines for a person on stderr: in colour on a terminal, else plain and unwrapped."""
    Console(stderr=True, markup=False, highlight=sys.stderr.isatty(), soft_wrap=True).print(text)


def _parsed_model(stage: str, run: Callable[[str], None]) -> str:
    parser = argparse.ArgumentParser(prog=f"python -m ml_pipeline.stages.{stage}", description=run.__doc__)
    parser.add_argument("model", metavar="MODEL", help="a model declared in params.yaml of the current folder")
    model: str = parser.parse_args().model
    return model


def _failure(what: str, error: CodesoftError) -> str:
    lines = [f"{what}: failed ({error.code})", f"  {error.message}"]
    if error.advice:
        lines.append(f"  {error.advice}")
    lines += [f"  {name}: {_shown(value)}" for name, value in error.details.items()]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}… ({len(text)} characters)"


def _terminate(signum: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + signum)
