"""The first steps of each request: who the caller is, and whether it is over a rate limit."""

from typing import Final

from starlette.requests import Request

from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.access.rate_limits import TokenBucket
from plaudit_producers.gateway.errors import NothingKnownYetError, UnauthenticatedError
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.intake.events import MAX_EVENTS
from plaudit_producers.gateway.services import Services, services_of

_ASK_AGAIN_S: Final = 2.0  # after 503
_BURST_S: Final = 5.0  # a full bucket holds what its rate gives in this time


async def identify_caller(request: Request) -> Principal:
    """Identify the caller by the Authorization header.

    A caller without a valid API key also takes a token from the bucket of its address. So nobody can guess
    keys or tokens quickly. A server with a valid key does not pay there: strangers behind the same proxy
    cannot use up its limit.

    Raises:
        Problem: 401 for an unknown caller, 503 before anybody can be known, 429 when the address or the
            principal is over its rate limit.
    """
    services = services_of(request)
    try:
        principal = services.authenticator.principal_of_header(request.headers.get("authorization"))
    except UnauthenticatedError as error:
        await charge_address(request)
        raise Problem(401, str(error)) from None
    except NothingKnownYetError as error:
        raise Problem(503, str(error), retry_after_s=_ASK_AGAIN_S) from None
    if principal.page is not None:
        await charge_address(request)
    return _admit(request, principal)


def identify_holder(request: Request, credential: str) -> Principal:
    """Identify the caller by a credential in the request's body. Call `charge_address` before.

    Raises:
        Problem: 401 for an unknown caller, 503 before anybody can be known, 429 when the principal is over
            its rate limit.
    """
    try:
        return _admit(request, services_of(request).authenticator.principal_of(credential))
    except UnauthenticatedError as error:
        raise Problem(401, str(error)) from None
    except NothingKnownYetError as error:
        raise Problem(503, str(error), retry_after_s=_ASK_AGAIN_S) from None


async def charge_address(request: Request) -> None:
    """Take a token from the bucket of the address. Call it before the body is read.

    Raises:
        Problem: 429 when the address is over its rate limit.
    """
    services = services_of(request)
    rate = services.settings.gateway_address_rate
    await take_or_refuse(services, TokenBucket(address_of(request), rate, max(rate * _BURST_S, 1)), 1)


async def charge_principal(request: Request, principal: Principal, tokens: int) -> None:
    """Take tokens from the principal's bucket: one for each event, or 1 for a request without events.

    Raises:
        Problem: 429 when the principal is over its rate limit.
    """
    services = services_of(request)
    await take_or_refuse(services, _bucket_of(services, principal), tokens)


def address_of(request: Request) -> str:
    """The address of the client, as the name of its bucket and of its memory share."""
    return f"address:{request.client.host if request.client else 'unknown'}"


def memory_share_of(request: Request, principal: Principal) -> str:
    """The memory share that a body counts against: the key's for a server, the address's for a page."""
    return f"key:{principal.key_id}" if principal.page is None else address_of(request)


def _admit(request: Request, principal: Principal) -> Principal:
    services = services_of(request)
    request.state.principal = principal
    # Before the body is read: a caller known to be over the limit should cost nothing.
    _refuse_if_empty(services, _bucket_of(services, principal).name)
    return principal


def _bucket_of(services: Services, principal: Principal) -> TokenBucket:
    """The bucket of the key for a server, of the conversation for a page.

    So no page can use up its server's tokens.
    """
    if principal.page is None:
        rate = principal.rate or services.settings.gateway_key_rate
        # At least MAX_EVENTS, so that a full bucket can pay for the largest request.
        return TokenBucket(f"key:{principal.key_id}", rate, max(rate, MAX_EVENTS))
    rate = services.settings.gateway_page_rate
    name = f"page:{principal.application}/{principal.page.conversation_id}"
    return TokenBucket(name, rate, max(rate * _BURST_S, 1))


async def take_or_refuse(services: Services, bucket: TokenBucket, tokens: int) -> None:
    """Take tokens from a bucket.

    Raises:
        Problem: 429 when it holds too few.
    """
    _refuse_if_empty(services, bucket.name)
    wait = await services.limiter.take_tokens(bucket, tokens)
    if wait > 0:
        raise _over_limit(services, bucket.name, wait)


def _refuse_if_empty(services: Services, name: str) -> None:
    wait = services.limiter.empty_for(name)
    if wait > 0:
        raise _over_limit(services, name, wait)


def _over_limit(services: Services, name: str, wait: float) -> Problem:
    kind = name.partition(":")[0]
    services.metrics.counter("plaudit_gateway_limited_total", kind).inc()
    owner, _, of_bytes = kind.partition("-")
    what = "bytes a second" if of_bytes else "rate"
    return Problem(429, f"over the {what} limit of this {owner}; try again later", retry_after_s=wait)
