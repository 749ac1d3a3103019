"""Model versions, stages and aliases on a tracking server.

Two kinds of server, one set of calls. Where the server has a model registry, it is used, with tags in place of what
an older one lacks (aliases, stages). Where it has none, the runs themselves are the registry: a version is a tag of
its run, so that every machine sees the same versions and nothing hangs on a local file.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ml_pipeline.tracking.client import Connection
from ml_pipeline.tracking.errors import MissingEndpoint, NotTracked, Rejected
from ml_pipeline.tracking.runs import experiment_tags, find_runs, tag_experiment, tag_run

RUN_TAG = "codesoft.run_id"
STAGE_TAG = "codesoft.stage"
ALIAS_TAG = "codesoft.alias."
NUMBER_TAG = "codesoft.version"
BUNDLE_FOLDER = "bundle"


@dataclass(frozen=True)
class TrackedVersion:
    """A model version as the server knows it. Its tags are claims: only the bundle's own hash proves what it holds."""

    version: int
    run_id: str
    stage: str
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


class Registry(Protocol):
    """What both kinds of registry do. `model` is the name in `params.yaml`."""

    def versions(self, model: str, *, with_aliases: bool = True) -> list[TrackedVersion]: ...

    def versions_of(self, models: Collection[str]) -> dict[str, list[TrackedVersion]]: ...

    def create(self, model: str, run_id: str, tags: Mapping[str, str]) -> int: ...

    def discard(self, model: str, version: int) -> None: ...

    def tag(self, model: str, version: int, tags: Mapping[str, str]) -> None: ...

    def set_stage(self, model: str, version: int, stage: str) -> None: ...

    def set_alias(self, model: str, alias: str, version: int | None) -> None: ...


def registered_name(model: str) -> str:
    """The registered model's name: prefixed, because a server may be shared with others."""
    return f"codesoft-{model}"


def experiment_name(model: str) -> str:
    return f"codesoft/{model}"


