"""What the registry's views share: strict bodies, declared refusals, JSON. A view resolves who asks, calls one service
and presents; permissions are asked in the services."""

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from pydantic import BaseModel, ConfigDict, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.idempotent import HEADER
from predictions.api.parsing import printable
from predictions.api.schema_errors import CODES, EVERYWHERE_ON_A_MODEL
from predictions.errors import InvalidRequest

NEWEST = 100  # rows of a page
Row = TypeVar("Row")
KEY = OpenApiParameter(
    HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    pattern="^[!-~]{1,255}$",
    description="The same request under the same key gets the same answer for 24 hours.",
)


_DIGITS = 18
BEFORE = OpenApiParameter(
    "before",
    {"type": "integer", "minimum": 0, "maximum": 10**_DIGITS - 1},
    description="Those older than this one; see `older`.",
)


class Page(BaseModel):
    """The base of lists, newest first: at most 100 rows, and the address of those before (null: there are none)."""

    older: str | None = None


class StrictRequest(BaseModel):
    """The base of bodies that come in: no other key, no text for a number."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @classmethod
    def parse(cls, body: Any) -> Self:
        """InvalidRequest names each wrong key."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            fields = {
                printable(".".join(map(str, item["loc"]))): item["msg"] for item in error.errors(include_url=False)
            }
            what = cls.__name__.removesuffix("Request").lower()
            raise InvalidRequest(f"The body is not a request for {what}.", details={"fields": fields}) from error


def fails(*codes: str) -> dict[str, Any]:
    """The errors that a view about a model declares in the schema."""
    return {CODES: [*EVERYWHERE_ON_A_MODEL, "permission_refused", "database_unavailable", *codes]}


def as_json(shape: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(shape.model_dump(mode="json"), status=status, headers=headers)


def page_of(
    rows: Sequence[Row] | QuerySet[Any, Row], request: Request, *, last: Callable[[Row], object]
) -> tuple[list[Row], str | None]:
    """Of the rows those to show, and `older`; `last` is what names a row in `before`."""
    rows = list(rows[: NEWEST + 1])
    shown = rows[:NEWEST]
    older = f"{request.path}?before={last(shown[-1])}" if len(rows) > NEWEST else None
    return shown, older


def before_given(request: Request) -> int | None:
    """The number after which the page begins; InvalidRequest where it is none."""
    text = request.query_params.get("before")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise InvalidRequest(
            f"{text!r} is no number.",
            advice="Take the address in `older` of the page before.",
            details={"fields": {"before": "A whole number."}},
        )
    return int(text)
