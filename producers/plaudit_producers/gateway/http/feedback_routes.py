"""`POST /feedback`: feedback in TensorZero's shape, by the id of a message, a response or a conversation."""

from typing import Final

from plaudit_schemas.errors import InvalidEventError, ServiceUnavailableError
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.byte_limits import read_charged_body
from plaudit_producers.gateway.access.callers import identify_caller
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.openapi import json_body
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Operation
from plaudit_producers.gateway.http.problems import Problem, parsed_body
from plaudit_producers.gateway.http.sending import (
    RETRY_AFTER_S,
    admit_events,
    json_response,
    problem_of,
    send_taken,
)
from plaudit_producers.gateway.intake.aliases import MessagePlace
from plaudit_producers.gateway.intake.events import MAX_PAGE_BYTES
from plaudit_producers.gateway.intake.outcomes import OutgoingEvent, RefusedEvent
from plaudit_producers.gateway.intake.tensorzero import (
    TensorZeroFeedback,
    feedback_document,
    new_feedback_id,
    parse_feedback,
)
from plaudit_producers.gateway.services import Services, services_of
from plaudit_producers.sdk.message_ids import conversation_of


class FeedbackGiven(BaseModel):
    """The answer to `POST /feedback`; `tags_not_kept` only if there are some."""

    feedback_id: str
    tags_not_kept: list[str] = []


async def post_feedback(request: Request) -> Response:
    """Take one feedback in TensorZero's shape. The answer comes once Kafka has it.

    `inference_id` is a message id that carries its conversation, or the id of a response that came through
    this gateway, over OTLP or from LiteLLM. `episode_id` is a conversation's id. A number needs a declared
    scale unless it is from 0 to 1. A repeated request with the same `Idempotency-Key` header counts once.
    """
    services = services_of(request)
    principal = await identify_caller(request)
    async with read_charged_body(request, principal, MAX_PAGE_BYTES) as body:
        given = parsed_body(parse_feedback, body)
        await admit_events(request, principal, 1)
        place = await _place_of(services, principal, given)
        key = request.headers.get("idempotency-key") or None
        feedback_id = new_feedback_id(principal.application, key)
        taken = _taken(services, principal, given, place, feedback_id)
        if given.dryrun and isinstance(taken, OutgoingEvent):
            return _given(given, feedback_id)
        answer = await send_taken(request, principal, [taken])
    if answer.status != 200:
        return problem_of(answer, {}).response()
    return _given(given, feedback_id)


OPERATIONS: Final = (
    Operation(
        "POST",
        "/feedback",
        post_feedback,
        tag="feedback",
        body=json_body(
            TensorZeroFeedback.model_json_schema(),
            "What is judged, by which metric, and the value. Either inference_id or episode_id is given",
        ),
        answers={200: DocumentedAnswer("Kafka has the feedback", FeedbackGiven)},
        problems=(401, 403, 404, 408, 413, 422, 429, 503),
    ),
)


async def _place_of(services: Services, principal: Principal, given: TensorZeroFeedback) -> MessagePlace:
    """Where the message or conversation is that the feedback is about.

    Raises:
        Problem: 404 for a message that cannot be found, 503 if Redis does not answer.
    """
    if given.inference_id is None:
        assert given.episode_id is not None  # noqa: S101  # the model takes exactly one of the two
        return MessagePlace(given.episode_id)
    carried = conversation_of(given.inference_id)
    if carried is not None:
        return MessagePlace(carried, given.inference_id)
    try:
        found = await services.aliases.find(principal.application, [given.inference_id])
    except ServiceUnavailableError as error:
        raise Problem(503, str(error), retry_after_s=RETRY_AFTER_S) from None
    place = found.get(given.inference_id)
    page = principal.page
    if page is not None and place is not None and place.conversation_id != page.conversation_id:
        place = None  # a page must not learn which ids there are in other conversations
    if place is None or place.message_id is None:
        raise Problem(
            404,
            "no message is known by this inference_id; accepted are message ids that carry their "
            "conversation (pm-...@...), and ids of responses that this gateway took over OTLP or from "
            f"LiteLLM in the last {services.settings.gateway_alias_hours:g} hours. POST /v1/events takes any "
            "message id together with its conversation",
        )
    return place


def _taken(
    services: Services, principal: Principal, given: TensorZeroFeedback, place: MessagePlace, feedback_id: str
) -> OutgoingEvent | RefusedEvent:
    declared = services.intake.aspects.find(principal.application, given.metric_name)
    try:
        document = feedback_document(given, place, declared, feedback_id)
    except InvalidEventError as error:
        return RefusedEvent(feedback_id, "invalid", str(error))
    return services.intake.take_event(principal, document)


def _given(given: TensorZeroFeedback, feedback_id: str) -> Response:
    answer = FeedbackGiven(feedback_id=feedback_id, tags_not_kept=given.tags_not_kept)
    return json_response(answer.model_dump(exclude_defaults=True))
