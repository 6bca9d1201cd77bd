"""Derived ids: the same content makes the same ids in every import (docs/decisions/0052)."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from plaudit_schemas.contract.ulid import RANDOM_CHARACTERS, random_part, time_part

_SECOND: Final = 1_000_000
EPOCH: Final = 1_577_836_800 * _SECOND
"""2020-01-01. The time of every derived id, and the earliest invented one."""
_SPACING: Final = 60 * _SECOND
_SPAN: Final = 5 * 365 * 24 * 60  # minutes; then times start over, so that none is in the future


def invented_start(number: int) -> int:
    """Return an invented start for record `number`, in microseconds since 1970. They are a minute apart."""
    return EPOCH + number % _SPAN * _SPACING


class DerivedIds:
    """Makes ULIDs for the parts of one thing. Their time is `start`, and the rest is a hash.

    Args:
        start: microseconds since 1970.
        parts: what together distinguishes this thing from all others.
    """

    __slots__ = ("_hash", "_time")

    def __init__(self, start: int, *parts: str | bytes) -> None:
        self._time = time_part(start // 1000)
        self._hash = blake2b(_joined(parts), digest_size=RANDOM_CHARACTERS)

    def __call__(self, *part: str) -> str:
        """Return the id of the part of this name."""
        hashed = self._hash.copy()
        hashed.update(part[0].encode(errors="surrogatepass") if len(part) == 1 else _joined(part))
        return self._time + random_part(hashed.digest())


def digest_of(*parts: str | bytes) -> bytes:
    """Return 16 bytes that distinguish these parts from all others."""
    return blake2b(_joined(parts), digest_size=16).digest()


def _joined(parts: Iterable[str | bytes]) -> bytes:
    data = [part if isinstance(part, bytes) else part.encode(errors="surrogatepass") for part in parts]
    # With their lengths, so that ("a", "bc") and ("ab", "c") differ.
    return b"".join([b"%d:%b" % (len(each), each) for each in data])
