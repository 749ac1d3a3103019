"""The baseline of a run without Django: what the tracking server's alias `champion` names, unverified."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ml_pipeline.baseline import Champion, write_baseline
from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.errors import CodesoftError
from ml_pipeline.tracking.mirror import download_bundle, list_versions


def write_tracked_baseline(model: str, root: Path = Path()) -> Champion | None:
    """Write the baseline by the tracking server's alias `champion`, its bundle's hash recomputed."""
    version = next((item for item in list_versions(model) if "champion" in item.aliases), None)
    if version is None:
        write_baseline(model, None, root)
        return None
    with tempfile.TemporaryDirectory() as folder:
        bundle = download_bundle(model, version.version, Path(folder))
        champion = Champion(version.version, ModelBundle.load(bundle).hash, bundle, verified=False)
        write_baseline(model, champion, root)
    return champion


def main(arguments: Sequence[str] | None = None) -> int:
    """Write each model's baseline from the tracking server, for runs without Django."""
    parser = argparse.ArgumentParser(prog="python -m ml_pipeline.tracking.baseline", description=main.__doc__)
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
