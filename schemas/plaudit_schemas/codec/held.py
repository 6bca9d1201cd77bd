"""Write `held_ms` into an event that is encoded already.

How long an event waited is known only when it is sent. `held_ms` is the event's first field, so it lies at a
fixed place, and the encoder reserves five bytes for it: an Avro varint may have leading zeros. Until the
event is sent they hold the time of its making, so that a spool needs no format of its own for it.
"""

from typing import Final

from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.varint import read_long, read_size
from plaudit_schemas.contract.limits import HELD_LIMIT

_GIVEN: Final = 2  # the branch of the union that is not null, as a zigzag varint
_FIRST: Final = HEADER_BYTES + 1
_BYTES: Final = 5
_DAY_MS: Final = 86_400_000
_ROUND_MS: Final = 1 << 34
"""The times of making begin again after so many milliseconds, some 198 days: five bytes hold no more."""


def made_at(now_ms: int) -> bytes:
    """`held_ms` for an event that is not sent yet, which says when it was made.

    Args:
        now_ms: milliseconds since 1970 by this machine's clock.
    """
    return bytes((_GIVEN,)) + _padded(now_ms % _ROUND_MS)


def with_held(payload: bytes, now_ms: int | None) -> bytes:
    """An event that is sent now. Payloads without room for `held_ms` are returned unchanged.

    Args:
        now_ms: milliseconds since 1970 by this machine's clock; None if the event did not wait at all.

    It is a difference of two times of one machine. If the clock went back meanwhile, by up to a day, it is 0.
    An event that waited longer than the contract can say has the longest time: with none, an old word would
    overrule what was said since.
    """
    place = payload[_FIRST : _FIRST + _BYTES]
    if payload[HEADER_BYTES] != _GIVEN or not _is_reserved(place):
        return payload
    made, _ = read_long(place, 0)
    held = 0 if now_ms is None else (now_ms - made) % _ROUND_MS
    held = 0 if held > _ROUND_MS - _DAY_MS else min(held, HELD_LIMIT - 1)
    return payload[:_FIRST] + _padded(held) + payload[_FIRST + _BYTES :]


def event_id_of(payload: bytes) -> str:
    """The event's id, for payloads of any released version, without a decoder.

    Version 1 has no `held_ms` and begins with the id. Its first byte is twice the id's length, so only an id
    of one character could be taken for version 2.
    """
    position = HEADER_BYTES
    first = payload[position]
    if first in (0, _GIVEN):
        position += 1
        if first == _GIVEN:
            _, position = read_long(payload, position)
    size, start = read_size(payload, position)
    return payload[start : start + size].decode()


def _is_reserved(place: bytes) -> bool:
    """Whether five bytes are a varint: only the last one ends it. A shorter number is another's `held_ms`."""
    return len(place) == _BYTES and min(place[:-1]) > 0x7F and place[-1] < 0x80


def _padded(value: int) -> bytes:
    zigzag = value << 1
    return bytes(
        (
            zigzag & 0x7F | 0x80,
            zigzag >> 7 & 0x7F | 0x80,
            zigzag >> 14 & 0x7F | 0x80,
            zigzag >> 21 & 0x7F | 0x80,
            zigzag >> 28,
        )
    )
