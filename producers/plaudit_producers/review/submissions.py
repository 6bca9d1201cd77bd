"""What a browser sends: JSON bodies, checked. Pure but for reading the request."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from plaudit_schemas.contract.field_types import Id
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request

from plaudit_producers.review.errors import ReviewRefusal

LARGEST_BODY: Final = 2 << 20
_LONGEST_REASON: Final = 2_000
M = TypeVar("M", bound=BaseModel)


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SentNothing(_Sent):
    """A request without content."""


class SentAnswers(_Sent):
    """Answers to an item.

    Attributes:
        submission: made by the browser with the draft; a repeat has the same one.
        candidates: ids of the answers that were compared, as they were shown; empty for all there are now.
        suggestion_shown: whether the reviewer saw what models say.
        next: whether the answer is to bring the next item along.
    """

    submission: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{10,64}$")]
    answers: Mapping[str, Any]
    comment: Annotated[str, Field(max_length=20_000)] | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    candidates: tuple[Id, ...] = ()
    suggestion_shown: bool = False
    next: bool = False


class SentDecline(_Sent):
    """Why an item is declined."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_LONGEST_REASON)]
    next: bool = False


class SentUndo(_Sent):
    """The item whose answers are taken back; None is the last one."""

    item: Id | None = None


async def read_body(request: Request, kind: type[M]) -> M:
    """The body of a request.

    Raises:
        ReviewRefusal: it is too large, or not what is asked for.
    """
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_BODY:
            raise ReviewRefusal("too_large", "This is longer than 2 MiB; shorten it.")
    try:
        return kind.model_validate(json.loads(content or b"{}"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the request"
        raise ReviewRefusal("request", f"{place}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise ReviewRefusal("request", "The request must be a JSON object.") from None
