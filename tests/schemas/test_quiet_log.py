"""librdkafka's log while Kafka is away."""

import logging

from plaudit_schemas.kafka.quiet_log import RepetitionFilter


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("kafka", logging.ERROR, "", 0, "%s: %s", ("FAIL", text), None)


def test_the_same_line_comes_once_and_later_with_how_often_it_was_held_back() -> None:
    now = [0.0]
    quiet = RepetitionFilter(clock=lambda: now[0])
    assert quiet.filter(line("broker:1 refused (after 0ms in state CONNECT)"))
    assert not quiet.filter(line("broker:1 refused (after 1ms in state CONNECT)"))
    assert not quiet.filter(line("broker:1 refused (after 7ms in state CONNECT)"))
    assert quiet.filter(line("broker:2 refused (after 1ms in state CONNECT)"))
    now[0] = 29.9
    assert not quiet.filter(line("broker:1 refused (after 1ms in state CONNECT)"))
    now[0] = 30.0
    again = line("broker:1 refused (after 1ms in state CONNECT)")
    assert quiet.filter(again)
    assert again.getMessage() == "FAIL: broker:1 refused (after 1ms in state CONNECT) (3 more since then)"
    written = 0
    for second in range(31, 3 * 86_400, 10):
        now[0] = float(second)
        written += quiet.filter(line("broker:1 refused (after 1ms in state CONNECT)"))
    assert 70 < written < 80, "ever more rarely, and each hour at last"
    now[0] += 61.0
    later = line("broker:1 refused (after 1ms in state CONNECT)")
    assert quiet.filter(later), "it had stopped"
    assert later.getMessage() == "FAIL: broker:1 refused (after 1ms in state CONNECT)"


def test_what_a_brokers_start_brings_is_told_only_if_it_lasts() -> None:
    now = [100.0]
    quiet = RepetitionFilter(clock=lambda: now[0])
    passing = "Failed to acquire idempotence PID from broker:1: Coordinator load in progress: retrying"
    assert not quiet.filter(line(passing))
    now[0] = 129.0
    assert not quiet.filter(line(passing))
    now[0] = 130.0
    lasting = line(passing)
    assert quiet.filter(lasting)
    assert lasting.getMessage().endswith("(2 more since then)")
    now[0] = 10_000.0
    assert not quiet.filter(line(passing)), "another start, much later"


def test_lines_that_all_differ_are_not_remembered_without_end() -> None:
    quiet = RepetitionFilter(clock=lambda: 0.0)
    assert all(quiet.filter(line(str(number))) for number in range(5000))
    assert len(quiet._told) <= 1000
