"""ULIDs at volume: `plaudit_schemas.ulid` with random characters made 1,024 ULIDs at a time."""

import os
import time

from plaudit_schemas.ulid import encode_ulid

_ALPHABET = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FROM_BYTE = bytes(_ALPHABET[byte % 32] for byte in range(256))
_RANDOM_CHARACTERS = 16
_POOL = 1024


class UlidMaker:
    """Makes ULIDs; safe for threads, as no two calls get the same characters.

    A forked child must make its own: it would repeat its parent's pool.
    """

    def __init__(self) -> None:
        self._pool = iter([""][:0])
        self._prefix = (0, "")

    def __call__(self) -> str:
        now = time.time_ns() // 1_000_000
        at, prefix = self._prefix
        if at != now:
            prefix = encode_ulid(now, bytes(10))[:10]
            self._prefix = (now, prefix)
        for characters in self._pool:  # atomic: another thread gets the next ones
            return prefix + characters
        random = os.urandom(_POOL * _RANDOM_CHARACTERS).translate(_FROM_BYTE).decode()
        first, *rest = (
            random[at : at + _RANDOM_CHARACTERS] for at in range(0, len(random), _RANDOM_CHARACTERS)
        )
        self._pool = iter(rest)
        return prefix + first


new_id = UlidMaker()


def _forked() -> None:
    new_id.__init__()  # type: ignore[misc]  # the child's pool must differ from its parent's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
