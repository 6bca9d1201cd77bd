"""Sends the events that a request brings, whatever form it brings them in, and says what became of them."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import orjson
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.errors import InvalidEventError, ServiceUnavailableError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.callers import charge_principal
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.intake.events import EventsAnswer, answer_events, overall_status
from plaudit_producers.gateway.intake.outcomes import OutgoingEvent, RefusedEvent
from plaudit_producers.gateway.services import Services, services_of

RETRY_AFTER_S: Final = 2
_AT_ONCE: Final = 100  # events between two pauses, in which other requests are served
_IN_LOOP_BYTES: Final = 64 * 2**10

_T = TypeVar("_T")


async def read_aside(body: bytes, read: Callable[[], _T]) -> _T:
    """What `read` makes of a body. A large one is read in a thread: other requests are served meanwhile."""
    return read() if len(body) <= _IN_LOOP_BYTES else await asyncio.to_thread(read)


async def admit_events(request: Request, principal: Principal, count: int) -> None:
    """Charge the caller for some events. Call it before they are taken.

    Raises:
        Problem: 503 while no event can be encoded, 429 when the principal is over its rate limit.
    """
    if services_of(request).checks.registry is not None:
        detail = "the gateway waits for its schema registry; send them again with the same event ids"
        raise Problem(503, detail, retry_after_s=RETRY_AFTER_S)
    await charge_principal(request, principal, count)


async def take_records(
    services: Services, principal: Principal, records: Sequence[Record]
) -> list[OutgoingEvent | RefusedEvent]:
    """Take the records of many events, and serve other requests in between."""
    taken = []
    for number, record in enumerate(records):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        taken.append(services.intake.take_record(principal, record, record["event_id"]))
    return taken


async def send_taken(
    request: Request, principal: Principal, taken: Sequence[OutgoingEvent | RefusedEvent]
) -> EventsAnswer:
    """Send the events that were taken, wait until Kafka has them, and count all."""
    services = services_of(request)
    outgoing = [event for event in taken if isinstance(event, OutgoingEvent)]
    # A user may leave the page before it gets the answer. It then sends these events again: by beacon, or
    # when the user is back.
    outcomes = await services.sender.send_events(outgoing, remember=principal.page is not None)
    answer = answer_events(taken, outcomes)
    before = getattr(request.state, "events", 0)  # a large request comes here several times
    request.state.events = before + len(taken)
    _count_events(services, principal, answer)
    return answer


def problem_of(answer: EventsAnswer, more: dict[str, Any]) -> Problem:
    """The problem for an answer with refused events: the first of them says why."""
    refused = next(each for each in answer.results if each["status"] == "refused")
    retry = RETRY_AFTER_S if answer.status == 503 else None
    return Problem(answer.status, refused["detail"], retry_after_s=retry, more=more)


def results_response(results: list[dict[str, Any]]) -> Response:
    """The response to a batch whose parts have results of their own, which may be other than events."""
    reasons = [each["reason"] for each in results if each["status"] == "refused"]
    accepted = sum(each["status"] == "accepted" for each in results)
    answer = EventsAnswer(overall_status(reasons, len(results) - len(reasons)), results, accepted)
    body = {"accepted": accepted, "results": results}
    if answer.status in (200, 207):
        return json_response(body, answer.status)
    return problem_of(answer, body).response()


def count_unreadable(services: Services, count: int) -> None:
    """Count records of which no event could be made, with the events that are refused as invalid."""
    if count:
        services.metrics.counter("plaudit_gateway_events_refused_total", "invalid").inc(count)


@contextlib.contextmanager
def told_problems() -> Iterator[None]:
    """Answers errors of a body and of Redis.

    Raises:
        Problem: 422 for a body that is not as it must be, 503 if Redis does not answer.
    """
    try:
        yield
    except InvalidEventError as error:
        raise Problem(422, str(error)) from None
    except ServiceUnavailableError as error:
        raise Problem(503, str(error), retry_after_s=RETRY_AFTER_S) from None


async def send_parts(
    request: Request, principal: Principal, parts: Sequence[Sequence[Record]]
) -> list[dict[str, Any] | None]:
    """Send events that belong together in parts. Returns for each part why it was refused, or None.

    Raises:
        Problem: 429 or 503.
    """
    records = [record for part in parts for record in part]
    await admit_events(request, principal, max(1, len(records)))
    answer = await send_taken(
        request, principal, await take_records(services_of(request), principal, records)
    )
    following, told = iter(answer.results), list[dict[str, Any] | None]()
    for part in parts:
        own = [next(following) for _ in part]
        refused = next((each for each in own if each["status"] == "refused"), None)
        told.append(refused and {name: refused[name] for name in ("status", "reason", "detail")})
    return told


def json_response(body: Any, status: int = 200) -> Response:
    """A response of JSON."""
    return Response(orjson.dumps(body), status, media_type="application/json")


def _count_events(services: Services, principal: Principal, answer: EventsAnswer) -> None:
    metrics = services.metrics
    if answer.accepted:
        origin = "server" if principal.page is None else "page"
        metrics.counter("plaudit_gateway_events_accepted_total", origin).inc(answer.accepted)
    if answer.accepted < len(answer.results):
        for result in answer.results:
            if result["status"] == "refused":
                metrics.counter("plaudit_gateway_events_refused_total", result["reason"]).inc()
