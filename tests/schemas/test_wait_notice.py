"""What is said of a wait: at once, then ever more rarely, and its end."""

import logging

import pytest
from plaudit_schemas.service.wait_notice import WaitNotice

log = logging.getLogger("plaudit.test")


def test_the_same_reason_is_said_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    notice = WaitNotice(log, clock=lambda: now[0])
    said_at = []
    for second in range(0, 8 * 3600, 2):
        now[0] = float(second)
        before = len(caplog.records)
        notice.note(f"Kafka does not answer (after {second} ms, attempt {second})")
        said_at += [second] if len(caplog.records) > before else []
    assert said_at[:6] == [0, 60, 180, 420, 900, 1860]
    assert {later - earlier for earlier, later in zip(said_at[-3:], said_at[-2:], strict=False)} == {3600}
    assert "waiting for 60 s: Kafka does not answer" in caplog.text


def test_another_reason_and_the_end_are_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    notice = WaitNotice(log, "waiting to look", clock=lambda: now[0])
    notice.note(None)
    assert not caplog.records, "nothing waited"
    for reason in ("Kafka is away", "Redis is away", "Kafka is away", None, None):
        now[0] += 1
        notice.note(reason)
    notice.note("Kafka is away")
    assert [record.getMessage() for record in caplog.records] == [
        "waiting to look: Kafka is away",
        "waiting to look: Redis is away",
        "no longer waiting to look, after 3 s",
        "waiting to look: Kafka is away",
    ]


def test_reasons_that_all_differ_are_not_said_without_end(caplog: pytest.LogCaptureFixture) -> None:
    notice = WaitNotice(log, clock=lambda: 0.0)
    for number in range(1000):
        notice.note("x" * number + "!")
    assert len(caplog.records) == 20
