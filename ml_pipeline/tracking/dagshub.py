"""Connecting a DagsHub repository: checked with an app token, stored for later processes, its abilities probed.

The token is given, never asked for: the client's own login, and `dagshub.init()`, wait for a browser.
"""

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_pipeline.environment import STORED_SETTINGS
from ml_pipeline.errors import TrackingUnavailable
from ml_pipeline.tracking.abilities import ServerAbilities, probed_abilities
from ml_pipeline.tracking.client import connect
from ml_pipeline.tracking.errors import Rejected
from ml_pipeline.tracking.server import DAGSHUB_HOST, TrackingServer, dagshub_tracking_uri

_TIMEOUT_SECONDS = 15


@dataclass(frozen=True)
class DagshubSettings:
    """Where a repository's tracking server and DVC storage are. The token opens both, as user name and as password."""

    repository: str
    host: str

    @property
    def tracking_uri(self) -> str:
        return dagshub_tracking_uri(self.repository, self.host)

    @property
    def dvc_url(self) -> str:
        return f"{self.host}/{self.repository}.dvc"

    def dvc_commands(self) -> list[str]:
        """What sets up the DVC remote. `--local` keeps the token in a file that git ignores."""
        credentials = ("auth basic", 'user "$DAGSHUB_TOKEN"', 'password "$DAGSHUB_TOKEN"')
        return [
            f"dvc remote add --local --force --default dagshub {self.dvc_url}",
            *(f"dvc remote modify --local dagshub {pair}" for pair in credentials),
        ]


def connect_repository(
    *, repository: str, token: str, host: str | None, var: Path
) -> tuple[DagshubSettings, ServerAbilities, Path]:
    """Check the repository, probe its MLflow server, and store both settings and token in a file of mode 600.

    Nothing is stored unless both answered. Every process that starts later and has no `MLFLOW_TRACKING_URI` or
    `DAGSHUB_REPO` of its own uses what is stored.
    """
    address = (host or DAGSHUB_HOST).rstrip("/")
    settings = DagshubSettings(_full_name(repository, token, address), address)
    server = TrackingServer(settings.tracking_uri, var / "mlflow", token, token)
    abilities = probed_abilities(connect(server), again=True)
    return settings, abilities, _store(settings, token, var)


def _full_name(repository: str, token: str, host: str) -> str:
    """The repository's name as DagsHub spells it; Rejected or TrackingUnavailable where it cannot be read."""
    import httpx  # noqa: PLC0415 - this and the client cost a second that only this command pays
    from dagshub.auth.token_auth import HTTPBearerAuth  # noqa: PLC0415
    from dagshub.common import config  # noqa: PLC0415
    from dagshub.common.api.repo import RepoAPI, RepoNotFoundError  # noqa: PLC0415

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository) or not token:
        raise Rejected(
            "A repository is named OWNER/REPO, and needs an app token.",
            advice="Make a token in DagsHub's user settings and set DAGSHUB_TOKEN.",
        )
    config.http_timeout = _TIMEOUT_SECONDS
    try:
        found: Any = RepoAPI(repository, host=host, auth=HTTPBearerAuth(token)).get_repo_info()
    except RepoNotFoundError as error:
        raise Rejected(
            f"{host} has no repository {repository} that this token can see.", advice="Check its name and the token."
        ) from error
    except RuntimeError as error:
        raise Rejected(f"{host} refused: {error}", advice="Check the token: is it valid, and of this host?") from error
    except (httpx.HTTPError, ValueError) as error:
        raise TrackingUnavailable(f"{host} did not answer as DagsHub does: {type(error).__name__}.") from error
    return str(found.full_name)


def _store(settings: DagshubSettings, token: str, var: Path) -> Path:
    path = var / STORED_SETTINGS
    lines = {"DAGSHUB_REPO": settings.repository, "DAGSHUB_HOST": settings.host, "DAGSHUB_TOKEN": token}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600 from its first moment
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.writelines(f"{name}={value}\n" for name, value in lines.items())
    Path(temporary).replace(path)
    return path
