"""API keys in Kafka: what counts of the topic, and how the keys of the release before come into it."""

from collections.abc import Iterator

import pytest
import redis
from plaudit_producers.gateway.access.api_keys import ApiKey, make_key
from plaudit_producers.gateway.access.kafka_key_store import KafkaKeyStore, book_of
from plaudit_producers.gateway.access.key_books import KeyBook
from plaudit_producers.gateway.access.key_stores import key_store_of
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.examples import examples
from plaudit_schemas.kafka.api_key_log import API_KEY_LOG, ApiKeyRecord, api_key_record_of
from plaudit_schemas.kafka.publication_log import LogContent, PublicationLog, copy_publications
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl

from harness.waiting import eventually
from tests.support.key_stores import IN_KAFKA, key_connection, make_key_topic, remake_key_topic

KEY = make_key("shop", frozenset({"reader"})).key


def _created(key: ApiKey = KEY) -> ApiKeyRecord:
    return ApiKeyRecord("01", "create", key.id, key.model_dump_json(exclude_none=True))


REVOKED = ApiKeyRecord("02", "revoke", KEY.id)


@pytest.mark.parametrize("records", [[_created(), REVOKED], [REVOKED, _created()]], ids=["before", "after"])
def test_a_revocation_counts_in_any_order(records: list[ApiKeyRecord]) -> None:
    assert book_of(LogContent(records, [])) == (KeyBook({}, frozenset((KEY.id,))), False)


def test_compaction_leaves_both_the_key_and_its_revocation() -> None:
    assert (
        len({record.key for record in (_created(), REVOKED, ApiKeyRecord("03", "take_over", "redis"))}) == 3
    )


def test_what_a_later_release_wrote_lets_nobody_in() -> None:
    unknown = ApiKeyRecord("01", "create", "k", '{"id": "abcdefghjk", "only_at": "night"}')
    content = LogContent([_created(), unknown], [(f"{KEY.id}/revoke", "upgrade it"), ("x/pause", "upgrade")])
    book, _ = book_of(content)
    assert book.keys == {}
    assert book.revoked == {KEY.id}
    assert [line.partition(":")[0] for line in book.unreadable] == [f"{KEY.id}/revoke", "x/pause", "k"]


def test_every_example_is_a_record() -> None:
    encoder, decoder = Encoder("api_key"), Decoder("api_key")
    found = [
        api_key_record_of(decoder.decode(encoder.encode(each.record)), 7) for each in examples("api_key")
    ]
    assert [each.action for each in found] == ["create", "revoke", "take_over"]
    assert [each.published_ms for each in found] == [7, 7, 1_789_999_200_000]
    with pytest.raises(ValueError, match="unknown to this release"):
        api_key_record_of({"action": "unknown", "copied_from": None}, 7)


@pytest.fixture
def line(kafka: str, valkey: str) -> ConnectionSettings:
    return key_connection(kafka, valkey)


@pytest.fixture
def store(line: ConnectionSettings) -> Iterator[KafkaKeyStore]:
    made = key_store_of(IN_KAFKA, line)
    assert isinstance(made, KafkaKeyStore)
    yield made
    made.close()


def _kept_in_redis(line: ConnectionSettings, *keys: ApiKey) -> None:
    """As the release before kept them."""
    with redis.Redis.from_url(line.redis_url.get_secret_value()) as client:
        client.delete(f"{line.redis_prefix}plaudit:api-keys")
        for key in keys:
            client.hset(
                f"{line.redis_prefix}plaudit:api-keys", key.id, key.model_dump_json(exclude_none=True)
            )


def _in_redis(line: ConnectionSettings) -> set[str]:
    with redis.Redis.from_url(line.redis_url.get_secret_value()) as client:
        return {each.decode() for each in client.hkeys(f"{line.redis_prefix}plaudit:api-keys")}


@pytest.mark.kafka
@pytest.mark.redis
def test_keys_of_the_release_before_count_until_they_are_taken_over(
    line: ConnectionSettings, store: KafkaKeyStore
) -> None:
    old, new = KEY, make_key("shop", frozenset({"reader"})).key
    _kept_in_redis(line, old)
    assert store.load() == {old.id: old}
    store.add(new)  # whoever writes first takes them over
    _kept_in_redis(line)  # emptied
    assert store.load() == {old.id: old, new.id: new}
    _kept_in_redis(line, make_key("shop", frozenset({"admin"})).key)
    assert store.take_over() == 0
    assert store.load() == {old.id: old, new.id: new}, "Redis has no say any more"


@pytest.mark.kafka
@pytest.mark.redis
def test_gateways_of_the_release_before_are_told_of_a_revocation(
    line: ConnectionSettings, store: KafkaKeyStore
) -> None:
    _kept_in_redis(line, KEY)
    assert store.take_over() == 1
    assert store.revoke(KEY.id)
    assert _in_redis(line) == set()
    assert store.load() == {}


@pytest.mark.kafka
@pytest.mark.redis
def test_a_topic_that_goes_locks_nobody_out(line: ConnectionSettings, store: KafkaKeyStore) -> None:
    store.add(KEY)
    known = KnownKeys(store)
    assert known.read()
    remake_key_topic(line)
    eventually(lambda: known.read() and bool(known.lost), "the topic is seen to be empty")
    assert known.keys == {KEY.id: KEY}
    assert set(known.lost) == {KEY.id}
    store.restore(KeyBook({KEY.id: KEY}))
    assert known.read()
    assert (known.problem, known.keys) == (None, {KEY.id: KEY})


@pytest.mark.kafka
@pytest.mark.redis
def test_a_revocation_holds_while_redis_is_away(
    line: ConnectionSettings, store: KafkaKeyStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.add(KEY)
    away = line.model_copy(update={"redis_url": SecretUrl("redis://127.0.0.1:1")})
    other = key_store_of(IN_KAFKA, away)
    try:
        assert other.load() == {KEY.id: KEY}, "the keys need Kafka alone"
        assert other.revoke(KEY.id)
    finally:
        other.close()
    assert store.load() == {}
    assert "gateways of the release before may still accept" in caplog.text


@pytest.mark.kafka
@pytest.mark.redis
def test_a_copied_line_has_the_keys(line: ConnectionSettings, store: KafkaKeyStore) -> None:
    store.add(KEY)
    target = line.model_copy(update={"topic_prefix": f"to-{line.topic_prefix}", "redis_prefix": "none."})
    make_key_topic(target)
    assert [copy_publications(line, target, API_KEY_LOG) for _ in range(2)] == [2, 0]
    copied = key_store_of(IN_KAFKA, target)
    try:
        assert copied.load() == {KEY.id: KEY}
    finally:
        copied.close()


def test_the_topic_needs_no_schema_registry(line: ConnectionSettings) -> None:
    registered = line.model_copy(update={"schema_registry_url": SecretUrl("http://127.0.0.1:1")})
    with PublicationLog(registered, API_KEY_LOG) as log:
        log.append(_created())
        assert [record.key_id for record in log.read().publications] == [KEY.id]


def test_without_kafka_the_store_says_so() -> None:
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:1")
    store = key_store_of(IN_KAFKA, away, timeout_s=0.2)
    for call in (store.read, lambda: store.write(KeyBook({}))):
        with pytest.raises(KeyStoreError, match="Kafka did not return the API keys"):
            call()
    store.close()
