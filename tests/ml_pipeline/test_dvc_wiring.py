"""`dvc.yaml` says of each stage what is true of its code: modules, spec sections, files."""

import ast
from functools import cache
from pathlib import Path
from typing import Any, get_args

import grimp
import pytest
from ruamel.yaml import YAML

from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.paths import Artifacts
from ml_pipeline.spec import ModelSpec, SpecSection

STAGES = ("ingestion", "preprocessing", "feature_engineering", "model_building", "evaluation", "registration")
KEY = "${key}"
READS_THE_PUBLIC_SPEC = {"evaluation"}  # it travels in the bundle


@cache
def declared() -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(PROJECT_ROOT / "dvc.yaml")
    stages: dict[str, Any] = content["stages"]
    return stages


def stage(name: str) -> dict[str, Any]:
    do: dict[str, Any] = declared()[name]["do"]
    return do


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("ml_pipeline", include_external_packages=False)


def imported_files(module: str) -> set[str]:
    """Files of all modules that `module` imports, at once or lazily, and of the packages that hold them."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph().find_modules_directly_imported_by(name)
            waiting += [name.rpartition(".")[0]] if "." in name else []
    return {file_of(name) for name in seen}


def file_of(module: str) -> str:
    path = Path(*module.split("."))
    return f"{path}/__init__.py" if (PROJECT_ROOT / path).is_dir() else f"{path}.py"


def paths(entries: list[Any]) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def outs(name: str) -> set[str]:
    return {path for kind in ("outs", "metrics", "plots") for path in paths(stage(name).get(kind, []))}


def spelled(name: str) -> set[str]:
    """The paths that `Artifacts` spells for a stage, a folder as such."""
    files = Artifacts(KEY)
    own = {getattr(files, field) for field in dir(Artifacts) if isinstance(getattr(Artifacts, field), property)}
    return {str(path) for path in own if path.parent == files.root / name}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_modules_that_it_imports(name: str) -> None:
    listed = {path for path in paths(stage(name)["deps"]) if path.endswith(".py")}
    imported = imported_files(f"ml_pipeline.stages.{name}")
    assert sorted(imported - listed) == [], f"add these deps to {name} in dvc.yaml"
    assert sorted(listed - imported) == [], f"remove these deps from {name} in dvc.yaml"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_exactly_the_spec_sections_that_it_reads(name: str) -> None:
    prefix = f"models.{KEY}."
    listed = {param.removeprefix(prefix) for param in stage(name)["params"]}
    read = sections_read(name)
    if name in READS_THE_PUBLIC_SPEC:
        read |= set(get_args(SpecSection)) - {"promotion", "monitoring", "source", "contract"}
    assert listed == read


def sections_read(name: str) -> set[str]:
    """Every `<something>.spec.<section>` and `spec.<section>` in the modules that a stage hands its whole spec to."""
    sections = set(get_args(SpecSection))
    found: set[str] = set()
    for file in spec_readers(name):
        for node in ast.walk(ast.parse(source(file))):
            if isinstance(node, ast.Attribute) and is_spec(node.value):
                found |= {"inputs", "attributes"} if node.attr == "columns" else {node.attr} & sections
    return found


def spec_readers(name: str) -> list[str]:
    """The stage, and those of its modules that name `ModelSpec` without being the spec or the bundle."""
    apart = ("ml_pipeline/spec/", "ml_pipeline/bundle/", "ml_pipeline/params.py", "ml_pipeline/stages/")
    modules = imported_files(f"ml_pipeline.stages.{name}")
    others = (file for file in modules if not file.startswith(apart))
    return [f"ml_pipeline/stages/{name}.py", *(file for file in others if "ModelSpec" in source(file))]


def is_spec(node: ast.expr) -> bool:
    return "spec" in (getattr(node, "id", None), getattr(node, "attr", None))


def source(file: str) -> str:
    return (PROJECT_ROOT / file).read_text(encoding="utf-8")


def test_the_public_spec_is_what_evaluation_declares() -> None:
    public = set(ModelSpec.model_fields) - {"promotion", "monitoring", "source", "contract"}
    assert public == set(get_args(SpecSection)) - {"promotion", "monitoring", "source", "contract"}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_writes_the_paths_that_the_code_spells(name: str) -> None:
    expected = spelled(name)
    if name == "evaluation":
        expected.discard(f"artifacts/{KEY}/evaluation/plots")
        expected |= {path for path in outs(name) if "/plots/" in path}
        assert len([path for path in expected if "/plots/" in path]) == 5
    assert outs(name) == expected


def test_every_dependency_is_made_by_an_earlier_stage_or_stands_in_the_repository() -> None:
    made: set[str] = set()
    for name in STAGES:
        needed = {path for path in paths(stage(name)["deps"]) if not path.endswith(".py")}
        assert needed <= made | {f"baseline/{KEY}.json"}, name
        made |= outs(name)


def test_every_stage_runs_for_every_declared_model_by_its_own_name() -> None:
    assert tuple(declared()) == STAGES
    for name in STAGES:
        assert declared()[name]["foreach"] == "${models}"
        assert stage(name)["cmd"] == f"python -m ml_pipeline.stages.{name} {KEY}"


def test_ingestion_alone_looks_each_time() -> None:
    assert [name for name in STAGES if stage(name).get("always_changed")] == ["ingestion"]
