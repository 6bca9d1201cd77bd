"""Sends the model calls that a request brings. Their answers are then found by the ids of the responses."""

from collections.abc import Iterator, Sequence
from typing import Final

from starlette.requests import Request

from plaudit_producers.gateway.access.callers import identify_caller
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.pacing import RequestPace
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.http.sending import RETRY_AFTER_S, send_taken, take_records
from plaudit_producers.gateway.intake.calls import CallResult, IncomingCall, PreparedCalls
from plaudit_producers.gateway.intake.events import MAX_BATCH_BYTES
from plaudit_producers.gateway.services import services_of

_CALLS_AT_ONCE: Final = 100
_MESSAGES_AT_ONCE: Final = 5000  # their events are made without a pause for other requests


async def identify_call_sender(request: Request) -> Principal:
    """Identify a caller that may send model calls.

    Raises:
        Problem: as `identify_caller`; 403 for a page, and for a key without the role producer.
    """
    principal = await identify_caller(request)
    if principal.page is not None or not principal.has("producer"):
        raise Problem(403, "sending model calls requires an API key with the role producer")
    return principal


def batch_limit(request: Request) -> int:
    """The bytes that a batch of model calls may have, where the gateway has little memory fewer."""
    return min(MAX_BATCH_BYTES, services_of(request).bodies.max_share)


async def send_calls(
    request: Request, principal: Principal, calls: Sequence[IncomingCall], pace: RequestPace
) -> list[CallResult]:
    """Send what is new in some calls, in parts. Returns what became of each, once Kafka has them.

    A request that brings more than its key may send at once is slowed down, and refused only if that takes
    too long. What was sent of it by then is known, and costs nothing when the request comes again.

    Raises:
        Problem: 429 or 503.
    """
    results: list[CallResult] = []
    for part in parts_of(calls):
        away = next((result for result in results if result.reason == "unavailable"), None)
        if away is not None:  # no call overtakes one that must be sent again
            raise Problem(503, away.detail, retry_after_s=RETRY_AFTER_S)
        results += await _send_part(request, principal, part, pace)
    return results


async def _send_part(
    request: Request, principal: Principal, calls: Sequence[IncomingCall], pace: RequestPace
) -> list[CallResult]:
    services = services_of(request)
    prepared = PreparedCalls(principal.application, services.call_memory, calls)
    await pace.admit(max(1, len(prepared.events)))
    records = [event.record for event in prepared.events]
    answer = await send_taken(request, principal, await take_records(services, principal, records))
    results = prepared.results(answer.results)
    prepared.remember(results)
    places = prepared.places(results)
    if places:
        await services.aliases.remember(principal.application, places)
    return results


def parts_of(calls: Sequence[IncomingCall]) -> Iterator[list[IncomingCall]]:
    """The calls in parts, each of at most 100 calls and 5,000 messages, or of one call that has more."""
    part: list[IncomingCall] = []
    messages = 0
    for incoming in calls:
        more = len(incoming.call.given)
        if part and (len(part) == _CALLS_AT_ONCE or messages + more > _MESSAGES_AT_ONCE):
            yield part
            part, messages = [], 0
        part.append(incoming)
        messages += more
    if part:
        yield part
