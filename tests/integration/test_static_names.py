"""Two workers with one static name: the first ends and says why, and nothing is counted twice."""

import signal
import time
from collections.abc import Callable

import pytest

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def test_a_worker_whose_name_is_taken_ends(line: Callable[..., Line]) -> None:
    one = line(partitions=2, settings={"worker_instance": "worker-0"})
    first = one.start_worker()
    one.send(events(500, open_conversations=20, start_us=time.time_ns() // 1000))
    one.wait_folded()
    second = one.start_worker()
    assert one.wait_ended(first) == 1
    said = (one.folder / "worker0.log").read_text()
    assert "another process has joined the group" in said
    assert "as worker-0: give each worker a PLAUDIT_WORKER_INSTANCE of its own" in said
    one.send(events(500, open_conversations=20, seed=2, start_us=time.time_ns() // 1000))
    one.wait_folded()
    assert second.poll() is None
    one.check_exact()


def test_a_worker_that_was_away_for_longer_than_its_session_takes_its_name_back(
    line: Callable[..., Line],
) -> None:
    one = line(partitions=2, settings={"worker_instance": "worker-0"})
    worker = one.start_worker()
    one.send(events(500, open_conversations=20, start_us=time.time_ns() // 1000))
    one.wait_folded()
    worker.send_signal(signal.SIGSTOP)
    gone = time.monotonic() + 8  # twice its session
    eventually(lambda: time.monotonic() > gone, "its session has ended")
    worker.send_signal(signal.SIGCONT)
    one.send(events(500, open_conversations=20, seed=2, start_us=time.time_ns() // 1000))
    one.wait_folded()
    assert worker.poll() is None
    one.check_exact()


def test_a_restart_under_the_same_name_is_no_fault(line: Callable[..., Line]) -> None:
    one = line(partitions=2, settings={"worker_instance": "worker-0"})
    one.send(events(500, open_conversations=20, start_us=time.time_ns() // 1000))
    for _ in range(2):
        worker = one.start_worker()
        one.wait_folded()
        assert one.end_worker(worker) != 0
    one.check_exact()
