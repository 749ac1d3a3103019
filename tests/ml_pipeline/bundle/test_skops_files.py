import io
import os
import subprocess
import sys
import zipfile
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import pytest
import skops.io
from scipy.sparse import csr_matrix
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from ml_pipeline.bundle import skops_files
from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.learning.encoding import Encoder
from tests.ml_pipeline.bundle.fits import BLOCKS, fitted_estimators, rows, table


@cache
def estimators() -> dict[str, tuple[Any, Any]]:
    return {name: (estimator, matrix) for name, estimator, matrix in fitted_estimators()}


def test_every_fit_gives_the_same_bytes_and_answers_in_every_process() -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.ml_pipeline.bundle.fits"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=PROJECT_ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "4242")
    ]
    assert len(printed[0].splitlines()) == len(estimators()) + len(BLOCKS)
    assert printed[0] == printed[1]


def test_every_allow_listed_estimator_loads_and_answers_as_it_did() -> None:
    for name, (estimator, matrix) in estimators().items():
        loaded = skops_files.load(skops_files.dump(estimator))
        np.testing.assert_array_equal(loaded.predict_proba(matrix), estimator.predict_proba(matrix), err_msg=name)


@pytest.mark.parametrize("kind", BLOCKS)
def test_every_feature_block_loads_and_encodes_as_it_did(kind: str) -> None:
    encoder = Encoder([BLOCKS[kind]], {}).fit(rows())
    restored = Encoder.restored([BLOCKS[kind]], {}, skops_files.load(skops_files.dump(encoder.state())))
    before, after = (csr_matrix(one.transform(rows())).toarray() for one in (encoder, restored))
    np.testing.assert_array_equal(before, after)
    assert restored.names() == encoder.names()


def test_no_trusted_type_is_listed_in_vain() -> None:
    """Each entry is a promise that somebody read the type: what nothing needs should not be trusted."""
    states = [Encoder([block], {}).fit(rows()).state() for block in BLOCKS.values()]
    needed: set[str] = set()
    for value in [*(estimator for estimator, _ in estimators().values()), *states]:
        needed |= set(skops.io.get_untrusted_types(data=skops_files.dump(value)))
    assert needed == set(skops_files.TRUSTED_TYPES)


@pytest.mark.parametrize(
    "value",
    [
        GaussianProcessClassifier().fit(*table(2)),
        FunctionTransformer(os.system),
        os.system,
    ],
    ids=["Gaussian process", "a function of the shell", "the shell itself"],
)
def test_a_type_that_is_not_listed_is_never_loaded(value: Any) -> None:
    with pytest.raises(InvalidBundle, match="never loaded"):
        skops_files.load(skops.io.dumps(value))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", b"\x80\x04K*."], ids=["empty", "torn", "a pickle"])
def test_bytes_that_are_no_skops_file_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidBundle):
        skops_files.load(data)


def test_an_archive_without_its_schema_is_refused() -> None:
    source, target = io.BytesIO(skops_files.dump({"a": np.arange(3)})), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name != "schema.json":
                new.writestr(name, old.read(name))
    with pytest.raises(InvalidBundle):
        skops_files.load(target.getvalue())


def test_no_clock_stands_in_the_file() -> None:
    with zipfile.ZipFile(io.BytesIO(skops_files.dump(LogisticRegression()))) as archive:
        assert {datetime(*entry.date_time).year for entry in archive.infolist()} == {1980}  # noqa: DTZ001 - zip has none
