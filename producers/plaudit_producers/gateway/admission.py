"""What each request passes first: who asks, and whether they ask too often."""

from starlette.requests import Request

from plaudit_producers.gateway.access import Principal
from plaudit_producers.gateway.errors import UnauthenticatedError
from plaudit_producers.gateway.intake import MAX_EVENTS
from plaudit_producers.gateway.limits import Bucket
from plaudit_producers.gateway.problems import Problem
from plaudit_producers.gateway.services import Services, services_of

_BURST_S = 5.0


async def admit(request: Request) -> Principal:
    """Who asks, by the Authorization header.

    Whoever has no good API key takes a token from the bucket of the address: so keys and tokens cannot be
    guessed at speed, and nobody behind the same proxy can shut a server out.

    Raises:
        Problem: 401, or 429 when the address or the principal is over the limit.
    """
    services = services_of(request)
    try:
        principal = services.auth.principal(request.headers.get("authorization"))
    except UnauthenticatedError as error:
        await charge_address(request)
        raise Problem(401, str(error)) from None
    if principal.page is not None:
        await charge_address(request)
    return _admitted(request, principal)


def identify(request: Request, credential: str) -> Principal:
    """Who holds a credential that came in the body of a request whose address was charged.

    Raises:
        Problem: 401, or 429 when the principal is over the limit.
    """
    try:
        return _admitted(request, services_of(request).auth.bearer(credential))
    except UnauthenticatedError as error:
        raise Problem(401, str(error)) from None


async def charge_address(request: Request) -> None:
    """Take a token of the address, before any more of its request is read.

    Raises:
        Problem: 429.
    """
    services = services_of(request)
    rate = services.settings.gateway_address_rate
    await _take(services, Bucket(address_of(request), rate, max(rate * _BURST_S, 1)), 1)


async def spend(request: Request, principal: Principal, events: int) -> None:
    """Take the principal's tokens for a number of events (or 1 for another request).

    Raises:
        Problem: 429.
    """
    services = services_of(request)
    await _take(services, bucket_of(services, principal), events)


def bucket_of(services: Services, principal: Principal) -> Bucket:
    """A server's bucket is its key's, a page's that of its conversation: no page starves its server."""
    if principal.page is None:
        rate = principal.rate or services.settings.gateway_key_rate
        return Bucket(f"key:{principal.key_id}", rate, max(rate, MAX_EVENTS))
    rate = services.settings.gateway_page_rate
    name = f"page:{principal.application}/{principal.page.conversation_id}"
    return Bucket(name, rate, max(rate * _BURST_S, 1))


def address_of(request: Request) -> str:
    """Where a request comes from, as the name of its bucket and of its share of the memory."""
    return f"address:{request.client.host if request.client else 'unknown'}"


def caller_of(request: Request, principal: Principal) -> str:
    """Whose share of the memory a body takes: a server's is its key's, a page's that of its address."""
    return f"key:{principal.key_id}" if principal.page is None else address_of(request)


def _admitted(request: Request, principal: Principal) -> Principal:
    services = services_of(request)
    request.state.principal = principal
    _refuse_if_empty(services, bucket_of(services, principal).name)
    return principal


def _refuse_if_empty(services: Services, name: str) -> None:
    wait = services.limiter.empty_for(name)
    if wait > 0:
        raise _limited(services, name, wait)


async def _take(services: Services, bucket: Bucket, tokens: int) -> None:
    _refuse_if_empty(services, bucket.name)
    wait = await services.limiter.take(bucket, tokens)
    if wait > 0:
        raise _limited(services, bucket.name, wait)


def _limited(services: Services, name: str, wait: float) -> Problem:
    kind = name.partition(":")[0]
    services.telemetry.counter("plaudit_gateway_limited_total", kind).inc()
    return Problem(429, f"over the rate limit of this {kind}; try again later", retry_after_s=wait)
