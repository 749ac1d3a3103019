"""The API against its own OpenAPI document: many odd requests, which schemathesis makes from the document."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from predictions.serving.process import ServingProcess

_CONFIG = {
    "seed": 20260303,
    "generation": {"max-examples": 5, "database": "none"},
    # 413 is missing in schemathesis's own list of the statuses that refuse what breaks the schema
    "checks": {
        "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 413, 415, 422]},
    },
}

# As many entity ids as rows, moments that have passed, a plan where it belongs and whose steps rise, keys that no other
# request had, and a database in memory, whose threads lock each other out.
_BEYOND_A_SCHEMA = (
    "one is needed for each",
    "is still to come",
    "is needed for the action `plan`",
    "Such a plan cannot be followed",
    "idempotency_key_reused",
    "answer_in_progress",
    "idempotency_unavailable",
)


@pytest.fixture
def document(live_server: LiveServer, live: ServingProcess, token: str) -> Any:
    """The document, and the application behind it in this process, called by somebody who may do everything.

    By HTTP: schemathesis gives its client's options also to a WSGI client, which has none of them.
    """
    User.objects.filter(username="caller").update(is_superuser=True)
    live.live_models.refresh()
    config = SchemathesisConfig.from_dict(_CONFIG)
    schema = schemathesis.openapi.from_url(f"{live_server.url}/api/v1/schema", config=config)
    # On a connection that is kept, Django's test server sends each body 40 ms after its head.
    schema.config.update(headers={"Authorization": f"Token {token}", "Connection": "close"})
    return schema


def faults(happened: Iterator[Any], tested: set[str]) -> Iterator[str]:
    """What failed, for people; `tested` takes the operations that were called."""
    for event in happened:
        if isinstance(event, events.ScenarioFinished) and event.recorder.interactions:
            tested.add(event.recorder.label)
            yield from failed_checks(event.recorder)
        elif isinstance(event, events.NonFatalError):
            yield f"{event.label}: {event.value!r}"
        elif isinstance(event, events.FatalError):
            yield repr(event.exception)


def failed_checks(recorder: Any) -> Iterator[str]:
    """But for refusals that are right and that JSON Schema cannot declare."""
    for case, nodes in recorder.checks.items():
        answer = recorder.interactions[case].response.content.decode()
        for node in nodes:
            if node.failure_info and not any(refusal in answer for refusal in _BEYOND_A_SCHEMA):
                failure = node.failure_info.failure
                yield f"{recorder.label}: {failure.title}, {failure.message}\n{answer[:500]}"


def test_every_answer_is_one_that_the_document_declares(document: Any) -> None:
    tested: set[str] = set()
    assert list(faults(from_schema(document).execute(), tested)) == []
    assert {operation.ok().label for operation in document.get_all_operations()} <= tested
