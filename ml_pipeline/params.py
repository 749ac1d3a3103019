"""The only reader of `params.yaml`."""

import re
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ml_pipeline.errors import InvalidSpec, UnknownModel
from ml_pipeline.spec import ModelSpec

PARAMS_FILE = Path("params.yaml")
_NAME = r"[a-z][a-z0-9_-]{0,62}"


def declared_models(path: Path = PARAMS_FILE) -> list[str]:
    """Names of all declared models, in the file's order."""
    return list(_models(path))


def load_spec(name: str, path: Path = PARAMS_FILE) -> ModelSpec:
    """The validated declaration of one model; UnknownModel or InvalidSpec say what is wrong."""
    models = _models(path)
    if name not in models:
        raise UnknownModel(
            f"{path} declares no model {name!r}.", advice=f"Declared are: {', '.join(models)}.", details={"model": name}
        )
    _refuse_dates(f"models.{name}", models[name])
    return ModelSpec.parse(name, models[name])


def _refuse_dates(where: str, value: Any) -> None:
    """A bare 2002-09-01 is a date in YAML: fine for the spec, but DVC stops on it without naming a remedy."""
    if isinstance(value, date):
        raise InvalidSpec(f"{where} = {value} is a bare date, which DVC cannot read.", advice=f'Quote it: "{value}".')
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        _refuse_dates(f"{where}.{key}", item)


def _models(path: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidSpec(f"There is no {path}.", advice="Run from the project's root.") from error
    except MarkedYAMLError as error:  # of its text, the rest speaks to programmers
        where = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        raise InvalidSpec(f"{path} is not YAML: {error.problem} at {where}.", advice="Correct the file.") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"{path} is not YAML: {error}.", advice="Correct the file.") from error
    models = content.get("models") if isinstance(content, dict) else None
    if not isinstance(models, dict) or not models:
        raise InvalidSpec(f"{path} has no `models:` mapping.", advice="Declare at least one model under `models:`.")
    for name in models:
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise InvalidSpec(f"{name!r} cannot be a model's name.", advice=f"Names match {_NAME}.")
    return models
