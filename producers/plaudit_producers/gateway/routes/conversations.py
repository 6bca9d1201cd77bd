"""`GET /v1/conversations/{id}`: live state."""

import orjson
from fastapi import APIRouter
from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.admission import admit, spend
from plaudit_producers.gateway.openapi import problems
from plaudit_producers.gateway.problems import Problem
from plaudit_producers.gateway.services import services_of
from plaudit_producers.gateway.views import page_view

router = APIRouter(tags=["conversations"])


@router.get("/v1/conversations/{conversation_id:path}", responses=problems(401, 403, 404, 422, 429, 501, 503))
async def get_conversation(request: Request, conversation_id: str) -> Response:
    """A conversation as the worker has it now.

    A page sees its own only, if its token says so: what its user said and was told, and how its user rated.
    """
    services = services_of(request)
    principal = await admit(request)
    await spend(request, principal, 1)
    if not principal.may_read(conversation_id):
        raise Problem(403, "the key or token does not allow to read this conversation")
    if services.reader is None:
        raise Problem(501, "install plaudit-stream-processors beside the gateway to read live conversations")
    try:
        state = await services.reader.get(principal.application, conversation_id)
    except NotFoundError as error:
        raise Problem(404, str(error)) from None
    except ServiceUnavailableError as error:
        raise Problem(503, str(error), retry_after_s=2) from None
    if principal.page is not None:
        state = page_view(state)
    return Response(orjson.dumps(state), media_type="application/json")
