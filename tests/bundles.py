"""Small real bundles for tests: the declared models fitted on a few hundred of their own documents, and the wines."""

import gzip
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from sklearn.datasets import load_wine

from ml_pipeline.bundle.writing import assemble_bundle
from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.inputs import Row, validate_rows
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.estimators import build_estimator
from ml_pipeline.params import load_spec
from ml_pipeline.spec import ModelSpec

BundleFiles = tuple[bytes, bytes]
Spoil = Callable[[Encoder, Any], None]


@cache
def build_bundle(
    model: str,
    *,
    rows: int = 300,
    log: str = "required",
    inputs: str = "keep",
    family: str = "logistic_regression",
    as_declared: bool = False,
) -> BundleFiles:
    """Manifest and model file of a declared model, fitted on its first `rows` documents.

    Its features are simple ones unless it is wanted `as_declared`. Another number of rows gives another version.
    """
    declared = load_spec(model, PROJECT_ROOT / "params.yaml")
    simple = {"features": {"blocks": _simple_features(declared)}, "estimator": {"family": family}}
    changed = {**({} if as_declared else simple), "serving": {"log": log, "inputs": inputs}}
    spec = ModelSpec.parse(model, {**_block(declared), **changed})
    return _fitted(model, spec, _documents(spec, rows))


def _simple_features(spec: ModelSpec) -> list[dict[str, Any]]:
    """Features that are fitted in milliseconds: quality is the business of other tests."""
    kinds = {"word_ngrams": ("text",), "numeric": ("number", "integer"), "one_hot": ("category",)}
    blocks = []
    for kind, types in kinds.items():
        columns = [name for name, field in spec.inputs.items() if field.type in types]
        if columns:
            blocks.append({"kind": kind, "columns": columns, "params": {}})
    return blocks


def build_spoilt_bundle(model: str, *, estimator: dict[str, Any], spoil: Spoil, rows: int = 300) -> BundleFiles:
    """A declared model with simple features and `estimator`, changed by `spoil` after its fit."""
    declared = load_spec(model, PROJECT_ROOT / "params.yaml")
    simple = {"features": {"blocks": _simple_features(declared)}, "estimator": estimator}
    spec = ModelSpec.parse(model, {**_block(declared), **simple})
    return _fitted(model, spec, _documents(spec, rows), spoil=spoil)


@cache
def build_wine_bundle() -> BundleFiles:
    """A multi-class model that no code knows: three cultivars of wine by four measurements."""
    wine = load_wine()
    names = ("alcohol", "malic_acid", "flavanoids", "proline")
    columns = [wine.feature_names.index(name) for name in names]
    documents = [
        {**dict(zip(names, map(float, row[columns]), strict=True)), "cultivar": str(wine.target_names[target])}
        for row, target in zip(wine.data, wine.target, strict=True)
    ]
    return _fitted("wine", ModelSpec.parse("wine", _WINE), documents)


def _fitted(model: str, spec: ModelSpec, documents: list[dict[str, Any]], *, spoil: Spoil | None = None) -> BundleFiles:
    """`spoil` may change the fitted encoder and estimator before they are written."""
    labels = [spec.target.label_of(document[spec.target.field]) for document in documents]
    rows = validate_rows(spec.inputs, [{name: document.get(name) for name in spec.inputs} for document in documents])
    encoder = Encoder(spec.features.blocks, spec.cleaning)
    cleaned = encoder.clean(rows)
    estimator = build_estimator(spec.estimator)
    targets = [spec.target.classes.index(label) for label in labels if label is not None]
    estimator.fit(encoder.fit(cleaned).transform(cleaned), targets)
    if spoil is not None:
        spoil(encoder, estimator)
    return assemble_bundle(
        model=model,
        spec=spec,
        encoder=encoder,
        estimator=estimator,
        threshold=0.5 if spec.target.is_binary else None,
        held_out_metrics={"accuracy": 0.9, "f1": 0.8},
        golden_rows=_golden(rows, targets),
    )


def _golden(rows: list[Row], targets: list[int]) -> list[Row]:
    """Two rows a label, short ones, in turn."""
    ranked = sorted(range(len(rows)), key=lambda row: sum(len(str(value)) for value in rows[row].values()))
    of_label = [[row for row in ranked if targets[row] == label][-40:][:2] for label in sorted(set(targets))]
    return [rows[row] for pair in zip(*of_label, strict=True) for row in pair]


def _documents(spec: ModelSpec, count: int) -> list[dict[str, Any]]:
    """The first labelled documents, as many of each label as fit: a fit needs both."""
    each = count // len(spec.target.classes)
    kept: dict[str, list[dict[str, Any]]] = {label: [] for label in spec.target.classes}
    with gzip.open(PROJECT_ROOT / str(spec.source.snapshot), "rt", encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            label = spec.target.label_of(document.get(spec.target.field, ""))
            if label is not None and len(kept[label]) < each:
                kept[label].append(document)
            if all(len(documents) == each for documents in kept.values()):
                break
    return [document for documents in kept.values() for document in documents]


def _block(spec: ModelSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


_WINE: dict[str, Any] = {
    "about": {"title": "Wine cultivar", "description": "Which of three cultivars is a wine from?"},
    "source": {"collection": "wines"},
    "inputs": {
        "alcohol": {"type": "number", "minimum": 0, "maximum": 25, "title": "Alcohol", "help": "Per cent by volume."},
        "malic_acid": {"type": "number", "minimum": 0, "title": "Malic acid", "optional": True},
        "flavanoids": {"type": "number", "minimum": 0, "title": "Flavanoids", "optional": True},
        "proline": {"type": "number", "minimum": 0, "title": "Proline", "optional": True},
    },
    "attributes": {},
    "target": {"field": "cultivar", "labels": ["class_0", "class_1", "class_2"]},
    "contract": {},
    "cleaning": {},
    "split": {},
    "features": {"blocks": [{"kind": "numeric", "columns": ["alcohol", "malic_acid", "flavanoids", "proline"]}]},
    "estimator": {"family": "logistic_regression"},
    "decision": {},
    "evaluation": {},
    "promotion": {},
    "retraining": {},
    "rollout": {},
    "monitoring": {},
    "serving": {},
}