class ServerRegistry:
    """MLflow's own model registry."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def versions(self, model: str, *, with_aliases: bool = True) -> list[TrackedVersion]:
        """Every version, lowest first. Filtered here, not there: older servers do not search versions by tag."""
        name = registered_name(model)
        with self._connection.translated() as client:
            found = _pages(client.search_model_versions, f"name = '{name}'", max_results=200)
        aliases = self._aliases(name) if found and with_aliases else {}
        return sorted((_from_server(item, aliases) for item in found), key=lambda item: item.version)

    def versions_of(self, models: Collection[str]) -> dict[str, list[TrackedVersion]]:
        """Versions with aliases of many models, in a call or two a thousand; older servers are asked model by model."""
        ours = f"name LIKE '{registered_name('%')}'"
        try:
            with self._connection.translated() as client:
                named = _pages(client.search_registered_models, ours, max_results=1_000)
                # In an order that no write changes: a page's border must not lose a version that is tagged meanwhile.
                order = ["name ASC", "version_number ASC"]
                found = _pages(client.search_model_versions, ours, max_results=1_000, order_by=order)
        except Rejected:
            return {model: self.versions(model) for model in models}
        aliases = {item.name: _aliases_of(item) for item in named}
        by_name: dict[str, list[TrackedVersion]] = {registered_name(model): [] for model in models}
        for item in found:
            if item.name in by_name:
                by_name[item.name].append(_from_server(item, aliases.get(item.name, {})))
        return {model: by_name[registered_name(model)] for model in models}

    def create(self, model: str, run_id: str, tags: Mapping[str, str]) -> int:
        name = registered_name(model)
        self._ensure(name)
        with self._connection.translated() as client:
            source = f"{client.get_run(run_id).info.artifact_uri}/{BUNDLE_FOLDER}"
            created = client.create_model_version(
                name, source=source, run_id=run_id, tags={**tags, RUN_TAG: run_id}, await_creation_for=0
            )
            return int(created.version)

    def discard(self, model: str, version: int) -> None:
        with self._connection.translated() as client:
            client.delete_model_version(registered_name(model), str(version))

    def tag(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        with self._connection.translated() as client:
            for key, value in tags.items():
                client.set_model_version_tag(registered_name(model), str(version), key, value)

    def set_stage(self, model: str, version: int, stage: str) -> None:
        try:
            with self._connection.translated() as client:
                client.transition_model_version_stage(registered_name(model), str(version), stage)
        except MissingEndpoint:
            self.tag(model, version, {STAGE_TAG: stage})

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        name = registered_name(model)
        try:
            with self._connection.translated() as client:
                if version is not None:
                    client.set_registered_model_alias(name, alias, str(version))
                else:
                    client.delete_registered_model_alias(name, alias)
        except MissingEndpoint:
            with self._connection.translated() as client:
                client.set_registered_model_tag(name, ALIAS_TAG + alias, str(version or ""))
        except NotTracked:
            if version is not None:
                raise

    def _aliases(self, name: str) -> dict[str, int]:
        with self._connection.translated() as client:
            return _aliases_of(client.get_registered_model(name))

    def _ensure(self, name: str) -> None:
        try:
            with self._connection.translated() as client:
                client.get_registered_model(name)
        except NotTracked:
            with self._connection.translated() as client:
                _create_model(client, name)


class RunTagRegistry:
    """The registry for servers without one: numbers, stages and aliases as tags of runs and of their experiment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def versions(self, model: str, *, with_aliases: bool = True) -> list[TrackedVersion]:
        aliases = _aliases_in(experiment_tags(self._connection, experiment_name(model))) if with_aliases else {}
        numbered = find_runs(self._connection, experiment_name(model), NUMBER_TAG)
        found = [
            TrackedVersion(
                version=int(run.tags[NUMBER_TAG]),
                run_id=run.id,
                stage=run.tags.get(STAGE_TAG, "None"),
                aliases=_names_of(int(run.tags[NUMBER_TAG]), aliases),
                tags=run.tags,
            )
            for run in numbered
            if run.tags[NUMBER_TAG].isdecimal()
        ]
        return sorted(found, key=lambda item: item.version)

    def versions_of(self, models: Collection[str]) -> dict[str, list[TrackedVersion]]:
        return {model: self.versions(model) for model in models}

    def create(self, model: str, run_id: str, tags: Mapping[str, str]) -> int:
        """The next free number; a run that has one keeps it. Of two runs that take one number at once, one moves on."""
        known = {item.run_id: item.version for item in self.versions(model, with_aliases=False)}
        if run_id in known:
            return known[run_id]
        number = max(known.values(), default=0) + 1
        while True:
            tag_run(self._connection, run_id, {**tags, RUN_TAG: run_id, NUMBER_TAG: str(number)})
            rivals = [item.run_id for item in self.versions(model, with_aliases=False) if item.version == number]
            if min(rivals, default=run_id) == run_id:
                return number
            number += 1

    def discard(self, model: str, version: int) -> None:
        self.tag(model, version, {NUMBER_TAG: "discarded"})

    def tag(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        tag_run(self._connection, self._run_of(model, version), tags)

    def set_stage(self, model: str, version: int, stage: str) -> None:
        self.tag(model, version, {STAGE_TAG: stage})

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        if version is not None:
            self._run_of(model, version)
        tag_experiment(self._connection, experiment_name(model), ALIAS_TAG + alias, str(version or ""))

    def _run_of(self, model: str, version: int) -> str:
        for item in self.versions(model, with_aliases=False):
            if item.version == version:
                return item.run_id
        raise NotTracked(f"{self._connection.server.uri} has no version {version} of {model}.")


def _pages(search: Callable[..., Any], wanted: str, **options: Any) -> list[Any]:
    """Every page of a search."""
    found: list[Any] = []
    page: Any = None
    while page is None or page.token:
        page = search(wanted, page_token=page.token if page else None, **options)
        found += page
    return found


def _create_model(client: Any, name: str) -> None:
    try:
        client.create_registered_model(name, description="Registered by Codesoft MLOps. The Django admin decides.")
    except Exception:
        client.get_registered_model(name)  # another process made it in this moment, or this says what is wrong


def _from_server(item: Any, aliases: Mapping[str, int]) -> TrackedVersion:
    number, tags = int(item.version), dict(item.tags)
    stage = tags.get(STAGE_TAG) or item.current_stage or "None"
    return TrackedVersion(number, tags.get(RUN_TAG) or item.run_id or "", stage, _names_of(number, aliases), tags)


def _aliases_of(model: Any) -> dict[str, int]:
    """Its aliases, or the tags that stand for them where the server has none."""
    return {**_aliases_in(model.tags), **{alias: int(number) for alias, number in model.aliases.items()}}


def _aliases_in(tags: Mapping[str, str]) -> dict[str, int]:
    return {
        key.removeprefix(ALIAS_TAG): int(value) for key, value in tags.items() if key.startswith(ALIAS_TAG) and value
    }


def _names_of(version: int, aliases: Mapping[str, int]) -> tuple[str, ...]:
    names: Iterable[str] = (alias for alias, number in aliases.items() if number == version)
    return tuple(sorted(names))
