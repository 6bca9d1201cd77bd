"""What ended processes left in a spool, sent by a producer with a real librdkafka."""

import errno
import threading
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers import Delivery, DeliveryError, FeedbackProducer
from plaudit_producers.sdk.delivery import delivery_of
from plaudit_producers.sdk.outbox import DeliveryReporter
from plaudit_producers.spool import outbox, store
from plaudit_producers.spool.segment import Segment
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.waiting import eventually
from tests.support.librdkafka import mocked

NOWHERE = ConnectionSettings(bootstrap_servers="127.0.0.1:1")


def leave_events(spool: Path, *contents: str) -> Path:
    """Spool events without a Kafka, and end. Returns the only log file."""
    with FeedbackProducer("shop", connection=NOWHERE, spool_dir=spool, exit_timeout_s=0) as producer:
        for content in contents:
            producer.conversation("c").add_message("user", content)
    (path,) = spool.glob("*/*.log")
    return path


def test_a_file_that_could_not_be_read_at_the_start_is_sent_while_the_producer_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, real, refused = leave_events(tmp_path, "1", "2"), Segment.__init__, threading.Event()

    def fail_once(segment: Segment, path: Path, *, adopt: bool = False) -> None:
        if path == left and not refused.is_set():
            refused.set()
            raise OSError(errno.EMFILE, "Too many open files")
        real(segment, path, adopt=adopt)

    monkeypatch.setattr(Segment, "__init__", fail_once)
    monkeypatch.setattr(outbox, "_TAKE_OVER_AGAIN_S", 0.5)
    with FeedbackProducer("shop", connection=mocked(), spool_dir=tmp_path, exit_timeout_s=60) as producer:
        producer.conversation("d").like(None)
        assert producer.flush(60) == 0
        assert refused.is_set()
        eventually(lambda: producer.stats().delivered == 3, "the events of before are sent")
        stats = producer.stats()
        assert (stats.accepted, stats.taken_over, stats.waiting) == (1, 2, 0)
        eventually(lambda: not left.exists(), "the file is deleted")


def test_an_error_while_taking_over_is_not_the_last_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_events(tmp_path, "1")
    adopt, failed = store.Spool.adopt_orphans, threading.Event()

    def fail_once(spool: store.Spool) -> list[Segment]:
        if not failed.is_set():
            failed.set()
            raise OSError(errno.EIO, "Input/output error")
        return adopt(spool)

    monkeypatch.setattr(store.Spool, "adopt_orphans", fail_once)
    monkeypatch.setattr(outbox, "_TAKE_OVER_AGAIN_S", 0.5)
    with FeedbackProducer("shop", connection=mocked(), spool_dir=tmp_path, exit_timeout_s=60) as producer:
        producer.start()
        eventually(lambda: producer.stats().delivered == 1, "the event of before is sent")
        assert producer.stats().taken_over == 1


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_a_file_whose_event_is_refused_at_once_is_deleted_all_the_same(tmp_path: Path, place: int) -> None:
    contents = ["fits", "fits as well"]
    contents.insert(place, "x" * 3000)
    left = leave_events(tmp_path, *contents)
    small: Any = mocked(**{"message.max.bytes": 2000})
    heard: list[Delivery] = []
    with FeedbackProducer(
        "shop", connection=small, spool_dir=tmp_path, exit_timeout_s=60, on_delivery=heard.append
    ) as producer:
        producer.start()
        eventually(lambda: producer.stats().delivered + producer.stats().failed == 3, "all are settled")
        eventually(lambda: not left.exists(), "the file is deleted while the producer runs")
        assert producer.stats().spool_bytes == 0
        assert producer.stats().waiting == 0
    assert [each.error is None for each in heard].count(False) == 1


def test_a_file_of_which_all_events_are_refused_at_once_is_deleted(tmp_path: Path) -> None:
    left = leave_events(tmp_path, "x" * 3000)
    with FeedbackProducer(
        "shop", connection=mocked(**{"message.max.bytes": 2000}), spool_dir=tmp_path, exit_timeout_s=60
    ) as producer:
        producer.start()
        eventually(lambda: producer.stats().failed == 1, "it is refused")
        eventually(lambda: not left.exists(), "the file is deleted while the producer runs")


def test_two_threads_report_what_was_postponed_once() -> None:
    heard: list[Delivery] = []
    reporter = DeliveryReporter(heard.append)

    class Slow(type(reporter._postponed)):  # type: ignore[misc]  # a deque
        """Lets another thread in between the look and the taking."""

        def __len__(self) -> int:
            length: int = super().__len__()
            barrier.wait(30)
            return length

        def __bool__(self) -> bool:
            return len(self) > 0

    key, payload = b"shop/c", b"\0\0\0\0\1\4ee"
    for _ in range(20):
        barrier, heard[:] = threading.Barrier(2), []
        reporter._postponed = Slow()
        reporter.postpone_report(delivery_of(key, payload, DeliveryError("x")), None)
        raised: list[BaseException] = []

        def report(raised: list[BaseException] = raised, barrier: threading.Barrier = barrier) -> None:
            try:
                reporter.report_postponed()
            except threading.BrokenBarrierError:
                pass
            except BaseException as error:
                raised.append(error)
            finally:
                barrier.abort()

        threads = [threading.Thread(target=report) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert raised == []
        assert len(heard) == 1
