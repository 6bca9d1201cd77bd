"""`POST /v1/tokens`: a server gets a browser token for one of its pages."""

import time
from typing import Final, Literal

import orjson
from plaudit_schemas.contract.field_types import Id
from plaudit_schemas.contract.ulid import new_ulid
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.browser_tokens import mint_token
from plaudit_producers.gateway.access.byte_limits import read_charged_body
from plaudit_producers.gateway.access.callers import charge_principal, identify_caller
from plaudit_producers.gateway.access.principals import Grant, PageScope, Principal
from plaudit_producers.gateway.http.openapi import json_body
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Operation
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.services import services_of

_DEFAULT_LIFETIME_S: Final = 900
_MAX_BYTES: Final = 16 * 1024


class TokenRequest(BaseModel):
    """What the page may do.

    Attributes:
        conversation_id: a new one is made if none is given.
        user_id: the conversation's user. The page can rate only as this user.
        lifetime_s: seconds; cut to the longest life that the gateway allows.
        roles: the roles of messages that the page may add; none if it only votes. With `assistant` the
            gateway trusts the page on what the model said.
        grants: what else the page may say, which a server said before: `start`, `consent`, `tags`. It never
            overrules what a server says.
        read: whether the page may read the conversation back, as far as its user may see it.
    """

    model_config = ConfigDict(extra="forbid")

    conversation_id: Id = Field(default_factory=new_ulid)
    user_id: Id | None = None
    lifetime_s: int = Field(default=_DEFAULT_LIFETIME_S, ge=1)
    roles: frozenset[Literal["user", "assistant"]] = frozenset(("user",))
    grants: frozenset[Grant] = frozenset()
    read: bool = False


class Token(BaseModel):
    """A browser token; `expires_at` is in seconds since 1970."""

    token: str
    conversation_id: str
    expires_at: int


async def post_tokens(request: Request) -> Response:
    """Make a token for one conversation and its user. It needs an API key with the role producer."""
    services = services_of(request)
    principal = await identify_caller(request)
    if principal.page is not None or not principal.has("producer"):
        raise Problem(403, "making a token requires an API key with the role producer")
    await charge_principal(request, principal, 1)
    async with read_charged_body(request, principal, _MAX_BYTES) as body:
        wanted = _parsed_request(body)
    signing_key = services.signing.current
    if signing_key is None:
        raise Problem(503, "there is no key to sign with yet: Redis does not answer", retry_after_s=2)
    page = PageScope(
        wanted.conversation_id, wanted.user_id, frozenset(wanted.roles), wanted.read, wanted.grants
    )
    lifetime = min(wanted.lifetime_s, services.settings.gateway_token_max_s)
    holder = Principal(principal.application, principal.key_id, page=page)
    token, expires_at = mint_token(holder, lifetime, signing_key, time.time())
    services.metrics.counter("plaudit_gateway_tokens_issued_total").inc()
    made = Token(token=token, conversation_id=wanted.conversation_id, expires_at=expires_at)
    return Response(orjson.dumps(made.model_dump()), media_type="application/json")


OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/tokens",
        post_tokens,
        tag="tokens",
        body=json_body(
            TokenRequest.model_json_schema(),
            "The conversation (a new one if none is given), its user, and what the page may say",
        ),
        answers={200: DocumentedAnswer("Successful Response", Token)},
        problems=(401, 403, 408, 413, 422, 429, 503),
    ),
)


def _parsed_request(body: bytes) -> TokenRequest:
    try:
        return TokenRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise Problem(422, f"{place}: {first['msg']}") from None
