"""An event as the fold takes it, and its refusal."""

from typing import Any

from plaudit_schemas.dead_letters import Reason
from plaudit_schemas.limits import (
    APPLICATION_PATTERN,
    CONTENT_BYTES,
    FUTURE_MICROS,
    ID_CHARACTERS,
    METADATA_ENTRIES,
    SEQUENCE_LIMIT,
)

__all__ = ["APPLICATION_PATTERN", "Event", "Refused", "check_body", "check_key", "check_sequence"]

Body = dict[str, Any]


class Refused(Exception):  # noqa: N818  # not a fault of the program: an outcome, as the contract words it
    """The event goes to the dead letters; the state is as it was before."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class Event:
    """One decoded record (sparse form) with what the broker says of it.

    Attributes:
        at: event time in microseconds: the producer's clock, at most a minute past arrival.
        arrived_ms: the broker's record timestamp in milliseconds.
        size: bytes of the record's value.
    """

    __slots__ = ("arrived_ms", "at", "offset", "partition", "record", "size")

    def __init__(
        self, record: dict[str, Any], partition: int, offset: int, arrived_ms: int, size: int
    ) -> None:
        self.record = record
        self.partition = partition
        self.offset = offset
        self.arrived_ms = arrived_ms
        self.size = size
        occurred: int = record["occurred_at"]
        latest = arrived_ms * 1000 + FUTURE_MICROS
        self.at = occurred if occurred < latest else latest


def check_key(record: dict[str, Any], key: bytes | None) -> None:
    """Refuse a record whose key is not its event's, and an application or conversation id over its limit.

    The application's spelling follows from the key, which it is part of.
    """
    application, conversation_id = record["application"], record["conversation_id"]
    if key != f"{application}/{conversation_id}".encode():
        raise Refused("invalid", "the record's key is not application/conversation id of its event")
    if not 0 < len(conversation_id) <= ID_CHARACTERS:
        raise Refused("invalid", f"conversation_id must have 1 to {ID_CHARACTERS} characters")
    if not 0 < len(application) <= ID_CHARACTERS or "/" in application:
        raise Refused("invalid", f"application must have 1 to {ID_CHARACTERS} characters and no slash")


_LIMITS = {
    **dict.fromkeys(("metadata", "variants", "tags"), METADATA_ENTRIES),
    **dict.fromkeys(("message_id", "parent_id", "tool_call_id", "user_id"), ID_CHARACTERS),
    **dict.fromkeys(("session", "continues", "comparison_id"), ID_CHARACTERS),
}


def check_body(body: Body, size: int) -> None:
    """Refuse what is over the contract's limits. Cheap for what is small: most of it cannot be over."""
    for name in body:
        if name in _LIMITS and len(body[name]) > _LIMITS[name]:
            raise Refused(
                "invalid", f"{name} has {len(body[name])} entries or characters; {_LIMITS[name]} at most"
            )
    if "message_id" in body and not body["message_id"]:
        raise Refused("invalid", "message_id must not be empty")
    if size > CONTENT_BYTES:
        _check_texts(body, "")


def check_sequence(sequence: int) -> None:
    """Refuse a sequence that no producer counts up to."""
    if not 0 <= sequence < SEQUENCE_LIMIT:
        raise Refused("invalid", f"sequence must be at least 0 and below {SEQUENCE_LIMIT}")


def _check_texts(node: Any, path: str) -> None:
    if isinstance(node, str):
        if len(node) * 4 > CONTENT_BYTES and len(node.encode()) > CONTENT_BYTES:
            raise Refused("invalid", f"{path} is longer than {CONTENT_BYTES} bytes")
    elif isinstance(node, dict):
        for key, value in node.items():
            _check_texts(value, f"{path}.{key}" if path else key)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _check_texts(value, path)
