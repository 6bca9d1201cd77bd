"""ULIDs (the public specification): 48 bits of milliseconds and 80 random bits, in Crockford's base 32."""

import os
import time
from typing import Final

_ALPHABET: Final = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TEXT: Final = _ALPHABET.decode()
# Two characters for every 10 bits: half the look-ups of one character for every 5.
_PAIRS: Final = tuple(first + second for first in _TEXT for second in _TEXT)
# 256 is a multiple of 32, so a random byte gives each character with the same probability.
_FROM_BYTE: Final = bytes(_ALPHABET[byte % 32] for byte in range(256))
_TIME_CHARACTERS: Final = 10
RANDOM_CHARACTERS: Final = 16
_POOL: Final = 1024  # ULIDs for each call of os.urandom, which costs far more than a ULID


def encode_ulid(milliseconds: int, randomness: bytes) -> str:
    """The ULID for a time in milliseconds since 1970 (48 bits) and 10 random bytes.

    Raises:
        ValueError: the time or the number of bytes is out of range.
    """
    if len(randomness) != 10 or not 0 <= milliseconds < 1 << 48:
        raise ValueError("a ULID takes 48 bits of milliseconds and 10 bytes")
    number = milliseconds << 80 | int.from_bytes(randomness, "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def time_part(milliseconds: int) -> str:
    """The first 10 characters of a ULID, which encode the time."""
    return encode_ulid(milliseconds, bytes(10))[:_TIME_CHARACTERS]


def random_part(data: bytes) -> str:
    """Characters for the random part of ULIDs, one for each random byte."""
    return data.translate(_FROM_BYTE).decode()


class UlidMaker:
    """Makes ULIDs. Draws the random characters for 1,024 of them at a time.

    Thread-safe: no two calls get the same characters. A forked child needs a maker of its own, or it would
    repeat the ULIDs of its parent. ULIDs of the same millisecond are in random order.
    """

    def __init__(self) -> None:
        self._pool = iter([""][:0])  # empty; the slice gives it its type
        self._prefix = (0, "")

    def __call__(self) -> str:
        now = time.time_ns() // 1_000_000
        at, prefix = self._prefix
        if at != now:
            prefix = time_part(now)
            self._prefix = (now, prefix)
        for characters in self._pool:  # `next` on a list's iterator is atomic, so threads share the pool
            return prefix + characters
        random = random_part(os.urandom(_POOL * RANDOM_CHARACTERS))
        first, *rest = (
            random[at : at + RANDOM_CHARACTERS] for at in range(0, len(random), RANDOM_CHARACTERS)
        )
        self._pool = iter(rest)
        return prefix + first


new_ulid = UlidMaker()


def _forked() -> None:
    new_ulid.__init__()  # type: ignore[misc]  # replaces the pool in place: others hold the object


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
