"""`POST /v1/tokens`: a server asks for a browser token for one of its pages."""

import time
from typing import Literal

from fastapi import APIRouter, Request
from plaudit_schemas.events import Id
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plaudit_producers._ids import new_id
from plaudit_producers.gateway.access import Page, Principal
from plaudit_producers.gateway.admission import admit, caller_of, spend
from plaudit_producers.gateway.openapi import TOKEN_BODY, problems
from plaudit_producers.gateway.problems import Problem
from plaudit_producers.gateway.services import services_of
from plaudit_producers.gateway.tokens import mint

DEFAULT_LIFETIME_S = 900
_MAX_BYTES = 16 * 1024

router = APIRouter(tags=["tokens"])


class TokenRequest(BaseModel):
    """What the page may do.

    Attributes:
        conversation_id: made where it is not given.
        user_id: the conversation's user; the page rates as nobody else.
        lifetime_s: cut to what the gateway allows.
        roles: of the messages that the page may add. A page that may add `assistant` is believed about
            what the model said.
        read: whether the page may read the conversation back, without what is not its user's to see.
    """

    model_config = ConfigDict(extra="forbid")

    conversation_id: Id = Field(default_factory=new_id)
    user_id: Id | None = None
    lifetime_s: int = Field(default=DEFAULT_LIFETIME_S, ge=1)
    roles: frozenset[Literal["user", "assistant"]] = frozenset(("user",))
    read: bool = False


class Token(BaseModel):
    """A browser token; `expires_at` is in seconds since 1970."""

    token: str
    conversation_id: str
    expires_at: int


@router.post("/v1/tokens", responses=problems(401, 403, 408, 413, 422, 429, 503), openapi_extra=TOKEN_BODY)
async def post_tokens(request: Request) -> Token:
    """Make a token for one conversation and its user. Takes an API key with the role producer."""
    services = services_of(request)
    principal = await admit(request)
    if principal.page is not None or not principal.has("producer"):
        raise Problem(403, "tokens are made with an API key that has the role producer")
    await spend(request, principal, 1)
    async with services.bodies.body(request, _MAX_BYTES, caller_of(request, principal)) as body:
        wanted = _wanted(body)
    signing_key = services.signing.current
    if signing_key is None:
        raise Problem(503, "there is no key to sign with yet: Redis does not answer", retry_after_s=2)
    page = Page(wanted.conversation_id, wanted.user_id, frozenset(wanted.roles), wanted.read)
    lifetime = min(wanted.lifetime_s, services.settings.gateway_token_max_s)
    holder = Principal(principal.application, principal.key_id, page=page)
    token, expires_at = mint(holder, lifetime, signing_key, time.time())
    services.telemetry.counter("plaudit_gateway_tokens_issued_total").inc()
    return Token(token=token, conversation_id=wanted.conversation_id, expires_at=expires_at)


def _wanted(body: bytes) -> TokenRequest:
    try:
        return TokenRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise Problem(422, f"{place}: {first['msg']}") from None
