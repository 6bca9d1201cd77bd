"""ULIDs (the public specification): 48 bits of milliseconds, 80 random bits, Crockford's base 32."""

import os
import time
from typing import Final

_ALPHABET: Final = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TEXT: Final = _ALPHABET.decode()
_PAIRS: Final = tuple(first + second for first in _TEXT for second in _TEXT)
_FROM_BYTE: Final = bytes(_ALPHABET[byte % 32] for byte in range(256))
_TIME_CHARACTERS: Final = 10
RANDOM_CHARACTERS: Final = 16
_POOL: Final = 1024


def encode_ulid(milliseconds: int, randomness: bytes) -> str:
    """The ULID of a time (48 bits) and 10 bytes.

    Raises:
        ValueError: the time or the number of bytes is out of range.
    """
    if len(randomness) != 10 or not 0 <= milliseconds < 1 << 48:
        raise ValueError("a ULID takes 48 bits of milliseconds and 10 bytes")
    number = milliseconds << 80 | int.from_bytes(randomness, "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def time_part(milliseconds: int) -> str:
    """The first 10 characters of a ULID."""
    return encode_ulid(milliseconds, bytes(10))[:_TIME_CHARACTERS]


def random_part(data: bytes) -> str:
    """Characters of the other part, one for each byte."""
    return data.translate(_FROM_BYTE).decode()


class UlidMaker:
    """Makes ULIDs, with random characters drawn for 1,024 of them at a time.

    Safe for threads: no two calls get the same characters. A forked child must make its own, or it would
    repeat its parent's pool. Within one millisecond the order is random.
    """

    def __init__(self) -> None:
        self._pool = iter([""][:0])
        self._prefix = (0, "")

    def __call__(self) -> str:
        now = time.time_ns() // 1_000_000
        at, prefix = self._prefix
        if at != now:
            prefix = time_part(now)
            self._prefix = (now, prefix)
        for characters in self._pool:  # atomic: another thread gets the next ones
            return prefix + characters
        random = random_part(os.urandom(_POOL * RANDOM_CHARACTERS))
        first, *rest = (
            random[at : at + RANDOM_CHARACTERS] for at in range(0, len(random), RANDOM_CHARACTERS)
        )
        self._pool = iter(rest)
        return prefix + first


new_ulid = UlidMaker()


def _forked() -> None:
    new_ulid.__init__()  # type: ignore[misc]  # the child's pool must differ from its parent's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
