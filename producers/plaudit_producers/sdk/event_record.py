"""The envelope of an event that a handle sends."""

import time
from typing import Any

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.records import check_id
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.sdk.bodies import NamedRecord, micros_of_zoned
from plaudit_producers.sdk.values import Unfit


def event_record(
    application: str, conversation_id: str, body: NamedRecord, options: dict[str, Any]
) -> Record:
    """Build an event's record. The pipeline adds source, producer and sequence.

    Everything but the body is valid afterwards, or marked as `Unfit`: the handle's constructor got a checked
    application and conversation id, and the options are checked here.
    """
    event_id = at = None
    if options:
        event_id, at = options.get("event_id"), options.get("occurred_at")
    return {
        "event_id": new_ulid() if event_id is None else _checked_id(event_id),
        "application": application,
        "conversation_id": conversation_id,
        "occurred_at": time.time_ns() // 1000 if at is None else _checked_time(at),
        "body": body,
    }


def _checked_id(event_id: Any) -> Any:
    try:
        if type(event_id) is not Unfit:
            check_id(event_id, "event_id")
    except InvalidEventError as error:
        return Unfit(event_id, error)
    return event_id


def _checked_time(at: Any) -> int | Unfit:
    try:
        return micros_of_zoned(at)
    except InvalidEventError as error:
        return Unfit(at, error)
