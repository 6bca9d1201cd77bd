"""Clocks that are wrong: of producers, and of the machine of a worker."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.dashboard.broker_time import BrokerTime
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_infra.audit.run import audit
from plaudit_schemas.codec.several import SeveralDecoder
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.settings import load
from plaudit_schemas.topics import EVENTS, FINISHED, METRICS
from plaudit_stream_processors.fold import EMITTED
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.waiting import eventually
from tests.stream_processors.builders import event
from tests.support.finished import chat, encoded, like
from tests.support.line import Line, wrong_clock
from tests.support.sinks import Sinks, send, sources

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
ENCODER = Encoder("conversation_event")
IDLE_S = 3
STALE = "PlauditSnapshotsStale"


def sent(
    chat: str, name: str, body: dict[str, Any], *, clock_s: float, **envelope: Any
) -> tuple[bytes, bytes]:
    """An event of a producer whose clock is ahead by so much."""
    record = event(name, body) | {
        "event_id": f"{chat}-{name}-{body.get('message_id', '')}-{time.monotonic_ns()}",
        "conversation_id": chat,
        "application": "shop",
        "occurred_at": time.time_ns() // 1000 + int(clock_s * 1e6),
        **envelope,
    }
    return conversation_key("shop", chat), ENCODER.encode(record)


def chats(count: int, **how: Any) -> Iterator[tuple[bytes, bytes]]:
    model = {"id": "m", "version": "1"}
    for number in range(count):
        chat = f"c{number}"
        yield sent(chat, "StartConversation", {"model": model}, **how)
        yield sent(chat, "AddMessage", {"message_id": "a", "role": "assistant", "content": "x"}, **how)


def latest(line: Line, window_s: int) -> dict[str, Any]:
    """The newest snapshot of the one series over a window: figure -> count, and the flag."""
    decoder = Decoder("metric_snapshot")
    found: dict[str, Any] = {}
    for record in line.read(METRICS):
        if record.value is not None:
            snapshot = decoder.decode(record.value)
            if snapshot["window_seconds"] == window_s:
                found = {figure["name"]: figure["count"] for figure in snapshot["figures"]}
                found["skewed"] = snapshot["skewed"]
    return found


@pytest.mark.parametrize(
    ("producer_s", "worker_s", "skewed"),
    [
        pytest.param(12, 0, False, id="producer 12 s fast"),
        pytest.param(55, 0, False, id="producer 55 s fast"),
        pytest.param(4000, 0, True, id="producer an hour fast"),
        pytest.param(-7000, 0, True, id="producer two hours slow"),
        pytest.param(0, -20, False, id="worker 20 s slow"),
        pytest.param(0, 4000, False, id="worker an hour fast"),
        pytest.param(0, -90_000, False, id="worker a day slow"),
    ],
)
def test_figures_equal_what_was_sent(
    line: Callable[..., Line], producer_s: float, worker_s: float, *, skewed: bool
) -> None:
    one = line(partitions=2, settings={"snapshot_interval_s": "0.5", "worker_instance": "w"})
    one.start_worker(clock_ahead_s=worker_s)
    one.send(chats(40, clock_s=producer_s, held_ms=0))
    one.wait_folded()
    windows = (300, 3600, 86_400)
    eventually(
        lambda: all(latest(one, window).get("messages_assistant") == 40 for window in windows),
        "every window shows every message",
        60,
    )
    assert {latest(one, window)["skewed"] for window in windows} == {skewed}
    one.check_exact()


@pytest.mark.parametrize("worker_s", [4000, -4000], ids=["ahead", "behind"])
def test_the_sweeper_goes_by_the_brokers_time(line: Callable[..., Line], worker_s: float) -> None:
    """A worker whose clock is an hour off ends chats that are idle, and no others."""
    settings = {"idle_timeout_s": str(IDLE_S), "sweep_interval_s": "0.2", "worker_instance": "w"}
    one = line(partitions=1, settings=settings)
    one.start_worker(clock_ahead_s=worker_s)
    one.send(chats(1, clock_s=0, held_ms=0))
    for number in range(20):
        body = {"message_id": f"m{number}", "role": "user", "content": "x"}
        one.send([sent("c0", "AddMessage", body, clock_s=0, held_ms=0)])
        one.wait_folded()
    eventually(lambda: bool(silences(one)), "the idle chat is ended", 120)
    one.wait_folded()
    assert min(silences(one)) >= IDLE_S * 1000, "only silence ends a chat"
    one.check_exact()


@pytest.mark.parametrize("ahead_s", [4000, -4000], ids=["ahead", "behind"])
def test_the_dashboard_goes_by_the_brokers_time(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    """A console whose clock is an hour off takes figures for old when they are, and only then."""
    one = line(partitions=1, settings={"snapshot_interval_s": "1"})
    worker = one.start_worker()
    one.send(chats(5, clock_s=0, held_ms=0))
    one.wait_folded()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead_s)
    monkeypatch.setattr(BrokerTime.__init__, "__defaults__", (time.monotonic, time.time))
    monitor = LineMonitor(one.connection, profile="demo", group="plaudit-worker")

    def old() -> list[str]:
        monitor.poll()
        return [each.condition.text for each in monitor.alerts if each.condition.alert == STALE]

    eventually(lambda: not old() and bool(monitor.history.current()), "the figures are new", 60)
    seen = monitor.history.newest_at
    eventually(lambda: old() == [] and monitor.history.newest_at >= seen + 5_000_000, "they stay so", 60)
    one.end_worker(worker)
    eventually(lambda: bool(old()), "the figures are old")
    assert old()[0] in {f"The figures are {age} s old" for age in range(30, 40)}
    monitor.close()


def silences(line: Line) -> list[int]:
    """The silence that each idle end in the log ends, in ms by the broker's clock.

    It begins with the activity that the end names. The fold leaves the chat open if there was more meanwhile.
    """
    decoder, found = Decoder("conversation_event"), []
    for record in line.read(EVENTS):
        name, body = decoder.decode(record.value or b"")["body"]
        if name.endswith("EndConversation") and body["reason"] == "idle":
            found.append(record.timestamp - body["last_activity_at"] // 1000)
    return found


@pytest.mark.parametrize("ahead_s", [4000, -4000], ids=["an hour fast", "an hour slow"])
def test_rows_wait_for_no_clock_of_the_sink(
    line: Callable[..., Line],
    sinks: Callable[..., Sinks],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    ahead_s: int,
) -> None:
    """At the end of the log a file is closed once its rows have waited: no hour later, nor at each record."""
    one, out = line(partitions=1), tmp_path / "out"
    for name, value in wrong_clock(ahead_s).items():
        monkeypatch.setenv(name, value)
    own = sinks(one)
    own.start(rotate_minutes="0.1")  # 6 s
    own.address()
    for offset in range(5):
        send(one.connection, [(0, encoded(chat(like("a"), offset=offset)))])
    eventually(lambda: len(sources(out)) == 5, "the rows are written", 60)
    assert len(list(out.glob("v1/conversations/*/*.parquet"))) <= 2


@pytest.mark.parametrize("ahead_s", [10**7, -(10**7)], ids=["months fast", "months slow"])
def test_an_audit_goes_by_the_clock_of_redis(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, ahead_s: int
) -> None:
    """Counters expire by that clock. An auditor with a fast clock took all of them for expired."""
    one = line(partitions=1)
    one.start_worker()
    one.send(chats(5, clock_s=0, held_ms=0))
    one.wait_folded()
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + ahead_s * 10**9)
    report = audit(one.connection, load(WorkerSettings, environ={}), None)
    assert (report.balanced, report.pending) == (True, [])
    assert report.totals()["cells"] >= 4, "messages and conversations, in buckets of 10 s and 10 min"


@pytest.mark.parametrize("clock_s", [0, 4000, -(10**7)], ids=["right", "an hour fast", "months slow"])
@pytest.mark.parametrize("name", ["UpdateConversation", "StartConversation"])
def test_a_denial_after_the_end_is_emitted_at_once(
    line: Callable[..., Line], name: str, clock_s: float
) -> None:
    """No further end is needed, and no clock is asked."""
    one = line(partitions=1)
    one.start_worker()
    how: dict[str, Any] = {"clock_s": 0, "held_ms": 0, "producer": "page"}
    one.send(
        [
            sent("c", "StartConversation", {"consent": "granted"}, sequence=0, **how),
            sent("c", "EndConversation", {"reason": "closed"}, sequence=1, **how),
            sent("c", name, {"consent": "denied"}, **{**how, "clock_s": clock_s, "producer": "backend"}),
        ]
    )
    one.wait_folded()
    decoder = SeveralDecoder(EMITTED)
    found = [decoder.decode(record.value or b"") for record in one.read(FINISHED)]
    assert [schema for schema, _ in found] == ["finished_conversation", "amendment"]
    assert found[0][1]["consent"] == "granted"
    assert found[1][1]["body"][1]["consent"] == "denied"
    one.check_exact()
