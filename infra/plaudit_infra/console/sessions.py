"""The sessions of those who are signed in. They are in memory only: a restart signs everybody out."""

import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple

_MOST: Final = 10_000  # sessions; bounds the memory


class Session(NamedTuple):
    """One sign-in.

    Attributes:
        key_id: the id of the API key. A revoked key ends its sessions. None came by a link, without a key.
        expires_at: seconds of the console's clock.
    """

    key_id: str | None
    expires_at: float


class Sessions:
    """Sessions by the digests of their tokens, so nobody can sign in with what is in memory."""

    def __init__(self, lifetime_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime_s, self._clock = lifetime_s, clock
        self._held: dict[bytes, Session] = {}

    def __len__(self) -> int:
        now = self._clock()
        return sum(session.expires_at > now for session in self._held.values())

    def begin(self, key_id: str | None) -> str:
        """Begin a session and return its token. Beyond 10,000 sessions the oldest one ends."""
        now = self._clock()
        self._held = {digest: session for digest, session in self._held.items() if session.expires_at > now}
        while len(self._held) >= _MOST:
            del self._held[next(iter(self._held))]
        token = secrets.token_urlsafe(32)
        self._held[_digest(token)] = Session(key_id, now + self._lifetime_s)
        return token

    def find(self, token: str) -> Session | None:
        """The session of a token; None if there is none, or it has expired."""
        session = self._held.get(_digest(token))
        return session if session is not None and session.expires_at > self._clock() else None

    def end(self, token: str) -> None:
        """End the session of a token."""
        self._held.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="surrogateescape")).digest()
