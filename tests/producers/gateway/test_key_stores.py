"""Every store of API keys keeps the same promises: the file, Kafka, and Redis."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from plaudit_producers.gateway.access.api_keys import ApiKey, make_key
from plaudit_producers.gateway.access.key_books import KeyBook
from plaudit_producers.gateway.access.key_stores import FileKeyStore, KeyStore
from plaudit_producers.gateway.access.redis_key_store import RedisKeyStore
from plaudit_producers.gateway.errors import KeyStoreError

from tests.support.key_stores import kafka_store

Make = Callable[[], KeyStore]


@pytest.fixture(
    params=[
        "file",
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.redis]),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "file":
        return lambda: FileKeyStore(tmp_path / "folder" / "keys.json")
    url = request.getfixturevalue("valkey")
    if request.param == "kafka":
        return kafka_store(request.getfixturevalue("kafka"), url, request)
    return lambda: RedisKeyStore(lambda: redis.Redis.from_url(url), f"{tmp_path}.")


def _key(name: str = "", person: str | None = None) -> ApiKey:
    return make_key("shop", frozenset({"reader"}), name=name, person=person).key


def test_keys_are_added_seen_by_others_and_revoked(store: Make) -> None:
    first, second = (
        make_key("shop", frozenset({"producer"}), name="web", rate=5),
        make_key("other", frozenset({"admin", "reader"})),
    )
    writer, reader = store(), store()
    writer.add(first.key)
    assert reader.load() == {first.key.id: first.key}
    writer.add(second.key)
    assert reader.load() == {first.key.id: first.key, second.key.id: second.key}
    assert writer.revoke(first.key.id)
    assert not store().revoke(first.key.id)
    assert reader.load() == {second.key.id: second.key}
    assert reader.read().revoked == {first.key.id}


def test_keys_of_a_person_share_a_rater_and_others_are_their_own(store: Make) -> None:
    ana, other = _key(person="ana"), _key()
    for key in (ana, other):
        store().add(key)
    assert {key.id: key.rater for key in store().load().values()} == {ana.id: "ana", other.id: other.id}


def test_writers_at_once_lose_nothing(store: Make) -> None:
    keys = [_key() for _ in range(16)]
    threads = [threading.Thread(target=store().add, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(store().load()) == {key.id for key in keys}


def test_an_old_backup_brings_no_revoked_key_back(store: Make) -> None:
    one, two = _key(), _key()
    made = store()
    made.add(one)
    made.add(two)
    backup = made.read()
    made.revoke(one.id)
    assert made.restore(backup).keys == {}
    assert store().load() == {two.id: two}
    made.write(backup)  # as one who has not looked does
    assert store().load() == {two.id: two}


def test_a_restored_store_is_as_it_was(store: Make, tmp_path: Path) -> None:
    one, two = _key(name="one"), _key(person="ana")
    full = FileKeyStore(tmp_path / "other.json")
    full.add(one)
    full.add(two)
    full.revoke(two.id)
    added = store().restore(full.read())
    assert added == KeyBook({one.id: one}, frozenset((two.id,)))
    assert store().read()[:2] == full.read()[:2]
    assert store().restore(full.read()) == KeyBook({})


def test_what_a_backup_has_revoked_is_revoked(store: Make) -> None:
    key = _key()
    store().add(key)
    store().restore(KeyBook({}, frozenset((key.id,))))
    assert store().load() == {}


@pytest.mark.redis
def test_keys_of_the_release_before_are_read(valkey: str, tmp_path: Path) -> None:
    key = _key()
    with redis.Redis.from_url(valkey) as client:
        client.hset(f"{tmp_path}.plaudit:api-keys", key.id, key.model_dump_json(exclude_none=True))
    book = RedisKeyStore(lambda: redis.Redis.from_url(valkey), f"{tmp_path}.").read()
    assert book == KeyBook({key.id: key}, names_revoked=False)


def test_without_redis_the_store_says_so() -> None:
    with pytest.raises(KeyStoreError, match="Redis"):
        RedisKeyStore(lambda: redis.Redis(port=1), "").load()
