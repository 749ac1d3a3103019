"""`baseline/<model>.json`: the champion that a run compares its candidate with, written before the run.

Whoever knows what serves writes it (`verified`). Without Django, `python -m ml_pipeline.baseline MODEL…` writes what
the tracking server's alias `champion` names: a claim, hence not verified.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.errors import CodesoftError, InvalidBundle
from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking.mirror import download_bundle, list_versions

_FILES = ("model.skops", "bundle.json")


@dataclass(frozen=True)
class Champion:
    """The version to compare with. `bundle` is a folder that holds its two files."""

    version: int
    bundle_hash: str
    bundle: Path
    verified: bool = True


def write_baseline(model: str, champion: Champion | None, root: Path = Path()) -> None:
    """Write the baseline of `model` under `root`, the folder of `dvc.yaml`, with the champion's bundle beside it.

    Its content depends on the champion alone and names relative places: it is a DVC dependency.
    """
    artifacts = Artifacts(model)
    folder = root / artifacts.baseline_bundle
    if champion is None:
        shutil.rmtree(folder, ignore_errors=True)
        write_bytes(root / artifacts.baseline, readable_json({"champion": None}))
        return
    for name in _FILES:
        write_bytes(folder / name, (champion.bundle / name).read_bytes())
    content = {
        "version": champion.version,
        "bundle_hash": champion.bundle_hash,
        "bundle": artifacts.baseline_bundle.as_posix(),
        "verified": champion.verified,
    }
    write_bytes(root / artifacts.baseline, readable_json({"champion": content}))


def read_baseline(path: Path) -> Champion | None:
    """The champion that was written to `path`; None where there is none. `bundle` is relative to `dvc.yaml`."""
    try:
        content = json.loads(path.read_bytes())["champion"]
        if content is None:
            return None
        return Champion(content["version"], content["bundle_hash"], Path(content["bundle"]), content["verified"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidBundle(
            f"{path} is no baseline: {error!r}.", advice="Write it again with `python -m ml_pipeline.baseline MODEL`."
        ) from error


def write_tracked_baseline(model: str, root: Path = Path()) -> Champion | None:
    """Write the baseline by the tracking server's alias `champion`, its bundle's hash recomputed."""
    version = next((item for item in list_versions(model) if "champion" in item.aliases), None)
    if version is None:
        write_baseline(model, None, root)
        return None
    with tempfile.TemporaryDirectory() as folder:
        bundle = download_bundle(model, version.version, Path(folder))
        from ml_pipeline.bundle.model_bundle import ModelBundle  # noqa: PLC0415 - scikit-learn costs seconds

        champion = Champion(version.version, ModelBundle.load(bundle).hash, bundle, verified=False)
        write_baseline(model, champion, root)
    return champion


def main(arguments: Sequence[str] | None = None) -> int:
    """Write each model's baseline from the tracking server, for runs without Django."""
    parser = argparse.ArgumentParser(prog="python -m ml_pipeline.baseline", description=main.__doc__)
    parser.add_argument("models", metavar="MODEL", nargs="+")
    try:
        for model in parser.parse_args(arguments).models:
            champion = write_tracked_baseline(model)
            shown = f"version {champion.version} (unverified)" if champion else "none"
            sys.stdout.write(f"{model}: champion {shown}\n")
    except CodesoftError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
