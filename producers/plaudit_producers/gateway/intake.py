"""From a request's body to events for Kafka, and from outcomes to the answer. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from plaudit_schemas.codec import Record
from plaudit_schemas.errors import EncodingError, InvalidEventError, PlauditError
from plaudit_schemas.keys import conversation_key

from plaudit_producers._identity import IdentityHash
from plaudit_producers._options import EVENT_BYTES
from plaudit_producers._redact import Redact
from plaudit_producers._validate import validate
from plaudit_producers.documents import record_of
from plaudit_producers.gateway.access import Principal, complete, forbidden
from plaudit_producers.gateway.sending import Outcome, Outgoing

MAX_EVENTS = 500
MAX_BODY_BYTES, MAX_PAGE_BYTES, MAX_BEACON_BYTES = 5 * 2**20, 2 * 2**20, 64 * 2**10
"""Of a server's request; of a page's, whose client sends 1 MB or one event; of a beacon's, as browsers do."""

Reason = Literal["invalid", "forbidden", "unavailable"]
_STATUS: dict[Reason, int] = {"invalid": 422, "forbidden": 403, "unavailable": 503}


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that does not go to Kafka; `event_id` is None where it gave none that can be read."""

    event_id: str | None
    reason: Reason
    detail: str


class Intake:
    """Checks and encodes events. For one thread."""

    def __init__(
        self, encode: Callable[[Record], bytes], redact: Redact | None, identity: IdentityHash | None
    ) -> None:
        self._encode = encode
        self._redact = redact
        self._identity = identity

    def take(self, principal: Principal, document: Any) -> Outgoing | Refused:
        """One event of a request, ready to be sent or refused with the reason."""
        given = document.get("event_id") if isinstance(document, dict) else None
        event_id = given if isinstance(given, str) else None
        try:
            record = record_of(document)
            complete(principal, record)
            validate(record)
            problem = forbidden(principal, record)
            if problem is not None:
                return Refused(event_id, "forbidden", problem)
            return self._outgoing(record)
        except (InvalidEventError, EncodingError) as error:
            return Refused(event_id, "invalid", _without_content(error))

    def _outgoing(self, record: Record) -> Outgoing:
        identity = (conversation_key(record["application"], record["conversation_id"]), record["event_id"])
        if self._identity is not None:
            self._identity.apply(record)
        if self._redact is not None:
            record = self._redacted(self._redact, record)
        payload = self._encode(record)
        if len(payload) > EVENT_BYTES:
            raise InvalidEventError(
                f"the event takes {len(payload)} bytes, more than {EVENT_BYTES}; send long texts by reference"
            )
        return Outgoing(identity, payload)

    def _redacted(self, redact: Redact, record: Record) -> Record:
        before = record["application"], record["conversation_id"], record["event_id"], record["source"]
        try:
            record = redact(record)
        except InvalidEventError:
            raise
        except Exception as error:
            raise InvalidEventError(
                f"the gateway's redact hook raised {type(error).__name__}; the event was not sent"
            ) from error
        validate(record)
        if before != (record["application"], record["conversation_id"], record["event_id"], record["source"]):
            raise InvalidEventError("the gateway's redact hook changed the envelope; the event was not sent")
        return record


def parse_events(body: bytes) -> list[Any]:
    """The events of a body: one object, or a list of them; not looked into.

    Raises:
        InvalidEventError: it is no JSON, or holds no event.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidEventError(f"the body is no JSON in UTF-8: {error.msg} at byte {error.pos}") from None
    events = document if isinstance(document, list) else [document]
    if not events:
        raise InvalidEventError("the list holds no event")
    return events


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered: the status, and one result for each event in its order."""

    status: int
    results: list[dict[str, Any]]
    accepted: int


def answer(taken: Sequence[Outgoing | Refused], outcomes: Sequence[Outcome]) -> Answer:
    """The answer to a request; `outcomes` are those of the events that were sent, in order.

    200 when all were accepted; 503 when any may be sent again (all may: what was accepted is known by its
    id); else 207 when some were accepted, and 403 or 422 when none was.
    """
    following = iter(outcomes)
    results: list[dict[str, Any]] = []
    accepted = 0
    statuses: set[int] = set()
    for event in taken:
        refused = event if isinstance(event, Refused) else _refusal(event, next(following))
        if refused is None and isinstance(event, Outgoing):
            accepted += 1
            results.append({"event_id": event.identity[1], "status": "accepted"})
        elif refused is not None:
            statuses.add(_STATUS[refused.reason])
            results.append(
                {
                    "event_id": refused.event_id,
                    "status": "refused",
                    "reason": refused.reason,
                    "detail": refused.detail,
                }
            )
    return Answer(_overall(statuses, accepted), results, accepted)


def _overall(statuses: set[int], accepted: int) -> int:
    if not statuses:
        return 200
    if 503 in statuses:
        return 503
    return 207 if accepted else max(statuses)


def _refusal(event: Outgoing, outcome: Outcome) -> Refused | None:
    if outcome is Outcome.ACKED:
        return None
    if outcome is Outcome.REFUSED:
        return Refused(event.identity[1], "invalid", "Kafka refuses the event, most likely for its size")
    detail = (
        "the gateway's memory is full" if outcome is Outcome.FULL else "Kafka did not acknowledge in time"
    )
    return Refused(event.identity[1], "unavailable", f"{detail}; send it again with the same event id")


def _without_content(error: PlauditError) -> str:
    # A refusal may quote what was sent; a page of text helps nobody.
    text = str(error)
    return text if len(text) <= 300 else text[:300] + "..."
