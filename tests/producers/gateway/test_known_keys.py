"""A key that was known lets its owner in until it is revoked, whatever becomes of the store."""

import logging
from pathlib import Path

import pytest
from plaudit_producers.gateway.access.api_keys import ApiKey, make_key
from plaudit_producers.gateway.access.key_books import KeyBook
from plaudit_producers.gateway.access.key_stores import FileKeyStore, KeyStore
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_producers.gateway.errors import KeyStoreError

ONE, TWO = (make_key("shop", frozenset({"reader"})).key for _ in range(2))


class SaidStore(KeyStore):
    """A store that says what a test tells it to; None cannot be read."""

    def __init__(self) -> None:
        self.book: KeyBook | None = _book(ONE, TWO)

    def read(self) -> KeyBook:
        if self.book is None:
            raise KeyStoreError("it is away")
        return self.book

    def write(self, addition: KeyBook) -> None:
        raise NotImplementedError


def _book(*keys: ApiKey, revoked: tuple[ApiKey, ...] = (), names_revoked: bool = True) -> KeyBook:
    return KeyBook({key.id: key for key in keys}, frozenset(key.id for key in revoked), names_revoked)


@pytest.fixture
def store() -> SaidStore:
    return SaidStore()


@pytest.fixture
def failed() -> list[int]:
    return []


@pytest.fixture
def known(store: SaidStore, failed: list[int]) -> KnownKeys:
    made = KnownKeys(store, lambda: failed.append(1))
    assert made.read()
    return made


def test_nothing_is_known_before_the_store_has_answered(store: SaidStore) -> None:
    store.book = None
    known = KnownKeys(store)
    assert not known.read()
    assert (known.keys, known.problem) == (None, "it is away")


def test_a_store_that_is_away_changes_nothing_is_counted_and_said_once(
    known: KnownKeys, store: SaidStore, failed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    store.book = None
    with caplog.at_level(logging.INFO):
        assert [known.read() for _ in range(3)] == [False] * 3
        assert known.keys is not None
        assert set(known.keys) == {ONE.id, TWO.id}
        store.book = _book(ONE, TWO)
        assert known.read()
    assert len(failed) == 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert known.problem is None


@pytest.mark.parametrize(
    ("book", "kept", "lost"),
    [
        pytest.param(_book(), {ONE.id, TWO.id}, {ONE.id, TWO.id}, id="emptied"),
        pytest.param(_book(ONE), {ONE.id, TWO.id}, {TWO.id}, id="lacks one"),
        pytest.param(_book(ONE, revoked=(TWO,)), {ONE.id}, set(), id="revoked"),
        pytest.param(_book(revoked=(ONE, TWO)), set(), set(), id="all revoked"),
        pytest.param(_book(ONE, names_revoked=False), {ONE.id}, set(), id="removed by an earlier release"),
        pytest.param(
            _book(names_revoked=False), {ONE.id, TWO.id}, {ONE.id, TWO.id}, id="emptied under an earlier one"
        ),
    ],
)
def test_a_key_goes_only_when_it_is_revoked(
    known: KnownKeys, store: SaidStore, book: KeyBook, kept: set[str], lost: set[str]
) -> None:
    store.book = book
    for _ in range(2):
        known.read()
        assert set(known.keys or ()) == kept
        assert set(known.lost) == lost
        assert all(key_id in (known.problem or "") for key_id in lost)
        assert bool(known.problem) == bool(lost or not kept)


def test_a_store_without_any_key_is_a_problem(store: SaidStore) -> None:
    store.book = _book()
    known = KnownKeys(store)
    assert known.read()
    assert "there are no API keys, so nobody gets in" in (known.problem or "")


def test_what_was_lost_and_is_back_is_no_problem(known: KnownKeys, store: SaidStore) -> None:
    store.book = _book()
    known.read()
    store.book = _book(ONE, TWO)
    known.read()
    assert (known.problem, known.lost) == (None, {})


def test_a_lost_key_can_be_revoked(known: KnownKeys, store: SaidStore) -> None:
    store.book = _book(ONE)
    known.read()
    store.book = _book(ONE, revoked=(TWO,))
    known.read()
    assert (set(known.keys or ()), known.problem) == ({ONE.id}, None)


def test_a_key_that_was_seen_revoked_stays_so(known: KnownKeys, store: SaidStore) -> None:
    store.book = _book(ONE, revoked=(TWO,))
    known.read()
    store.book = _book(ONE, TWO)  # somebody has put an old copy of the file in its place
    known.read()
    assert set(known.keys or ()) == {ONE.id}


def test_keys_of_a_later_release_are_named(known: KnownKeys, store: SaidStore) -> None:
    store.book = _book(ONE, TWO)._replace(unreadable=("k/create: upgrade it",))
    known.read()
    assert "k/create: upgrade it" in (known.problem or "")


@pytest.mark.parametrize("harm", ["deleted", "damaged", "cut"])
def test_a_file_that_comes_to_harm_locks_nobody_out(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "keys.json"
    FileKeyStore(path).add(ONE)
    known = KnownKeys(FileKeyStore(path))
    known.read()
    text = path.read_text()
    path.unlink() if harm == "deleted" else path.write_text("?" if harm == "damaged" else text[:-20])
    assert not known.read()
    assert known.keys == {ONE.id: ONE}
    assert known.problem is not None
