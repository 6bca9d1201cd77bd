"""What each request passes first: who asks, and whether they ask too often."""

from typing import Final

from starlette.requests import Request

from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.access.rate_limits import TokenBucket
from plaudit_producers.gateway.errors import UnauthenticatedError
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.intake.events import MAX_EVENTS
from plaudit_producers.gateway.services import Services, services_of

_BURST_S: Final = 5.0


async def identify_caller(request: Request) -> Principal:
    """Who asks, by the Authorization header.

    Whoever has no valid API key takes a token from the bucket of the address. So keys and tokens cannot be
    guessed quickly, and nobody behind the same proxy can shut a server out.

    Raises:
        Problem: 401, or 429 when the address or the principal is over the limit.
    """
    services = services_of(request)
    try:
        principal = services.authenticator.principal_of_header(request.headers.get("authorization"))
    except UnauthenticatedError as error:
        await charge_address(request)
        raise Problem(401, str(error)) from None
    if principal.page is not None:
        await charge_address(request)
    return _admit(request, principal)


def identify_holder(request: Request, credential: str) -> Principal:
    """Who holds a credential that came in the body of a request whose address was charged.

    Raises:
        Problem: 401, or 429 when the principal is over the limit.
    """
    try:
        return _admit(request, services_of(request).authenticator.principal_of(credential))
    except UnauthenticatedError as error:
        raise Problem(401, str(error)) from None


async def charge_address(request: Request) -> None:
    """Take a token from the bucket of the address, before any more of the request is read.

    Raises:
        Problem: 429.
    """
    services = services_of(request)
    rate = services.settings.gateway_address_rate
    await _charge(services, TokenBucket(address_of(request), rate, max(rate * _BURST_S, 1)), 1)


async def charge_principal(request: Request, principal: Principal, tokens: int) -> None:
    """Take the principal's tokens: one for each event, or 1 for another request.

    Raises:
        Problem: 429.
    """
    services = services_of(request)
    await _charge(services, _bucket_of(services, principal), tokens)


def address_of(request: Request) -> str:
    """Where a request comes from, as the name of its bucket and of its share of the memory."""
    return f"address:{request.client.host if request.client else 'unknown'}"


def memory_share_of(request: Request, principal: Principal) -> str:
    """Whose share of the memory a body takes: the key's for a server, the address's for a page."""
    return f"key:{principal.key_id}" if principal.page is None else address_of(request)


def _admit(request: Request, principal: Principal) -> Principal:
    services = services_of(request)
    request.state.principal = principal
    _refuse_if_empty(services, _bucket_of(services, principal).name)
    return principal


def _bucket_of(services: Services, principal: Principal) -> TokenBucket:
    """The key's for a server, the conversation's for a page: no page uses up its server's tokens."""
    if principal.page is None:
        rate = principal.rate or services.settings.gateway_key_rate
        return TokenBucket(f"key:{principal.key_id}", rate, max(rate, MAX_EVENTS))
    rate = services.settings.gateway_page_rate
    name = f"page:{principal.application}/{principal.page.conversation_id}"
    return TokenBucket(name, rate, max(rate * _BURST_S, 1))


async def _charge(services: Services, bucket: TokenBucket, tokens: int) -> None:
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
    return Problem(429, f"over the rate limit of this {kind}; try again later", retry_after_s=wait)
