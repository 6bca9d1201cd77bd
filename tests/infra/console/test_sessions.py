"""Sessions of the console: how long they last, and what ends them."""

import pytest
from plaudit_infra.console import sessions as module
from plaudit_infra.console.sessions import Sessions


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_session_lasts_its_time_and_no_longer() -> None:
    clock = _Clock()
    sessions = Sessions(60, clock)
    token = sessions.begin("key1")
    clock.now = 59.9
    found = sessions.find(token)
    assert found is not None
    assert found.key_id == "key1"
    assert len(sessions) == 1
    clock.now = 60.0
    assert sessions.find(token) is None
    assert len(sessions) == 0


def test_signing_out_ends_one_session_alone() -> None:
    sessions = Sessions(60)
    first, second = sessions.begin("key1"), sessions.begin("key1")
    sessions.end(first)
    assert sessions.find(first) is None
    assert sessions.find(second) is not None


def test_no_token_is_found_that_was_not_given() -> None:
    sessions = Sessions(60)
    token = sessions.begin("key1")
    assert sessions.find("") is None
    assert sessions.find(token[:-1]) is None
    assert sessions.find("\udcff") is None


def test_memory_is_bounded_and_the_oldest_session_ends_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    sessions = Sessions(60)
    tokens = [sessions.begin(f"key{number}") for number in range(5)]
    assert [sessions.find(token) is not None for token in tokens] == [False, False, True, True, True]
