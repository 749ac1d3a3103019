"""The fast reader of JSON and the strict one agree on everything, and only the strict one words a refusal."""

import json
from typing import Any

import pytest
from hypothesis import example, given, strategies

from predictions.api.parsing import _parse_strictly, parse_strict_json
from predictions.errors import MalformedBody

_TEXT = strategies.text(alphabet=strategies.sampled_from('a":\\ {}[],\n\u00e9'), max_size=6)
_VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers(-(2**62), 2**62) | _TEXT,
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES, strategies.sampled_from([(",", ":"), (", ", ": "), (" , ", " \n: ")]))
def test_what_is_json_is_read_as_it_is(value: Any, separators: tuple[str, str]) -> None:
    assert parse_strict_json(json.dumps(value, separators=separators).encode()) == value


@given(_VALUES, _TEXT, _VALUES, strategies.sampled_from(["", " ", "\n\t"]))
@example(value=1, key="a", other={"b": ":"}, space="")
def test_a_repeated_key_is_found_wherever_it_stands(value: Any, key: str, other: Any, space: str) -> None:
    pair = f"{json.dumps(key)}{space}:{json.dumps(value)}"
    body = f'{{"inputs": [{json.dumps(other)}, {{{pair}, "b:": ":", {pair}}}]}}'.encode()

    with pytest.raises(MalformedBody, match="stands twice"):
        parse_strict_json(body)


@given(strategies.binary(max_size=12) | _TEXT.map(str.encode))
def test_both_readers_refuse_the_same_bytes(body: bytes) -> None:
    def read(reader: Any) -> Any:
        try:
            return reader(body)
        except MalformedBody as error:
            return error.message

    assert read(parse_strict_json) == read(_parse_strictly)
