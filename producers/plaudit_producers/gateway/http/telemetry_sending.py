"""Sends the model calls and the evaluations that a request of telemetry brings."""

from collections.abc import Sequence

from plaudit_schemas.errors import InvalidEventError, ServiceUnavailableError
from starlette.requests import Request

from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.call_sending import send_calls
from plaudit_producers.gateway.http.evaluation_sending import EvaluationSending, TelemetryOutcome
from plaudit_producers.gateway.http.pacing import RequestPace
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.http.sending import RETRY_AFTER_S
from plaudit_producers.gateway.intake.aliases import MessagePlace
from plaudit_producers.gateway.intake.calls import IncomingCall, check_length
from plaudit_producers.gateway.intake.otlp.messages import calls_of_notes, notes_of
from plaudit_producers.gateway.intake.otlp.sorting import Sorted
from plaudit_producers.gateway.intake.otlp.span_calls import SpanCall
from plaudit_producers.gateway.services import services_of


async def send_telemetry(request: Request, principal: Principal, found: Sorted) -> TelemetryOutcome:
    """Send calls, then evaluations, and wait until Kafka has them.

    Raises:
        Problem: 429 or 503. The whole request may be sent again: nothing of it counts twice.
    """
    outcome = TelemetryOutcome()
    pace = RequestPace(request, principal)
    evaluations = EvaluationSending(request, principal, outcome, pace)
    try:
        found.add_calls(await _calls_of_messages(request, principal, found, outcome, pace))
        places = await _send_calls(request, principal, found.calls, outcome, pace)
        if places:
            await evaluations.send_waiting(places)
        if found.evaluations:
            await evaluations.send(found.evaluations, places)
    except ServiceUnavailableError as error:
        raise Problem(503, str(error), retry_after_s=RETRY_AFTER_S) from None
    return outcome


async def _calls_of_messages(
    request: Request, principal: Principal, found: Sorted, outcome: TelemetryOutcome, pace: RequestPace
) -> list[SpanCall]:
    """The calls that have an answer and whose messages came as log events, in this request or before."""
    notes, without_span = notes_of(found.messages)
    outcome.refusals += without_span
    if not notes:
        return []
    await pace.admit_whole(len(found.messages))
    kept = services_of(request).notes
    await kept.add(principal.application, notes)
    outcome.recorded += len(found.messages) - len(without_span)
    return calls_of_notes(await kept.read(principal.application, notes))


async def _send_calls(
    request: Request,
    principal: Principal,
    calls: Sequence[SpanCall],
    outcome: TelemetryOutcome,
    pace: RequestPace,
) -> dict[str, MessagePlace]:
    """Send calls. Returns where their answers are, by the names under which evaluations may know them."""
    calls = [each for each in calls if _fits(each, outcome)]
    incoming = [IncomingCall(each.call, (each.span,) if each.span else ()) for each in calls]
    places: dict[str, MessagePlace] = {}
    for each, result in zip(calls, await send_calls(request, principal, incoming, pace), strict=True):
        if result.reason == "unavailable":
            raise Problem(503, result.detail, retry_after_s=RETRY_AFTER_S)
        if result.reason is not None:
            outcome.refusals.append(result.detail)
            continue
        outcome.recorded += 1
        if result.message_ids:
            place = MessagePlace(result.conversation_id, result.message_ids[0])
            places |= {name: place for name in (each.call.response_id, each.span) if name}
    return places


def _fits(found: SpanCall, outcome: TelemetryOutcome) -> bool:
    try:
        check_length(found.call)
    except InvalidEventError as error:
        outcome.refusals.append(str(error))
        return False
    return True
