"""How many bytes a second a page, an API key and an application may send. Events are limited beside it.

A page pays from its own bucket first, so that one over its limit takes nothing from its application's.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from starlette.requests import Request

from plaudit_producers.gateway.access.callers import memory_share_of, take_or_refuse
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.access.rate_limits import TokenBucket
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.intake.bodies import announced_bytes
from plaudit_producers.gateway.intake.events import MAX_BATCH_BYTES, MAX_PAGE_BYTES
from plaudit_producers.gateway.services import Services, services_of

_BURST_S: Final = 5.0  # a full bucket holds what its rate gives in this time


@contextlib.asynccontextmanager
async def read_charged_body(
    request: Request, principal: Principal, limit: int, *, gzipped: bool = False
) -> AsyncIterator[bytes]:
    """The body of an identified caller's request, paid for by what it inflates to.

    What the request announces is paid before anything is read.

    Args:
        limit: the bytes that this body may have.

    Raises:
        Problem: 429 when the caller or its application is over its limit of bytes, and as
            `RequestBodies.read_body`.
    """
    announced = announced_bytes(request)
    paid = announced if announced <= limit else 0  # a body over the limit is refused unread
    await charge_bytes(request, principal, paid)
    share = memory_share_of(request, principal)
    async with services_of(request).bodies.read_body(request, limit, share, gzipped=gzipped) as body:
        await charge_bytes(request, principal, len(body) - paid, again=paid)
        yield body


async def charge_bytes(request: Request, principal: Principal, size: int, *, again: int = 0) -> None:
    """Pay for bytes from the buckets of the caller and of its application.

    Args:
        again: what the caller pays once more when it sends the request again; it waits for that too.

    Raises:
        Problem: 429 when one of the buckets holds too little.
    """
    if size <= 0:
        return
    services = services_of(request)
    for bucket in _buckets_of(services, principal):
        try:
            await take_or_refuse(services, bucket, size)
        except Problem as problem:
            if problem.retry_after_s is not None:
                problem.retry_after_s += again / bucket.rate
            raise


def _buckets_of(services: Services, principal: Principal) -> Iterator[TokenBucket]:
    settings, application = services.settings, principal.application
    if principal.page is None:
        rate = principal.byte_rate or settings.gateway_key_bytes
        yield _bucket(f"key-bytes:{principal.key_id}", rate, MAX_BATCH_BYTES)
    else:
        name = f"page-bytes:{application}/{principal.page.conversation_id}"
        yield _bucket(name, settings.gateway_page_bytes, MAX_PAGE_BYTES)
    yield _bucket(f"application-bytes:{application}", settings.gateway_application_bytes, MAX_BATCH_BYTES)


def _bucket(name: str, rate: float, largest: int) -> TokenBucket:
    # A full bucket pays for the largest request, or that could never be sent.
    return TokenBucket(name, rate, max(rate * _BURST_S, largest))
