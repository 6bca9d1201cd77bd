"""Encode an event, within the size limit of its Kafka topic."""

from collections.abc import Callable

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.limits import EVENT_BYTES
from plaudit_schemas.errors import EncodingError, InvalidEventError

from plaudit_producers.errors import EventSizeError

Encode = Callable[[Record], bytes]


def encode_within_limit(encode: Encode, record: Record) -> bytes:
    """Encode an event.

    Raises:
        InvalidEventError: the event does not fit the schema.
        EventSizeError: it takes more than EVENT_BYTES.
    """
    try:
        payload = encode(record)
    except EncodingError as error:
        raise InvalidEventError(str(error)) from error
    if len(payload) > EVENT_BYTES:
        raise EventSizeError(
            f"the event takes {len(payload)} bytes, more than {EVENT_BYTES}; send long texts by reference",
            len(payload) - EVENT_BYTES,
        )
    return payload
