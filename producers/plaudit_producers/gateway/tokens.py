"""Browser tokens: signed (JWT, HS256), short-lived, good for one conversation as its user.

The header's `kid` names the signing key, so that keys can change while tokens live. A token names
the API key that it was made with, and falls with it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

import jwt
from plaudit_schemas.events import Role

from plaudit_producers.gateway.access import Page, Principal
from plaudit_producers.gateway.errors import UnauthenticatedError

ISSUER, ALGORITHM = "plaudit-gateway", "HS256"
_REMEMBERED = 10_000
_CLAIMS = ("iss", "exp", "iat", "app", "cid", "key", "roles", "read")
_ROLES = frozenset(get_args(Role))


class Grant(NamedTuple):
    """A verified token.

    Attributes:
        expires_at: seconds since 1970.
    """

    principal: Principal
    expires_at: int


def mint(principal: Principal, lifetime_s: int, key: tuple[str, str], now: float) -> tuple[str, int]:
    """A token for a page's principal, signed with `key` (id, secret); and when it ends."""
    page = principal.page
    if page is None:
        raise ValueError("a token is for a page")
    expires_at = int(now) + lifetime_s
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "iat": int(now),
        "exp": expires_at,
        "app": principal.application,
        "cid": page.conversation_id,
        "key": principal.key_id,
        "roles": sorted(page.roles),
        "read": page.read,
    }
    if page.user_id is not None:
        claims["sub"] = page.user_id
    return jwt.encode(claims, key[1], ALGORITHM, headers={"kid": key[0]}), expires_at


def verify(token: str, secrets: Mapping[str, str], now: float) -> Grant:
    """What a token grants.

    Raises:
        UnauthenticatedError: it was not signed by one of `secrets`, has ended, or is none of ours.
    """
    try:
        secret = secrets[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            # The time is compared below, with the clock that the gateway was given.
            options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_sub": False},
        )
        grant = Grant(_principal(claims), int(claims["exp"]))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise UnauthenticatedError("the token is not one of this gateway's") from None
    if grant.expires_at <= now:
        raise UnauthenticatedError("the token has ended; ask for a new one")
    return grant


def _principal(claims: Mapping[str, Any]) -> Principal:
    user, roles = claims.get("sub"), frozenset(claims["roles"])
    texts = (claims["app"], claims["cid"], claims["key"], *(() if user is None else (user,)))
    if not all(isinstance(text, str) and text for text in texts) or not roles <= _ROLES:
        raise ValueError("claims of another kind")
    return Principal(
        claims["app"], claims["key"], page=Page(claims["cid"], user, roles, claims["read"] is True)
    )


class Verifier:
    """`verify`, remembering tokens that were good: a page sends the same one again and again."""

    def __init__(
        self, secrets: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.time
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._known: dict[str, Grant] = {}

    def __call__(self, token: str) -> Grant:
        """See `verify`."""
        now = self._clock()
        grant = self._known.get(token)
        if grant is not None and grant.expires_at > now:
            return grant
        grant = verify(token, self._secrets(), now)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[token] = grant
        return grant
