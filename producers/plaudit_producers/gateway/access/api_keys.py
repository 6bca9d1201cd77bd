"""API keys: `plk_<id>_<secret>`. The store holds the SHA-256 of the whole key, never the key itself.

A fast hash without a salt is enough, because nobody can guess a secret of 32 random bytes.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Final, NamedTuple

from plaudit_schemas.contract.field_types import Application, Id
from pydantic import BaseModel, ConfigDict, Field

from plaudit_producers.gateway.access.principals import ApiRole, Principal

_PREFIX: Final = "plk_"
_ID_ALPHABET: Final = "abcdefghjkmnpqrstvwxyz0123456789"


class ApiKey(BaseModel):
    """An API key as the store holds it.

    Attributes:
        digest: SHA-256 of the whole key, in hexadecimal.
        rate: events a second; None for the gateway's default.
        byte_rate: bytes a second; None for the gateway's default.
        person: the rater id of whoever reviews with the key; None is the key's id. A person may have several
            keys.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]{10}$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    name: str = Field(default="", max_length=200)
    application: Application
    roles: frozenset[ApiRole] = Field(min_length=1)
    rate: float | None = Field(default=None, gt=0)
    byte_rate: float | None = Field(default=None, gt=0)
    created_at: datetime
    person: Id | None = None

    @property
    def rater(self) -> str:
        """The rater id of whoever reviews with this key."""
        return self.person or self.id

    def principal(self) -> Principal:
        """The caller that this key identifies."""
        return Principal(self.application, self.id, self.roles, self.rate, byte_rate=self.byte_rate)


class NewApiKey(NamedTuple):
    """A key that was just made. `secret` is the whole key; it is shown once and stored nowhere."""

    key: ApiKey
    secret: str


def make_key(
    application: str,
    roles: frozenset[ApiRole],
    *,
    name: str = "",
    rate: float | None = None,
    byte_rate: float | None = None,
    person: str | None = None,
) -> NewApiKey:
    """Make a new random key.

    Raises:
        pydantic.ValidationError: application, roles, name, a rate or person is not valid.
    """
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(10))
    secret = f"{_PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        id=key_id,
        digest=digest_of(secret),
        name=name,
        application=application,
        roles=roles,
        rate=rate,
        byte_rate=byte_rate,
        person=person,
        created_at=datetime.now(UTC).replace(microsecond=0),
    )
    return NewApiKey(key, secret)


def digest_of(secret: str) -> str:
    """The digest of a key, as `ApiKey.digest` holds it."""
    # Bytes that are no UTF-8 arrive as surrogates. A text with such bytes is a wrong key, not an error.
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def key_id_of(secret: str) -> str | None:
    """The id in the text of a key; None if the text is no API key, as with a browser token."""
    if not secret.startswith(_PREFIX):
        return None
    return secret[len(_PREFIX) :].partition("_")[0]


def matches_key(key: ApiKey, secret: str) -> bool:
    """Whether `secret` is this key. The comparison takes constant time."""
    return hmac.compare_digest(key.digest, digest_of(secret))
