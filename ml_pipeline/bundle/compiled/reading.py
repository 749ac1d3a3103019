"""Reading a skops file without scikit-learn or skops: arrays, numbers, texts, and the *names* of classes.

A skops file is a zip of `schema.json`, a tree of nodes, and the arrays that it names. Nothing is imported or built
here, whatever a file asks for: an object is its class's name and its attributes, which are read when asked for.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ml_pipeline.bundle.compiled.errors import NotCompilable

_PACKAGES = {"builtins", "numpy", "sklearn"}


class SavedObject:
    """An object of a class that is named and never imported, with its attributes as they were saved."""

    def __init__(self, class_name: str, attributes: Mapping[str, Any], value_of: Callable[[Any], Any]) -> None:
        self.class_name = class_name
        self._attributes = attributes
        self._value_of = value_of

    def __contains__(self, name: str) -> bool:
        return name in self._attributes

    def __getitem__(self, name: str) -> Any:
        if name not in self._attributes:
            raise NotCompilable(f"a {self.class_name} has no {name}")
        return self._value_of(self._attributes[name])


def read_skops(data: bytes) -> Any:
    """The value in a skops file; NotCompilable where it names a package other than scikit-learn and NumPy."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read("schema.json"))
    if foreign := set(_packages(schema)) - _PACKAGES:
        raise NotCompilable(f"its model file names {', '.join(sorted(foreign))}")
    return _Nodes(data).value(schema)


def _packages(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _packages(item)
    elif isinstance(node, dict):
        if isinstance(module := node.get("__module__"), str):
            yield module.partition(".")[0]
        for item in node.values():
            if isinstance(item, dict | list):
                yield from _packages(item)


class _Nodes:
    """Turns nodes into values. Attributes of objects stay nodes until somebody asks, so that few arrays are read."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def value(self, node: Mapping[str, Any]) -> Any:
        match node["__loader__"]:
            case "JsonNode":
                return json.loads(node["content"])
            case "ListNode" | "TupleNode":
                return [self.value(item) for item in node["content"]]
            case "DictNode":
                return {key: self.value(item) for key, item in node["content"].items()}
            case "NdArrayNode":
                return self._array(node)
            case "TypeNode":
                return f"{node['__module__']}.{node['__class__']}"
            case "ObjectNode":
                return SavedObject(node["__class__"], node["content"]["content"], self.value)
            case other:
                raise NotCompilable(f"its model file holds a {other}, which only skops can read")

    def _array(self, node: Mapping[str, Any]) -> Any:
        if node["type"] == "json":  # an array of objects: as a list, whose items may be arrays
            return [self.value(item) for item in node["content"]]
        with zipfile.ZipFile(io.BytesIO(self._data)) as archive:
            return np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)
