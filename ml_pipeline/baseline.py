"""`baseline/<model>.json`: the champion that a run compares its candidate with, written before the run.

Whoever knows what serves writes it (`verified`). Without Django, `ml_pipeline.tracking.baseline` writes what the
tracking server's alias `champion` names: a claim, hence not verified.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from ml_pipeline.bundle.files import MANIFEST_FILE, MODEL_FILE
from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.paths import Artifacts


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
    for name in (MODEL_FILE, MANIFEST_FILE):
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
            f"{path} is no baseline: {error!r}.",
            advice="Write it again with `python -m ml_pipeline.tracking.baseline MODEL`.",
        ) from error
