"""A hash that was logged is found again: there is one spelling of the same inputs, whoever writes it."""

from hypothesis import example, given, strategies

from ml_pipeline.canonical import canonical_json, sha256_hex
from predictions.prediction_log.input_hash import input_hash

_VALUES = (
    strategies.text(strategies.characters(exclude_categories=["Cs"]))
    | strategies.integers(-(2**53), 2**53)
    | strategies.floats(allow_nan=False, allow_infinity=False)
    | strategies.booleans()
    | strategies.none()
)


@given(strategies.dictionaries(strategies.text("abcXYZ_019", min_size=1, max_size=4), _VALUES, max_size=5))
@example({"b": 1e16, "a": '\x00\x1f\x7f\u2028\U0001f600"\\/'})
@example({"b": '\x00\x1f\x7f\u2028\U0001f600"\\/', "a": None, "B": -0})
def test_it_is_the_hash_of_the_canonical_json(inputs: dict[str, object]) -> None:
    assert input_hash(inputs) == sha256_hex(canonical_json(inputs))
