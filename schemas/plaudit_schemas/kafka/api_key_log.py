"""What the topic `plaudit.api-keys` says: which API keys were made, and which were revoked. Pure.

A key's id is random and never used twice, and what was revoked never comes back. So the records mean the same
in whatever order they are read, and compaction removes nothing that matters.
"""

from typing import Any, Final, Literal, NamedTuple, cast

from plaudit_schemas.kafka.publication_log import LogForm
from plaudit_schemas.topics import API_KEYS

ApiKeyAction = Literal["create", "revoke", "take_over"]

_ACTIONS: Final = ("create", "revoke", "take_over")


class ApiKeyRecord(NamedTuple):
    """One record of the topic.

    Attributes:
        id: a ULID.
        action: `take_over` says that all keys which an earlier release kept in Redis are in the topic.
        key_id: of the API key; `redis` for `take_over`.
        document: the key as JSON, with its digest; None unless it was made.
        published_ms: the broker's timestamp.
    """

    id: str
    action: ApiKeyAction
    key_id: str
    document: str | None = None
    published_ms: int = 0

    @property
    def key(self) -> bytes:
        """The record's key."""
        return f"{self.key_id}/{self.action}".encode()

    def to_record(self) -> dict[str, Any]:
        """The record as `Encoder("api_key")` takes it."""
        return {"id": self.id, "action": self.action, "key_id": self.key_id, "key": self.document}


def api_key_record_of(record: dict[str, Any], timestamp_ms: int) -> ApiKeyRecord:
    """A record of the topic from its decoded form and the broker's timestamp.

    Raises:
        ValueError: a later release wrote it, and said something that this one does not know.
    """
    action, copied_from = record["action"], record["copied_from"]
    if action not in _ACTIONS:
        raise ValueError("its action is unknown to this release; upgrade it")
    published_ms = timestamp_ms if copied_from is None else copied_from // 1000
    return ApiKeyRecord(
        record["id"], cast("ApiKeyAction", action), record["key_id"], record["key"], published_ms
    )


# The packaged ids: nobody may be locked out because a schema registry is away, or has lost its ids.
API_KEY_LOG: Final[LogForm[ApiKeyRecord]] = LogForm(
    API_KEYS, "api_key", api_key_record_of, "plaudit keys list", registered=False
)
