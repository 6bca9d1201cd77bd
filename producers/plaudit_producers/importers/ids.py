"""Ids that a second import of the same file makes again."""

from hashlib import blake2b
from typing import Final

from plaudit_schemas.contract.ulid import RANDOM_CHARACTERS, random_part, time_part

_SECOND: Final = 1_000_000
_EPOCH: Final = 1_577_836_800 * _SECOND
_SPACING: Final = 60 * _SECOND
_SPAN: Final = 5 * 365 * 24 * 60


def invented_start(number: int) -> int:
    """The start of the conversation of a file's record, in microseconds: a minute apart, from 2020 on."""
    return _EPOCH + number % _SPAN * _SPACING


class DerivedIds:
    """ULIDs of the parts of one record: their time is `start`, the rest is a hash.

    Args:
        start: microseconds since 1970.
        record: what tells this record from all others.
    """

    __slots__ = ("_hash", "_time")

    def __init__(self, start: int, *record: str | bytes) -> None:
        self._time = time_part(start // 1000)
        self._hash = blake2b(digest_size=RANDOM_CHARACTERS)
        for part in record:
            data = part if isinstance(part, bytes) else part.encode(errors="surrogatepass")
            self._hash.update(len(data).to_bytes(8, "big") + data)

    def __call__(self, part: str) -> str:
        """The id of a part, by its name within the record."""
        hashed = self._hash.copy()
        hashed.update(part.encode())
        return self._time + random_part(hashed.digest())
