"""Reading a skops file without skops: values, names of classes, and nothing that runs."""

import os
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.preprocessing import FunctionTransformer

from ml_pipeline.bundle import skops_files
from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.reading import SavedObject, read_skops
from tests.ml_pipeline.bundle.fits import table


def test_arrays_numbers_and_texts_come_back_as_they_were() -> None:
    kept = {"a": np.arange(6.0).reshape(2, 3), "b": [1, "two", None, True, 3.5], "c": np.float64(2.5)}
    read = read_skops(skops_files.dump(kept))
    np.testing.assert_array_equal(read["a"], kept["a"])
    assert (read["b"], read["c"]) == (kept["b"], 2.5)


def test_an_object_is_its_class_name_and_its_attributes() -> None:
    fitted = LogisticRegression().fit(*table(2))
    read = read_skops(skops_files.dump(fitted))
    assert isinstance(read, SavedObject)
    assert read.class_name == "LogisticRegression"
    np.testing.assert_array_equal(read["coef_"], fitted.coef_)
    with pytest.raises(NotCompilable, match="no such_thing"):
        read["such_thing"]


def test_what_only_skops_can_build_is_not_read_but_the_rest_is() -> None:
    read = read_skops(skops_files.dump(SGDClassifier(loss="log_loss").fit(*table(2))))
    assert read["loss"] == "log_loss"
    with pytest.raises(NotCompilable, match="only skops"):
        read["_loss_function_"]


@pytest.mark.parametrize("value", [FunctionTransformer(os.system), os.system], ids=["in an object", "alone"])
def test_a_file_that_names_a_foreign_package_is_not_read(value: Any) -> None:
    with pytest.raises(NotCompilable, match="names posix"):
        read_skops(skops.io.dumps(value))
