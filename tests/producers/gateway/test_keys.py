"""API keys: what is kept of them in a file, and who gets in with them."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.gateway.access.api_keys import digest_of, make_key
from plaudit_producers.gateway.access.authenticator import Authenticator
from plaudit_producers.gateway.access.browser_tokens import TokenVerifier
from plaudit_producers.gateway.access.key_stores import FileKeyStore, KeyStore
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_producers.gateway.errors import KeyStoreError, NothingKnownYetError, UnauthenticatedError
from pydantic import ValidationError


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


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"keys": [{}]}', "[1]", '{"keys": 1}', '{"keys": [], "revoked": 1}'],
    ids=["empty", "no keys", "a key without anything", "a list", "keys as a number", "revoked as a number"],
)
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(KeyStoreError, match="holds no API keys"):
        FileKeyStore(path).load()
    with pytest.raises(KeyStoreError):
        FileKeyStore(path).add(make_key("shop", frozenset({"reader"})).key)
    assert path.read_text() == text


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys.json")
    for call in (store.load, store.require, lambda: store.revoke("abcdefghjk")):
        with pytest.raises(KeyStoreError, match=r"no key file .*keys\.json; `plaudit keys create` makes it"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="cannot be read"):
        FileKeyStore(tmp_path).load()
    (tmp_path / "file").touch()
    with pytest.raises(KeyStoreError, match="cannot be written"):
        FileKeyStore(tmp_path / "file" / "keys.json").add(make_key("shop", frozenset({"reader"})).key)


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
    made = Authenticator(KnownKeys(store), TokenVerifier(lambda: {"k": "s" * 64}))
    assert not made.ready
    with pytest.raises(NothingKnownYetError, match="have not been read yet"):
        made.principal_of("plk_x_y")
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


def test_nobody_is_refused_for_a_token_before_its_keys_are_read(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys.json")
    store.add(make_key("shop", frozenset({"reader"})).key)
    auth = Authenticator(KnownKeys(store), TokenVerifier(dict))
    asyncio.run(auth.refresh())
    with pytest.raises(NothingKnownYetError, match="keys that sign tokens"):
        auth.principal_of("x.y.z")


def test_keys_stay_known_when_the_store_fails(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys.json")
    made = make_key("shop", frozenset({"reader"}))
    store.add(made.key)
    auth = authenticator(store)
    (tmp_path / "keys.json").write_text("damaged")
    asyncio.run(auth.refresh())
    assert auth.principal_of(made.secret).key_id == made.key.id
