"""Turns a request's body into events for Kafka, and their outcomes into the answer. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.json_form import record_of
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.records import validate
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.errors import RedactionError
from plaudit_producers.gateway.access.principals import Principal, complete_record, forbidden_reason
from plaudit_producers.gateway.intake.outcomes import Outcome, OutgoingEvent, RefusalReason, RefusedEvent
from plaudit_producers.sdk.encoding import Encode, encode_within_limit
from plaudit_producers.sdk.identity import IdentityHash
from plaudit_producers.sdk.redact import Redact, apply_redact

MAX_EVENTS: Final = 500
MAX_BODY_BYTES: Final = 5 * 2**20
"""The limit of a server's request."""
MAX_PAGE_BYTES: Final = 2 * 2**20
"""The limit of a page's request. Our client sends at most 1 MB, or one event that is larger."""
MAX_BATCH_BYTES: Final = 16 * 2**20
"""The limit of a batch of model calls."""
MAX_BEACON_BYTES: Final = 64 * 2**10
"""The limit of a beacon, as browsers set it."""

_STATUS: Final[dict[RefusalReason, int]] = {"invalid": 422, "forbidden": 403, "unavailable": 503}
_LONGEST_DETAIL: Final = 300


class EventIntake:
    """Checks and encodes events. Not safe for threads."""

    def __init__(
        self, encode: Encode, redact: Redact | None, identity: IdentityHash | None, aspects: Aspects
    ) -> None:
        self._encode = encode
        self._redact = redact
        self._identity = identity
        self.aspects = aspects

    def take_event(self, principal: Principal, document: Any) -> OutgoingEvent | RefusedEvent:
        """One event of a request: encoded and ready to be sent, or refused with a reason."""
        given = document.get("event_id") if isinstance(document, dict) else None
        event_id = given if isinstance(given, str) else None
        try:
            record = record_of(document)
        except InvalidEventError as error:
            return RefusedEvent(event_id, "invalid", _shortened(str(error)))
        return self.take_record(principal, record, event_id)

    def take_record(
        self, principal: Principal, record: Record, event_id: str | None
    ) -> OutgoingEvent | RefusedEvent:
        """The record of an event, which becomes complete here: encoded and ready to be sent, or refused.

        Args:
            event_id: the caller's own, for the answer.
        """
        try:
            complete_record(principal, record)
            validate(record)
            problem = forbidden_reason(principal, record)
            if problem is not None:
                return RefusedEvent(event_id, "forbidden", problem)
            self.aspects.check(record)
            return self._outgoing(record, by_page=principal.page is not None)
        except (InvalidEventError, RedactionError) as error:
            return RefusedEvent(event_id, "invalid", _shortened(str(error)))

    def _outgoing(self, record: Record, *, by_page: bool) -> OutgoingEvent:
        identity = (conversation_key(record["application"], record["conversation_id"]), record["event_id"])
        # The same order as in the SDK: the redact hook sees ids that are hashed already.
        if self._identity is not None:
            self._identity.apply(record)
        if self._redact is not None:
            record = _redacted(self._redact, record)
        return OutgoingEvent(identity, encode_within_limit(self._encode, record), by_page)


def _redacted(redact: Redact, record: Record) -> Record:
    before = _envelope(record)
    record = apply_redact(redact, record, hook="the gateway's redact hook", passed_on=InvalidEventError)
    if _envelope(record) != before:
        raise InvalidEventError("the gateway's redact hook changed the envelope; the event was not sent")
    return record


def _envelope(record: Record) -> tuple[str, str, str, str]:
    """The fields that the principal's rights were checked for: a hook must not change them."""
    return record["application"], record["conversation_id"], record["event_id"], record["source"]


def _shortened(detail: str) -> str:
    # A refusal may quote a value that was sent, however long it is.
    return detail if len(detail) <= _LONGEST_DETAIL else detail[:_LONGEST_DETAIL] + "..."


def parse_events(body: bytes) -> list[Any]:
    """The events of a body of one JSON object or a list of them. The events are not checked.

    Raises:
        InvalidEventError: the body is not JSON, or holds no event.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidEventError(f"the body is not JSON in UTF-8: {error.msg} at byte {error.pos}") from None
    events = document if isinstance(document, list) else [document]
    if not events:
        raise InvalidEventError("the list holds no event")
    return events


@dataclass(frozen=True, slots=True)
class EventsAnswer:
    """The answer to a request: its status, a result for each event in order, how many were accepted."""

    status: int
    results: list[dict[str, Any]]
    accepted: int


def answer_events(taken: Sequence[OutgoingEvent | RefusedEvent], outcomes: Sequence[Outcome]) -> EventsAnswer:
    """The answer to a request. `outcomes` are those of the events that were sent, in order.

    The status is 200 if all events were accepted, and 503 if any may be sent again. A client that looks only
    at the status then sends the whole request again, and the ids mark what was accepted already. Otherwise
    the status is 207 if some events were accepted, and 403 or 422 if none was.
    """
    following = iter(outcomes)
    results: list[dict[str, Any]] = []
    accepted = 0
    reasons: set[RefusalReason] = set()
    for event in taken:
        refused = event if isinstance(event, RefusedEvent) else _refused_of(event, next(following))
        if refused is None and isinstance(event, OutgoingEvent):
            accepted += 1
            results.append({"event_id": event.identity[1], "status": "accepted"})
        elif refused is not None:
            reasons.add(refused.reason)
            results.append(
                {
                    "event_id": refused.event_id,
                    "status": "refused",
                    "reason": refused.reason,
                    "detail": refused.detail,
                }
            )
    return EventsAnswer(overall_status(reasons, accepted), results, accepted)


def overall_status(reasons: Iterable[RefusalReason], accepted: int) -> int:
    """The status that sums up the results of a request, as `answer_events` has it.

    Args:
        reasons: of what was refused.
        accepted: how much was accepted.
    """
    refused = {_STATUS[reason] for reason in reasons}
    if not refused:
        return 200
    if 503 in refused:
        return 503
    return 207 if accepted else max(refused)


def _refused_of(event: OutgoingEvent, outcome: Outcome) -> RefusedEvent | None:
    """The refusal that an outcome means for the client; None if Kafka has the event."""
    if outcome is Outcome.ACKED:
        return None
    if outcome is Outcome.REFUSED:
        return RefusedEvent(event.identity[1], "invalid", "Kafka refuses the event, most likely for its size")
    detail = (
        "the gateway's memory is full" if outcome is Outcome.FULL else "Kafka did not acknowledge in time"
    )
    return RefusedEvent(event.identity[1], "unavailable", f"{detail}; send it again with the same event id")
