"""Derived ids: a second import of the same file makes the same ones (docs/decisions/0007)."""

from hashlib import blake2b
from typing import Final

from plaudit_schemas.contract.ulid import RANDOM_CHARACTERS, random_part, time_part

_SECOND: Final = 1_000_000
_EPOCH: Final = 1_577_836_800 * _SECOND  # 2020-01-01
_SPACING: Final = 60 * _SECOND
_SPAN: Final = 5 * 365 * 24 * 60  # minutes; then times start over, so that none is in the future


def invented_start(number: int) -> int:
    """Return an invented start for record `number`, in microseconds since 1970. They are a minute apart."""
    return _EPOCH + number % _SPAN * _SPACING


class DerivedIds:
    """Makes ULIDs for the parts of one record. Their time is `start`, and the rest is a hash.

    Args:
        start: microseconds since 1970.
        record: parts that together distinguish this record from all others.
    """

    __slots__ = ("_hash", "_time")

    def __init__(self, start: int, *record: str | bytes) -> None:
        self._time = time_part(start // 1000)
        self._hash = blake2b(digest_size=RANDOM_CHARACTERS)
        for part in record:
            data = part if isinstance(part, bytes) else part.encode(errors="surrogatepass")
            # With its length, so that ("a", "bc") and ("ab", "c") differ.
            self._hash.update(len(data).to_bytes(8, "big") + data)

    def __call__(self, part: str) -> str:
        """Return the id of the part of this name."""
        hashed = self._hash.copy()
        hashed.update(part.encode())
        return self._time + random_part(hashed.digest())
