"""The end of the producer's thread: every report is served, and no client of librdkafka holds the host up."""

import threading

import pytest
from plaudit_producers.sdk import client_thread
from plaudit_producers.sdk.client_thread import ClientThread

from harness.waiting import eventually
from tests.schemas.test_replaceable import FakeClient, listener

_DEADLINE_S = 60


class Client(FakeClient):
    """Once nothing refers to it, it is gone when it may go."""

    def __init__(self, may_go: threading.Event, destroyed_by: list[str]) -> None:
        super().__init__()
        self._may_go, self._destroyed_by = may_go, destroyed_by

    def __del__(self) -> None:
        self._may_go.wait(_DEADLINE_S)
        self._destroyed_by.append(threading.current_thread().name)


def started(may_go: threading.Event, destroyed_by: list[str], told: list[str]) -> ClientThread:
    thread = ClientThread("events", lambda: Client(may_go, destroyed_by), lambda: None)
    thread.start()
    thread.produce(b"key", b"\0" * 64, listener(told))
    return thread


def test_a_stopped_thread_has_served_all_reports_and_destroyed_its_client() -> None:
    may_go, destroyed_by, told = threading.Event(), list[str](), list[str]()
    may_go.set()
    started(may_go, destroyed_by, told).stop()
    assert (told, destroyed_by) == (["_PURGE_QUEUE"], ["plaudit-producer"])


def test_a_client_that_librdkafka_cannot_destroy_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client_thread, "_ENDS_WITHIN_S", 0.5)
    may_go, destroyed_by, told = threading.Event(), list[str](), list[str]()
    thread = started(may_go, destroyed_by, told)
    thread.stop()
    assert destroyed_by == []
    assert "it is left behind" in caplog.text
    eventually(lambda: told == ["_PURGE_QUEUE"], "the report is served all the same")
    may_go.set()  # nothing of this test is left running
    thread.stop()


def test_the_thread_may_stop_itself() -> None:
    may_go, stopped, destroyed_by = threading.Event(), threading.Event(), list[str]()
    may_go.set()

    def stop() -> None:
        thread.stop()
        stopped.set()

    thread = ClientThread("events", lambda: Client(may_go, destroyed_by), stop)
    thread.start()
    assert stopped.wait(_DEADLINE_S)
    thread.stop()
    assert destroyed_by == ["plaudit-producer"]
