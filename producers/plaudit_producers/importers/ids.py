"""Ids that a second import of the same file makes again."""

from hashlib import blake2b
from typing import Final

from plaudit_schemas.ulid import encode_ulid

_SECOND: Final = 1_000_000
_EPOCH: Final = 1_577_836_800 * _SECOND
_SPACING: Final = 60 * _SECOND
_SPAN: Final = 5 * 365 * 24 * 60
_FROM_BYTE: Final = bytes(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[byte % 32] for byte in range(256))
_HASH_CHARACTERS: Final = 16
_TIME_CHARACTERS: Final = 10


def invented_start(number: int) -> int:
    """When the conversation of a file's record is said to have begun: a minute apart, from 2020 on."""
    return _EPOCH + number % _SPAN * _SPACING


class DerivedIds:
    """ULIDs of the parts of one record: their time is `start`, the rest a hash.

    Args:
        start: microseconds since 1970.
        record: what tells this record from all others.
    """

    __slots__ = ("_hash", "_time")

    def __init__(self, start: int, *record: str | bytes) -> None:
        self._time = encode_ulid(start // 1000, bytes(10))[:_TIME_CHARACTERS]
        self._hash = blake2b(digest_size=_HASH_CHARACTERS)
        for part in record:
            data = part if isinstance(part, bytes) else part.encode(errors="surrogatepass")
            self._hash.update(len(data).to_bytes(8, "big") + data)

    def __call__(self, part: str) -> str:
        """The id of a part, by its name within the record."""
        hashed = self._hash.copy()
        hashed.update(part.encode())
        return self._time + hashed.digest().translate(_FROM_BYTE).decode()
