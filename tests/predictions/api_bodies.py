"""Bodies that no caller should send, with the status and the code that each must get."""

import json
from typing import Any

Case = tuple[str, str, bytes, int, str]


def _inputs(**inputs: Any) -> bytes:
    return json.dumps({"inputs": inputs}).encode()


# name, model, body, status, code
SYNTAX: list[Case] = [
    ("empty body", "sentiment", b"", 400, "invalid_request"),
    ("not JSON", "sentiment", b"text=good", 400, "malformed_body"),
    ("cut off", "sentiment", b'{"inputs": {"text": "go', 400, "malformed_body"),
    ("two values", "sentiment", b'{"inputs": {"text": "a"}} {}', 400, "malformed_body"),
    ("bad UTF-8", "sentiment", b'{"inputs": {"text": "\xff\xfe"}}', 400, "malformed_body"),
    ("UTF-16", "sentiment", '{"inputs": {"text": "a"}}'.encode("utf-16"), 400, "malformed_body"),
    ("byte order mark", "sentiment", b'\xef\xbb\xbf{"inputs": {"text": "a"}}', 400, "malformed_body"),
    ("NaN", "mortgage", b'{"inputs": {"loan_to_value": NaN}}', 400, "malformed_body"),
    ("Infinity", "mortgage", b'{"inputs": {"loan_to_value": -Infinity}}', 400, "malformed_body"),
    ("huge exponent", "mortgage", b'{"inputs": {"loan_to_value": 1e999}}', 400, "invalid_inputs"),
    ("huge integer", "mortgage", b'{"inputs": {"loan_to_value": 1' + b"0" * 4000 + b"}}", 400, "invalid_inputs"),
    ("absurd integer", "mortgage", b'{"inputs": {"loan_to_value": 1' + b"0" * 9000 + b"}}", 400, "malformed_body"),
    ("repeated key", "sentiment", b'{"inputs": {"text": "a", "text": "b"}}', 400, "malformed_body"),
    ("repeated top key", "sentiment", b'{"inputs": {"text": "a"}, "inputs": {}}', 400, "malformed_body"),
    ("repeated surrogate key", "sentiment", b'{"\\ud800": 1, "\\ud800": 2}', 400, "malformed_body"),
    ("nested lists", "sentiment", b"[" * 100_000, 400, "malformed_body"),
    ("nested objects", "sentiment", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "malformed_body"),
    ("nested inputs", "sentiment", b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b"}", 400, "invalid_inputs"),
]
SHAPE: list[Case] = [
    ("a list", "sentiment", b"[]", 400, "invalid_request"),
    ("a string", "sentiment", b'"good"', 400, "invalid_request"),
    ("null", "sentiment", b"null", 400, "invalid_request"),
    ("a number", "sentiment", b"5", 400, "invalid_request"),
    ("no inputs", "sentiment", b"{}", 400, "invalid_request"),
    ("inputs null", "sentiment", b'{"inputs": null}', 400, "invalid_request"),
    ("inputs a string", "sentiment", b'{"inputs": "good"}', 400, "invalid_request"),
    ("no row", "sentiment", b'{"inputs": []}', 400, "invalid_request"),
    ("a row that is no object", "sentiment", b'{"inputs": [{"text": "a"}, "b"]}', 400, "invalid_inputs"),
    ("unknown top key", "sentiment", b'{"inputs": {"text": "a"}, "input": 1}', 400, "invalid_request"),
    ("surrogate top key", "sentiment", b'{"inputs": {"text": "a"}, "\\udfff": 1}', 400, "invalid_request"),
    ("entity id a number", "sentiment", b'{"inputs": {"text": "a"}, "entity_id": 5}', 400, "invalid_request"),
    ("entity id empty", "sentiment", b'{"inputs": {"text": "a"}, "entity_id": ""}', 400, "invalid_request"),
    ("entity id NUL", "sentiment", b'{"inputs": {"text": "a"}, "entity_id": "\\u0000"}', 400, "invalid_request"),
    ("entity id surrogate", "sentiment", b'{"inputs": {"text": "a"}, "entity_id": "\\ud800"}', 400, "invalid_request"),
    ("entity id long", "sentiment", b'{"inputs": {"text": "a"}, "entity_id": "%s"}' % (b"x" * 201), 400,
     "invalid_request"),
    ("entity ids too few", "sentiment", b'{"inputs": [{"text": "a"}, {"text": "b"}], "entity_id": ["x"]}', 400,
     "invalid_request"),
    ("entity ids for one", "sentiment", b'{"inputs": {"text": "a"}, "entity_id": ["x"]}', 400, "invalid_request"),
]  # fmt: skip
VALUES: list[Case] = [
    ("missing", "sentiment", _inputs(), 400, "invalid_inputs"),
    ("null where needed", "sentiment", _inputs(text=None), 400, "invalid_inputs"),
    ("extra", "sentiment", _inputs(text="a", words=1), 400, "invalid_inputs"),
    ("surrogate input name", "sentiment", b'{"inputs": {"text": "a", "\\ud800": 1}}', 400, "invalid_inputs"),
    ("text a number", "sentiment", _inputs(text=5), 400, "invalid_inputs"),
    ("text a list", "sentiment", _inputs(text=["a"]), 400, "invalid_inputs"),
    ("text NUL", "sentiment", _inputs(text="a\x00b"), 400, "invalid_inputs"),
    ("text surrogate", "sentiment", b'{"inputs": {"text": "\\ud83d"}}', 400, "invalid_inputs"),
    ("text empty", "sentiment", _inputs(text=""), 400, "invalid_inputs"),
    ("text blank", "sentiment", _inputs(text=" \n"), 400, "invalid_inputs"),
    ("text long", "sentiment", _inputs(text="x" * 20_001), 400, "invalid_inputs"),
    ("true is no number", "mortgage", _inputs(loan_to_value=True), 400, "invalid_inputs"),
    ("a string is no number", "mortgage", _inputs(loan_to_value="0.5"), 400, "invalid_inputs"),
    ("a string is no integer", "mortgage", _inputs(consumer_credit_score="5"), 400, "invalid_inputs"),
    ("a fraction is no integer", "mortgage", _inputs(consumer_credit_score=2.5), 400, "invalid_inputs"),
    ("true is no integer", "mortgage", _inputs(consumer_credit_score=True), 400, "invalid_inputs"),
    ("above", "mortgage", _inputs(loan_to_value=11), 400, "invalid_inputs"),
    ("below", "mortgage", _inputs(loan_to_value=-0.01), 400, "invalid_inputs"),
    ("unlisted word", "mortgage", _inputs(single="maybe"), 400, "invalid_inputs"),
    ("a boolean is no word", "mortgage", _inputs(single=True), 400, "invalid_inputs"),
    ("no moment", "spam", _inputs(body="a", sent_at="yesterday"), 400, "invalid_inputs"),
    ("moment NUL", "spam", _inputs(body="a", sent_at="2002-09-25\x0010:00"), 400, "invalid_inputs"),
    ("moment surrogate", "spam",
     b'{"inputs": {"body": "a", "sent_at": "2002-09-25\\ud80010:00"}}', 400, "invalid_inputs"),
    ("moment with another letter", "spam", _inputs(body="a", sent_at="2002-09-25x10:00"), 400, "invalid_inputs"),
    ("moment a number", "spam", _inputs(body="a", sent_at=1_700_000_000), 400, "invalid_inputs"),
    ("moment out of the calendar", "spam", _inputs(body="a", sent_at="0001-01-01T00:00:00+23:59"), 400,
     "invalid_inputs"),
]  # fmt: skip
MODELS: list[Case] = [
    ("unknown model", "nothing", _inputs(text="a"), 404, "unknown_model"),
    ("unknown model, bad body", "nothing", b"{", 404, "unknown_model"),
    ("name with a quote", "%22%00%27", _inputs(text="a"), 404, "unknown_model"),
    ("name that is no UTF-8", "%ff%fe", _inputs(text="a"), 404, "unknown_model"),
    ("no live version", "unborn", _inputs(text="a"), 503, "no_live_version"),
]
CASES = [*SYNTAX, *SHAPE, *VALUES, *MODELS]
