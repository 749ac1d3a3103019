"""`?version=N`: an answer of another version than the routing would choose, for who may."""

from rest_framework.request import Request

from predictions.authentication import caller_of
from predictions.errors import InvalidRequest
from predictions.scopes import MANAGE

PARAMETER = "version"
_DIGITS = 9


def chosen_version(request: Request, model: str) -> int | None:
    """The version that the caller asks for; None leaves it to the routing. InvalidRequest, ScopeMissing."""
    if not request._request.META.get("QUERY_STRING") or PARAMETER not in request.query_params:
        return None  # the first is all that most requests pay for
    asked = request.query_params.getlist(PARAMETER)
    if len(asked) != 1 or not _is_number(asked[0]):
        raise InvalidRequest(
            "There is no such version number.",
            advice="Give one whole number from 1 on, as in ?version=2.",
            details={"fields": {PARAMETER: "One whole number from 1 on is needed."}},
        )
    caller_of(request).require(MANAGE, model)
    return int(asked[0])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) > 0
