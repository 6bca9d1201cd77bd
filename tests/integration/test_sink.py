"""The sink on real servers: everything once, whatever happens to it."""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from plaudit_infra.audit.dead_letters import LetterIndex
from plaudit_schemas.topics import DEAD_LETTERS, FINISHED

from harness.events import events
from harness.waiting import eventually
from tests.support.finished import T0_MS, chat, encoded, like
from tests.support.line import Line
from tests.support.sinks import Sinks, logged, rows, send, sources
from tests.support.topics import alter_topic

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

Make = Callable[..., Line]


def records(partition: int, offsets: range) -> Iterator[tuple[int, bytes]]:
    for offset in offsets:
        yield partition, encoded(chat(like("a"), offset=offset, source_partition=partition))


def test_worker_and_sink_write_every_finished_conversation_once(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(), tmp_path / "out"
    one.send(events(4000, open_conversations=100, start_us=T0_MS * 1000))
    one.start_worker()
    one.wait_folded()
    writing = sinks(one, rotate_rows="40")
    writing.once()
    writing.once()
    expected = logged(one.connection)
    assert len(expected) > 100
    assert sources(out) == dict.fromkeys(expected, 1)
    assert len(list(out.glob("v1/conversations/*/*.parquet"))) > 4


@pytest.mark.slow
def test_a_sink_serves_health_and_metrics_and_writes_what_it_has_when_stopped(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=2), tmp_path / "out"
    send(one.connection, records(0, range(30)))
    writing = sinks(one, rotate_rows="20", rotate_minutes="0.05")
    sink = writing.start()
    eventually(lambda: len(rows(out, "conversations")) == 30, "a full file, and what waited at the log's end")
    address = next(word for word in writing.logs().split() if word.startswith("http://"))
    assert httpx.get(address + "/health/live").json() == {"status": "live"}
    assert httpx.get(address + "/health/ready").json() == {"status": "ready", "reason": None}
    assert 'plaudit_sink_rows_total{subset="conversations"} 30.0' in httpx.get(address + "/metrics").text
    assert httpx.get(address + "/").status_code == 404
    send(one.connection, records(0, range(30, 35)))
    eventually(
        lambda: 'plaudit_sink_lag_records{partition="0"} 5.0' in httpx.get(address + "/metrics").text,
        "the sink sees the last ones",
    )
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(120) == 0, writing.logs()
    assert sources(out) == {(0, offset): 1 for offset in range(35)}
    assert len(list(out.glob(".plaudit/markers/*/0000.json"))) == 1


@pytest.mark.slow
def test_repeats_are_dropped_and_garbage_goes_to_the_dead_letters(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=1), tmp_path / "out"
    sent = list(records(0, range(10)))
    stray = encoded(chat(offset=11, source_partition=3))
    send(one.connection, [*sent, *sent[4:], (0, b"garbage"), (0, stray)])
    writing = sinks(one)
    writing.once()
    send(one.connection, sent[8:])
    writing.once()
    assert sources(out) == {(0, offset): 1 for offset in range(10)}
    letters = [dict(message.headers) for message in one.read(DEAD_LETTERS)]
    assert [(each["reason"], each["offset"]) for each in letters] == [
        (b"bad_magic", b"16"),
        (b"invalid", b"17"),
    ]


@pytest.mark.slow
def test_several_sinks_share_the_partitions(line: Make, sinks: Callable[..., Sinks], tmp_path: Path) -> None:
    one, out = line(partitions=4), tmp_path / "out"
    writing = sinks(one, rotate_rows="7")
    first = writing.start()
    for partition in range(4):
        send(one.connection, records(partition, range(50)))
    eventually(lambda: len(rows(out, "conversations")) > 20, "the first sink writes")
    second = writing.start()
    eventually(lambda: "taken over" in (one.folder / "sink1.log").read_text(), "the second has partitions")
    for partition in range(4):
        send(one.connection, records(partition, range(50, 120)))
    expected = {(partition, offset): 1 for partition in range(4) for offset in range(120)}
    eventually(lambda: len(sources(out)) >= 4 * 112, "both go on")
    for sink in (first, second):
        sink.send_signal(signal.SIGTERM)
        assert sink.wait(120) == 0, writing.logs()
    assert sources(out) == expected


@pytest.mark.slow
def test_what_cannot_work_is_said_before_anything_is_consumed(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one = line(partitions=1)
    denied = sinks(one, "/proc/plaudit")  # not even root may write there
    assert denied.start().wait(120) == 1
    assert "/proc/plaudit cannot be written" in denied.logs()
    (tmp_path / "out/v1/conversations").mkdir(parents=True)
    (tmp_path / "out/v1/conversations/mine.parquet").write_bytes(b"x")
    foreign = sinks(one)
    assert foreign.start().wait(120) == 1
    assert "v1/conversations/mine.parquet was not written by a sink" in foreign.logs()
    assert foreign.start(topic_prefix="nowhere.").wait(120) == 1
    assert "run `plaudit topics create`" in foreign.logs()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert foreign.start(output=str(tmp_path / "new"), sink_web_port=port).wait(120) == 1
    assert f"PLAUDIT_SINK_WEB_PORT: 127.0.0.1:{port} cannot be served" in foreign.logs()
    alter_topic(one.connection, FINISHED, "message.timestamp.type", "CreateTime")
    assert foreign.start(output=str(tmp_path / "new")).wait(120) == 1
    assert "must have message.timestamp.type=LogAppendTime" in foreign.logs()


@pytest.mark.slow
def test_a_large_record_that_nobody_can_read_is_a_letter_without_its_bytes(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=1), tmp_path / "out"
    garbage = [bytes([at]) * size for at, size in enumerate((1_500_000, 3_000_000), start=1)]
    send(one.connection, [*records(0, range(3)), *((0, each) for each in garbage)])
    sinks(one).once()
    assert sources(out) == {(0, offset): 1 for offset in range(3)}
    fits, large = sorted(one.read(DEAD_LETTERS), key=lambda letter: dict(letter.headers)["offset"] or b"")
    assert fits.value == garbage[0]
    assert large.value is None
    assert b"3000000 bytes are too many" in (dict(large.headers)["detail"] or b"")
    assert (large.key, dict(large.headers)["offset"]) == (b"k", b"4")
    letters, finished = LetterIndex(), one.connection.topic_prefix + FINISHED
    assert list(letters.add_letters([fits, large], "events", finished)) == []
    assert letters.unread == {0: {3, 4}}
