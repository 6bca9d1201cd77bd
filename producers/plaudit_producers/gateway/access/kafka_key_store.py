"""API keys in the compacted topic `plaudit.api-keys`: for a fleet of gateways and consoles."""

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import orjson
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.kafka.api_key_log import API_KEY_LOG, ApiKeyRecord
from plaudit_schemas.kafka.publication_log import LogContent, PublicationLog
from plaudit_schemas.settings.connection import ConnectionSettings
from pydantic import ValidationError

from plaudit_producers.gateway.access.api_keys import ApiKey
from plaudit_producers.gateway.access.key_books import KeyBook, key_document, lacking, merged
from plaudit_producers.gateway.access.key_stores import KeyStore
from plaudit_producers.gateway.access.redis_key_store import RedisKeyStore
from plaudit_producers.gateway.errors import KeyStoreError

log = logging.getLogger("plaudit.keys")

_REVOKE: Final = "/revoke"


class KafkaKeyStore(KeyStore):
    """Follows the topic. Each reading asks Kafka for its end, and reads it anew only when it has grown.

    The release before kept the keys in Redis. They count until the topic says that they were taken over,
    which whoever writes first does. So nobody is locked out while a fleet is upgraded.
    """

    def __init__(
        self, connection: ConnectionSettings, *, earlier: RedisKeyStore, timeout_s: float = 30.0
    ) -> None:
        """Does not wait for Kafka.

        Args:
            earlier: where the release before kept the keys.
            timeout_s: how long Kafka may stay silent.
        """
        self._connection, self._earlier, self._timeout_s = connection, earlier, timeout_s
        self._log: PublicationLog[ApiKeyRecord] | None = None
        self._bounds: tuple[int, int] | None = None
        self._book, self._taken_over = KeyBook({}), False
        self._lock = threading.Lock()

    def read(self) -> KeyBook:
        with self._lock:
            self._look()
            if self._taken_over:
                return self._book
            return merged(self._book, self._earlier.read())

    def write(self, addition: KeyBook) -> None:
        with self._lock:
            self._look()
            self._take_over()
            self._append(_records_of(addition))
        if addition.revoked:
            self._tell_earlier(addition.revoked)

    def take_over(self) -> int:
        """Take the keys over from Redis, if nobody has yet, and return how many."""
        with self._lock:
            self._look()
            return self._take_over()

    def close(self) -> None:
        with self._lock:  # a thread may still be reading
            if self._log is not None:
                self._log.close()
                self._log = None

    def _look(self) -> None:
        try:
            bounds = self._opened().bounds()
            if bounds != self._bounds:
                content = self._opened().read()
                self._book, self._taken_over = book_of(content)
                self._bounds = bounds
        except PlauditError as error:
            raise KeyStoreError(f"Kafka did not return the API keys ({error})") from None

    def _take_over(self) -> int:
        if self._taken_over:
            return 0
        taken = lacking(self._book, self._earlier.read())
        self._append([*_records_of(taken), _record("take_over", "redis")])
        self._taken_over = True
        return len(taken.keys)

    def _append(self, records: Iterable[ApiKeyRecord]) -> None:
        try:
            for record in records:
                self._opened().append(record)
        except PlauditError as error:
            raise KeyStoreError(f"Kafka did not take the API keys ({error})") from None

    def _opened(self) -> PublicationLog[ApiKeyRecord]:
        if self._log is None:
            self._log = PublicationLog(self._connection, API_KEY_LOG, timeout_s=self._timeout_s)
        return self._log

    def _tell_earlier(self, revoked: frozenset[str]) -> None:
        try:
            self._earlier.forget(revoked)
        except KeyStoreError as error:
            log.warning("gateways of the release before may still accept %s: %s", ", ".join(revoked), error)


def book_of(content: LogContent[ApiKeyRecord]) -> tuple[KeyBook, bool]:
    """What the topic says, and whether the keys of Redis were taken over. The order makes no difference."""
    records = content.publications
    revoked = frozenset(each.key_id for each in records if each.action == "revoke")
    # A revocation that a later release wrote in another form counts all the same: its key in Kafka tells.
    revoked |= {key.removesuffix(_REVOKE) for key, _ in content.unreadable if key.endswith(_REVOKE)}
    unreadable = [f"{key}: {reason}" for key, reason in content.unreadable]
    keys = {}
    for record in records:
        if record.action == "create" and record.key_id not in revoked:
            try:
                keys[record.key_id] = ApiKey.model_validate_json(record.document or "")
            except ValidationError as error:
                unreadable.append(f"{record.key_id}: {error.errors()[0]['msg']}")
    taken_over = any(each.action == "take_over" for each in records)
    return KeyBook(keys, revoked, unreadable=tuple(unreadable)), taken_over


def _records_of(addition: KeyBook) -> Sequence[ApiKeyRecord]:
    made = [
        ApiKeyRecord(new_ulid(), "create", key.id, orjson.dumps(key_document(key)).decode())
        for key in addition.keys.values()
    ]
    return [*(_record("revoke", key_id) for key_id in sorted(addition.revoked)), *made]


def _record(action: Literal["revoke", "take_over"], key_id: str) -> ApiKeyRecord:
    return ApiKeyRecord(new_ulid(), action, key_id)
