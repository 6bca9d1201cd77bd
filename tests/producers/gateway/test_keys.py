"""API keys: what is kept of them, where, and who gets in with them."""

import asyncio
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from plaudit_producers.gateway.access.api_keys import digest_of, make_key
from plaudit_producers.gateway.access.authenticator import Authenticator
from plaudit_producers.gateway.access.browser_tokens import TokenVerifier
from plaudit_producers.gateway.access.key_stores import FileKeyStore, KeyStore, RedisKeyStore
from plaudit_producers.gateway.errors import KeyStoreError, UnauthenticatedError
from pydantic import ValidationError

Make = Callable[[], KeyStore]


@pytest.fixture(params=["file", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "file":
        return lambda: FileKeyStore(tmp_path / "folder" / "keys.json")
    url = request.getfixturevalue("valkey")
    return lambda: RedisKeyStore(lambda: redis.Redis.from_url(url), f"{tmp_path}.")


def test_keys_are_added_seen_by_others_and_revoked(store: Make) -> None:
    assert store().load() == {}
    first, second = (
        make_key("shop", frozenset({"producer"}), name="web", rate=5),
        make_key("other", frozenset({"admin", "reader"})),
    )
    store().add(first.key)
    store().add(second.key)
    assert store().load() == {first.key.id: first.key, second.key.id: second.key}
    assert store().revoke(first.key.id)
    assert not store().revoke(first.key.id)
    assert store().load() == {second.key.id: second.key}


def test_keys_of_a_person_share_a_rater_and_others_are_their_own(store: Make) -> None:
    ana = make_key("shop", frozenset({"reviewer"}), person="ana").key
    other = make_key("shop", frozenset({"lead"})).key
    for key in (ana, other):
        store().add(key)
    assert {key.id: key.rater for key in store().load().values()} == {ana.id: "ana", other.id: other.id}


def test_a_key_without_a_person_can_be_read_by_earlier_gateways(tmp_path: Path) -> None:
    FileKeyStore(tmp_path / "keys.json").add(make_key("shop", frozenset({"reader"})).key)
    assert "person" not in (tmp_path / "keys.json").read_text()


def test_no_secret_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = make_key("shop", frozenset({"producer"}))
    FileKeyStore(path).add(made.key)
    text = path.read_text()
    assert digest_of(made.secret) in text
    assert made.secret.split("_", 2)[2] not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert digest_of(made.secret) not in repr(made.key)


@pytest.mark.parametrize("name", ["keys.lock", "keys.json", "keys", "keys.1.new", ".keys"])
def test_a_key_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    keys = [make_key("shop", frozenset({"reader"})).key for _ in range(3)]
    for key in keys:
        FileKeyStore(tmp_path / name).add(key)
    FileKeyStore(tmp_path / "keys.yaml").add(keys[0])
    assert list(FileKeyStore(tmp_path / name).load()) == [key.id for key in keys]


def test_a_store_sees_what_another_wrote_later(tmp_path: Path) -> None:
    reader, writer = FileKeyStore(tmp_path / "keys.json"), FileKeyStore(tmp_path / "keys.json")
    keys = [make_key("shop", frozenset({"reader"})).key for _ in range(5)]
    for count, key in enumerate(keys, 1):
        writer.add(key)
        assert len(reader.load()) == count


def test_writers_at_once_lose_nothing(store: Make) -> None:
    keys = [make_key("shop", frozenset({"reader"})).key for _ in range(16)]
    threads = [threading.Thread(target=store().add, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(store().load()) == {key.id for key in keys}


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"keys": [{}]}', "[1]", '{"keys": 1}'],
    ids=["empty", "no keys", "a key without anything", "a list", "keys that are a number"],
)
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(KeyStoreError, match="holds no API keys"):
        FileKeyStore(path).load()
    with pytest.raises(KeyStoreError):
        FileKeyStore(path).add(make_key("shop", frozenset({"reader"})).key)
    assert path.read_text() == text


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="cannot be read"):
        FileKeyStore(tmp_path).load()
    (tmp_path / "file").touch()
    with pytest.raises(KeyStoreError, match="cannot be written"):
        FileKeyStore(tmp_path / "file" / "keys.json").add(make_key("shop", frozenset({"reader"})).key)


def test_without_redis_the_store_says_so() -> None:
    with pytest.raises(KeyStoreError, match="Redis"):
        RedisKeyStore(lambda: redis.Redis(port=1), "").load()


@pytest.mark.parametrize(
    "wrong",
    [
        {"application": "a/b"},
        {"roles": frozenset()},
        {"rate": 0},
        {"roles": frozenset({"king"})},
        {"person": ""},
    ],
    ids=["application with a slash", "no roles", "rate of zero", "unknown role", "nameless person"],
)
def test_a_key_out_of_range_is_not_made(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"application": "shop", "roles": frozenset({"reader"}), **wrong}
    with pytest.raises(ValidationError):
        make_key(given["application"], given["roles"], rate=given.get("rate"), person=given.get("person"))


def authenticator(store: KeyStore) -> Authenticator:
    made = Authenticator(store, TokenVerifier(dict))
    assert not made.ready
    asyncio.run(made.refresh())
    return made


def test_the_whole_key_gets_in_and_nothing_else(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys.json")
    made, other = make_key("shop", frozenset({"reviewer"}), rate=7), make_key("shop", frozenset({"admin"}))
    store.add(made.key)
    store.add(other.key)
    auth = authenticator(store)
    principal = auth.principal_of_header(f"bearer {made.secret}")
    assert principal == made.key.principal()
    assert (principal.application, principal.roles) == ("shop", frozenset({"reviewer"}))
    mixed = f"plk_{other.key.id}_{made.secret.rpartition('_')[2]}"
    for credential in ("", "plk_", made.secret[:-1], made.secret + "x", mixed, "plk__", "\udcff", "x.y.z"):
        with pytest.raises(UnauthenticatedError):
            auth.principal_of(credential)
    for header in (None, "", made.secret, f"Basic {made.secret}", "Bearer"):
        with pytest.raises(UnauthenticatedError, match="Authorization"):
            auth.principal_of_header(header)


def test_keys_stay_known_when_the_store_fails(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys.json")
    made = make_key("shop", frozenset({"reader"}))
    store.add(made.key)
    auth = authenticator(store)
    (tmp_path / "keys.json").write_text("damaged")
    asyncio.run(auth.refresh())
    assert auth.principal_of(made.secret).key_id == made.key.id
