"""`?version=N`: an answer of another version than the routing would choose, for who may."""

from typing import Any

from rest_framework.request import Request

from predictions.errors import InvalidRequest, VersionRefused

PARAMETER = "version"
_DIGITS = 9


def chosen_version(request: Request, model: str) -> int | None:
    """The version that the caller asks for; None leaves it to the routing. InvalidRequest, VersionRefused."""
    if not request._request.META.get("QUERY_STRING") or PARAMETER not in request.query_params:
        return None  # the first is all that most requests pay for
    asked = request.query_params.getlist(PARAMETER)
    if len(asked) != 1 or not _is_number(asked[0]):
        raise InvalidRequest(
            "There is no such version number.",
            advice="Give one whole number from 1 on, as in ?version=2.",
            details={"fields": {PARAMETER: "One whole number from 1 on is needed."}},
        )
    if not may_choose(request.user, model):
        raise VersionRefused(
            f"This token may not choose a version of {model}.",
            advice="Use a token with the scope manage on the model, or leave out ?version=.",
            details={"model": model, "scope": "manage"},
        )
    return int(asked[0])


def may_choose(caller: Any, model: str) -> bool:
    """Whether the token holds the scope `manage` on the model."""
    may = getattr(caller, "may", None)
    return may is not None and bool(may("manage", model))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) > 0
