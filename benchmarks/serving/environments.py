"""A virtual environment for each peer, from its pinned requirements, made again when those change."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
_TOLD = ("bentoml", "fastapi", "flask", "granian", "mlflow", "mlserver", "uvicorn")


def ensure_environments(folder: Path, names: Iterable[str]) -> None:
    """Install what is missing with the project's own uv."""
    uv = str(Path(sys.executable).parent / "uv")
    for name in sorted(names):
        environment, wanted = folder / name, _wanted(REQUIREMENTS / f"{name}.txt")
        stamp = environment / "requirements.txt"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            continue
        shutil.rmtree(environment, ignore_errors=True)
        print(f"Installing the environment of {name} (once) …", file=sys.stderr, flush=True)
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
        python, requirements = environment / "bin" / "python", REQUIREMENTS / f"{name}.txt"
        install = [uv, "pip", "install", "--quiet", "--python", str(python), "--requirement", str(requirements)]
        subprocess.run(install, check=True)
        stamp.write_text(wanted, encoding="utf-8")


def _wanted(path: Path) -> str:
    """The requirements with those they include."""
    text = path.read_text(encoding="utf-8")
    included = [line.removeprefix("-r ") for line in text.splitlines() if line.startswith("-r ")]
    return "\n".join([text, *((path.parent / name).read_text(encoding="utf-8") for name in included)])


def pinned(names: Iterable[str]) -> list[str]:
    """The versions of the peers themselves, as their requirements say."""
    lines = {
        line.strip()
        for name in names
        for line in (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    }
    return sorted(line.replace("==", " ") for line in lines if line.partition("==")[0] in _TOLD)
