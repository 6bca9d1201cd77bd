"""ULIDs (the public specification): 48 bits of milliseconds, 80 random bits, Crockford's base 32."""

import os
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


def new_ulid() -> str:
    """A new ULID, 26 characters; within one millisecond the order is random."""
    return encode_ulid(time.time_ns() // 1_000_000, os.urandom(10))


def encode_ulid(milliseconds: int, randomness: bytes) -> str:
    """The ULID of a time (48 bits) and 10 bytes; importers derive theirs from a position.

    Raises:
        ValueError: the time or the number of bytes is out of range.
    """
    if len(randomness) != 10 or not 0 <= milliseconds < 1 << 48:
        raise ValueError("a ULID takes 48 bits of milliseconds and 10 bytes")
    number = milliseconds << 80 | int.from_bytes(randomness, "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
