"""Keyed hashes in place of user and rater ids, so that no raw identity reaches Kafka."""

import hmac
import re
from functools import lru_cache

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.errors import InvalidEventError, SettingsError

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
_REMEMBERED = 4096  # cached hashes: the ids of active users recur


class IdentityHash:
    """HMAC-SHA256 of an id, as `<key id>:<64 hex digits>`.

    The same id and key give the same hash in every process and application, so the conversations and
    feedback of a user can still be joined. Only a holder of the secret can compute the hash of a known id,
    for example to erase a user. Ids of model raters are not hashed, since they name no person. Hashing is
    not idempotent: hash in one place only.

    Args:
        key_id: names the key, so that keys can be changed; 1 to 32 characters of `A-Za-z0-9._-`.
        secret: at least 16 bytes.

    Raises:
        SettingsError: the key id or the secret is out of these bounds.
    """

    def __init__(self, key_id: str, secret: bytes) -> None:
        if not _KEY_ID.fullmatch(key_id):
            raise SettingsError("the key id must be 1 to 32 letters, digits, '.', '_' or '-'")
        if len(secret) < 16:
            raise SettingsError("the secret of an IdentityHash needs at least 16 bytes; use 32 random ones")
        self.key_id = key_id
        self._secret = secret
        self._hash = lru_cache(maxsize=_REMEMBERED)(self._compute)

    def __repr__(self) -> str:
        return f"IdentityHash({self.key_id!r}, secret=********)"

    def __call__(self, identity: str) -> str:
        """Return the hash of one id.

        Raises:
            InvalidEventError: the id cannot be encoded as UTF-8.
        """
        return self._hash(identity)

    def apply(self, record: Record) -> None:
        """Replace the ids of user, rater and author in a record, in place. Raises as a call does."""
        body = record["body"][1]
        if body.get("user_id") is not None:
            body["user_id"] = self._hash(body["user_id"])
        # UpdateMessage has its rater in the feedback, CompareMessages in the body itself.
        self._hash_person(body.get("feedback", body), "rater")
        self._hash_person(body, "author")

    def _hash_person(self, holder: Record, field: str) -> None:
        person = holder.get(field)
        if person is not None and person.get("id") is not None and person.get("kind") != "model":
            holder[field] = {**person, "id": self._hash(person["id"])}

    def _compute(self, identity: str) -> str:
        try:
            data = identity.encode()
        except UnicodeEncodeError:
            raise InvalidEventError(
                "an id of a user or rater holds half a surrogate pair, which UTF-8 cannot encode"
            ) from None
        return f"{self.key_id}:{hmac.digest(self._secret, data, 'sha256').hex()}"
