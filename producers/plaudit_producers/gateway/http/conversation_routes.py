"""`GET /v1/conversations/{id}`: the live state of a conversation."""

from typing import Any, Final

import orjson
from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.callers import charge_principal, identify_caller
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Operation
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.services import services_of

_CONVERSATION: Final = ("application", "conversation_id", "open", "erased", "revision", "started_at")
_MESSAGE: Final = ("message_id", "parent_id", "role", "content", "status", "occurred_at")


async def get_conversation(request: Request) -> Response:
    """A conversation as the worker has it now.

    A page sees only its own conversation, and only if its token allows it. It gets the messages of user and
    assistant, and its user's own ratings.
    """
    services, conversation_id = services_of(request), request.path_params["conversation_id"]
    principal = await identify_caller(request)
    await charge_principal(request, principal, 1)
    if not principal.may_read(conversation_id):
        raise Problem(403, "the key or token does not allow reading this conversation")
    if services.reader is None:
        raise Problem(501, "install plaudit-stream-processors beside the gateway to read live conversations")
    try:
        state = await services.reader.get(principal.application, conversation_id)
    except NotFoundError as error:
        raise Problem(404, str(error)) from None
    except ServiceUnavailableError as error:
        raise Problem(503, str(error), retry_after_s=2) from None
    if principal.page is not None:
        state = _page_view(state)
    return Response(orjson.dumps(state), media_type="application/json")


OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/conversations/{conversation_id:path}",
        get_conversation,
        tag="conversations",
        answers={200: DocumentedAnswer("Successful Response", {})},
        problems=(401, 403, 404, 422, 429, 501, 503),
    ),
)


def _page_view(state: dict[str, Any]) -> dict[str, Any]:
    """What a page may see of a state: no system prompts, reasoning, tools or feedback of other raters."""
    return {
        **{name: state[name] for name in _CONVERSATION if name in state},
        "messages": [
            {name: message[name] for name in _MESSAGE if name in message}
            for message in state.get("messages", ())
            if message["role"] in ("user", "assistant")
        ],
        "feedback": [each for each in state.get("feedback", ()) if _is_by_user(each["feedback"])],
        "comparisons": [each for each in state.get("comparisons", ()) if _is_by_user(each)],
    }


def _is_by_user(judgement: dict[str, Any]) -> bool:
    return bool((judgement.get("rater") or {}).get("kind") == "user")
