"""Work of finalizers, which another thread does."""

import os
import threading
from collections.abc import Iterator

import pytest
from plaudit_producers.integrations.deferred import DeferredWork
from plaudit_producers.integrations.guard import swallowed_errors

from harness.waiting import eventually


@pytest.fixture
def deferred() -> Iterator[DeferredWork]:
    made = DeferredWork(delay_s=0.01)
    made.start()
    yield made
    made.stop()


def test_work_runs_in_a_thread_of_its_own(deferred: DeferredWork) -> None:
    ran: list[str] = []
    deferred.start()  # it runs already
    deferred.put(lambda: ran.append(threading.current_thread().name))
    eventually(lambda: ran == ["plaudit-deferred"], "the work runs")


def test_work_that_fails_does_not_end_the_thread(deferred: DeferredWork) -> None:
    ran: list[int] = []
    before = swallowed_errors().get("recording a stream that nobody closed", 0)
    deferred.put(lambda: 1 // 0)
    deferred.put(lambda: ran.append(1))
    eventually(lambda: ran == [1], "the work after it runs")
    assert swallowed_errors()["recording a stream that nobody closed"] == before + 1


def test_the_end_of_the_process_does_not_wait_for_the_delay() -> None:
    deferred, ran = DeferredWork(delay_s=3600), []
    deferred.start()
    deferred.put(lambda: ran.append(1))
    deferred.stop()
    assert ran == [1]
    deferred.stop()
    deferred.start()
    deferred.put(lambda: ran.append(2))
    deferred.stop()
    assert ran == [1, 2]


def test_a_forked_child_has_a_thread_of_its_own(deferred: DeferredWork) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            deferred.renew()
            deferred.start()
            deferred.put(lambda: os.write(write, b"ran"))
            deferred.stop()
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 10) == b"ran"
    os.close(read)
    os.waitpid(child, 0)
