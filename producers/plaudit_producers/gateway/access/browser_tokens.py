"""Browser tokens: signed (JWT, HS256), short-lived, and valid for one conversation as its user.

The header's `kid` names the signing key, so signing keys can change while tokens are in use. A token names
the API key that made it, and is refused once that key is revoked.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, get_args

import jwt
from plaudit_schemas.contract.field_types import Role

from plaudit_producers.gateway.access.principals import Grant, PageScope, Principal
from plaudit_producers.gateway.errors import NothingKnownYetError, UnauthenticatedError

_ISSUER: Final = "plaudit-gateway"
_ALGORITHM: Final = "HS256"
_REMEMBERED: Final = 10_000  # tokens in the cache of valid ones
_CLAIMS: Final = ("iss", "exp", "iat", "app", "cid", "key", "roles", "read")
_ROLES: Final = frozenset(get_args(Role))
_GRANTS: Final[frozenset[Grant]] = frozenset(get_args(Grant))


class VerifiedToken(NamedTuple):
    """A token whose signature and claims are right.

    Attributes:
        expires_at: seconds since 1970.
    """

    principal: Principal
    expires_at: int


def mint_token(principal: Principal, lifetime_s: int, key: tuple[str, str], now: float) -> tuple[str, int]:
    """Make a token for a page's principal. Returns it, and when it expires in seconds since 1970.

    Args:
        key: id and secret of the signing key.

    Raises:
        ValueError: the principal is not a page.
    """
    page = principal.page
    if page is None:
        raise ValueError("a token is made for a page, not for a server")
    expires_at = int(now) + lifetime_s
    claims: dict[str, Any] = {
        "iss": _ISSUER,
        "iat": int(now),
        "exp": expires_at,
        "app": principal.application,
        "cid": page.conversation_id,
        "key": principal.key_id,
        "roles": sorted(page.roles),
        "read": page.read,
        "grants": sorted(page.grants),
    }
    if page.user_id is not None:
        claims["sub"] = page.user_id
    return jwt.encode(claims, key[1], _ALGORITHM, headers={"kid": key[0]}), expires_at


def verify_token(token: str, secrets: Mapping[str, str], now: float) -> VerifiedToken:
    """Check a token.

    Args:
        secrets: signing key id -> secret.
        now: seconds since 1970.

    Raises:
        UnauthenticatedError: it is no token of this gateway, none of `secrets` signed it, or it has expired.
    """
    try:
        secret = secrets[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            # The expiry is checked below, against the clock that the gateway was given.
            options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_sub": False},
        )
        verified = VerifiedToken(_principal_of(claims), int(claims["exp"]))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise UnauthenticatedError("the token was not made by this gateway") from None
    if verified.expires_at <= now:
        raise UnauthenticatedError("the token has ended; ask for a new one")
    return verified


def _principal_of(claims: Mapping[str, Any]) -> Principal:
    user, roles = claims.get("sub"), frozenset(claims["roles"])
    # A gateway of the release before makes tokens without this claim; a later one may know more grants.
    grants = _GRANTS & frozenset(claims.get("grants", ()))
    texts = (claims["app"], claims["cid"], claims["key"], *(() if user is None else (user,)))
    if not all(isinstance(text, str) and text for text in texts) or not roles <= _ROLES:
        raise ValueError("the claims have other types or values than the gateway writes")
    return Principal(
        claims["app"],
        claims["key"],
        page=PageScope(claims["cid"], user, roles, claims["read"] is True, grants),
    )


class TokenVerifier:
    """`verify_token` with a cache of valid tokens, because a page sends the same token again and again."""

    def __init__(
        self, secrets: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.time
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._known: dict[str, VerifiedToken] = {}

    def __call__(self, token: str) -> VerifiedToken:
        """See `verify_token`.

        Raises:
            NothingKnownYetError: there is no key yet that could have signed a token.
        """
        now = self._clock()
        known = self._known.get(token)
        if known is not None and known.expires_at > now:
            return known
        secrets = self._secrets()
        if not secrets:
            raise NothingKnownYetError("the keys that sign tokens have not been read yet; try again")
        verified = verify_token(token, secrets, now)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[token] = verified
        return verified
