"""Where the web processes keep the metrics that they share."""

import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path


def metrics_folder(memory: Path, *, state: Path, port: str) -> Path:
    """A folder of this user, state folder and port: in `memory` where there is such a folder, else in `state`."""
    if not os.access(memory, os.W_OK):
        return state / "metrics" / f"web-{port}"
    return memory / f"codesoft-{os.geteuid()}-{sha256(str(state).encode()).hexdigest()[:12]}-{port}"


def make_empty(folder: Path) -> None:
    """Everybody may write to a machine's memory folder: what another user put in this place is not used."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        sys.exit(f"[error] The metrics folder {folder} cannot be made: {error.strerror}. Remove what stands there.")
