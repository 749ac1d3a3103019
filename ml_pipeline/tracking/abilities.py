"""What a tracking server can do, asked once a server and remembered for a day under `var/`.

DagsHub and servers of some years ago lack parts that today's client has. Each question is a read, or a call about a
model that does not exist: "no such model" is a yes, "no such address" is a no.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.tracking.client import Connection
from ml_pipeline.tracking.registry import Registry, RunTagRegistry, ServerRegistry
from ml_pipeline.tracking.server import TrackingServer

_REMEMBERED_SECONDS = 24 * 3600
_NOBODY = "codesoft-ability-probe"


@dataclass(frozen=True)
class ServerAbilities:
    """True where the server offers it. What is missing is worked around, as `in_words` tells."""

    registry: bool
    aliases: bool
    stages: bool
    logged_models: bool
    webhooks: bool

    def in_words(self) -> list[str]:
        """One sentence an ability, for an operator."""
        if not self.registry:
            return [
                "It has no model registry: versions, stages and aliases are kept as tags of their runs.",
                *([] if self.logged_models else [_NO_LOGGED_MODELS]),
            ]
        return [
            "It has a model registry.",
            "Aliases are supported." if self.aliases else "It has no aliases: a tag of the registered model stands in.",
            "Stages are supported." if self.stages else "It has no stages: a tag of the version stands in.",
            "Logged models are supported; nothing here needs them." if self.logged_models else _NO_LOGGED_MODELS,
            "Webhooks are supported." if self.webhooks else "It has no webhooks: the periodic sync finds what changed.",
        ]


_NO_LOGGED_MODELS = "It has no logged models; nothing here needs them: the bundle is an artefact of its run."


def probed_abilities(connection: Connection, *, again: bool = False) -> ServerAbilities:
    """The server's abilities, from memory where they were asked within a day, unless `again`."""
    if not connection.server.is_http:
        return ServerAbilities(registry=True, aliases=True, stages=True, logged_models=True, webhooks=False)
    if not again and (known := remembered_abilities(connection.server)) is not None:
        return known
    asked = _ask(connection)
    _remember(connection.server, asked)
    return asked


def remembered_abilities(server: TrackingServer) -> ServerAbilities | None:
    """What was found within the last day, without asking the server: fit for a web process."""
    try:
        content = json.loads(_memory(server).read_bytes())
        if not 0 <= time.time() - content["asked"] <= _REMEMBERED_SECONDS:
            return None
        return ServerAbilities(**content["abilities"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def registry_of(connection: Connection) -> Registry:
    """The registry that this server has, or the one made of its runs' tags."""
    return ServerRegistry(connection) if probed_abilities(connection).registry else RunTagRegistry(connection)


def _ask(connection: Connection) -> ServerAbilities:
    with connection.translated() as client:
        client.search_experiments(max_results=1)  # wrong credentials end here, and are no answer about abilities
    # Some servers read a registry and cannot write one. A model without a name is declined wherever there is creation.
    registry = connection.offers("GET", "registered-models/search", max_results=1) and connection.offers(
        "POST", "registered-models/create", name=""
    )
    aliases, stages = "registered-models/alias", "model-versions/transition-stage"
    nobody = {"name": _NOBODY, "version": "1"}
    return ServerAbilities(
        registry=registry,
        aliases=registry and connection.offers("POST", aliases, **nobody, alias="probe"),
        stages=registry
        and connection.offers("POST", stages, **nobody, stage="Staging", archive_existing_versions=False),
        logged_models=connection.offers("POST", "logged-models/search", experiment_ids=["0"], max_results=1),
        webhooks=registry and connection.offers("GET", "webhooks", max_results=1),
    )


def note_missing_registry(connection: Connection) -> Registry:
    """Remember that the registry cannot register after all, whatever it answered, and give the one that can."""
    known = probed_abilities(connection)
    _remember(connection.server, replace(known, registry=False, aliases=False, stages=False, webhooks=False))
    return RunTagRegistry(connection)


def _remember(server: TrackingServer, abilities: ServerAbilities) -> None:
    content = {"server": server.uri, "asked": time.time(), "abilities": asdict(abilities)}
    write_bytes(_memory(server), readable_json(content))


def _memory(server: TrackingServer) -> Path:
    return server.state / f"abilities-{server.key}.json"
