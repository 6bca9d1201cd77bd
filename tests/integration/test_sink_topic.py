"""The sink and its topic: made anew, with other settings, with records that retention deleted."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from plaudit_infra.audit.run import audit
from plaudit_schemas.topics import FINISHED
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.waiting import eventually
from tests.support.line import Line
from tests.support.sinks import Sinks, chats, each_once, send, sources
from tests.support.topics import alter_topic, delete_before, make_anew

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Make = Callable[..., Line]


@pytest.mark.parametrize("longer", [True, False], ids=["longer than before", "shorter than before"])
def test_a_topic_that_is_made_anew_ends_the_sink_and_mixes_nothing(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path, longer: bool
) -> None:
    one, out = line(partitions=2), tmp_path / "out"
    writing = sinks(one, rotate_minutes="0.02")
    sink = writing.start()
    writing.address()
    send(one.connection, chats(2, range(20)))
    eventually(lambda: sources(out) == each_once(2, range(20)), "all is written")
    sink.send_signal(signal.SIGSTOP)  # or it would find the new topic while that is still shorter
    make_anew(one.connection, FINISHED)
    send(one.connection, chats(2, range(100, 160 if longer else 105)))
    sink.send_signal(signal.SIGCONT)
    assert sink.wait(120) == 1
    assert "was deleted and made anew" in writing.logs()
    assert writing.start().wait(120) == 1
    assert "the output was made from another topic" in writing.logs()
    assert sources(out) == each_once(2, range(20))
    found = audit(one.connection, WorkerSettings(), str(out)).differences
    assert any("the output was made from a topic" in each.what for each in found)
    fresh = sinks(one, str(tmp_path / "new"))
    fresh.once()
    assert sources(tmp_path / "new") == each_once(2, range(100, 160 if longer else 105))


SETTINGS = [
    pytest.param("cleanup.policy", "compact", "delete", id="compaction"),
    pytest.param("retention.bytes", "1000000", "-1", id="a limit in bytes"),
    pytest.param("retention.ms", "60000", "2592000000", id="a short retention"),
    pytest.param("message.timestamp.type", "CreateTime", "LogAppendTime", id="another clock"),
]


@pytest.mark.parametrize(("name", "bad", "good"), SETTINGS)
def test_settings_that_lose_conversations_are_refused_and_told(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path, name: str, bad: str, good: str
) -> None:
    one, out = line(partitions=1), tmp_path / "out"
    writing = sinks(one, rotate_minutes="0.02")
    sink = writing.start()
    web = writing.address()
    eventually(lambda: httpx.get(web + "/health/ready", timeout=30).status_code == 200, "the sink is ready")
    alter_topic(one.connection, FINISHED, name, bad)
    eventually(lambda: httpx.get(web + "/health/ready", timeout=30).status_code == 503, "it is not ready")
    assert f"must have {name}" in httpx.get(web + "/health/ready", timeout=30).json()["reason"]
    assert "plaudit_sink_ready 0.0" in httpx.get(web + "/metrics", timeout=30).text
    send(one.connection, chats(1, range(10)))
    eventually(lambda: sources(out) == each_once(1, range(10)), "it goes on writing")
    refused = sinks(one, str(tmp_path / "new"))
    assert refused.start().wait(120) == 1
    assert f"must have {name}" in refused.logs()
    alter_topic(one.connection, FINISHED, name, good)
    eventually(lambda: httpx.get(web + "/health/ready", timeout=30).status_code == 200, "it is ready again")
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(120) == 0, writing.logs()


def test_offsets_that_retention_deleted_are_recorded_shown_and_audited(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=2), tmp_path / "out"
    writing = sinks(one, rotate_minutes="0.02")
    send(one.connection, chats(2, range(10)))
    writing.once()
    send(one.connection, chats(2, range(10, 30)))
    delete_before(one.connection, FINISHED, 1, 15)
    sink = writing.start()
    expected = [
        *((0, offset) for offset in range(30)),
        *((1, o) for o in range(30) if o not in range(10, 15)),
    ]
    eventually(lambda: sorted(sources(out)) == expected, "the rest is written")
    (recorded,) = out.glob(".plaudit/lost/*/*.json")
    assert recorded.name == "0001-000000000010-000000000014.json"
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(120) == 0
    (noticed,) = json.loads(recorded.read_text()).values()
    writing.start()  # another process, which has lost nothing itself

    def told() -> bool:
        words = (one.folder / "sink2.log").read_text().split()
        web = [word for word in words if word.startswith("http://")]
        shown = httpx.get(web[0] + "/metrics", timeout=30).text if web else ""
        lost = [
            each for each in shown.splitlines() if each.startswith("plaudit_sink_lost_timestamp_seconds ")
        ]
        return bool(lost) and float(lost[0].split()[1]) == pytest.approx(noticed)

    eventually(told, "the alert goes by the output")
    lost = [
        each for each in audit(one.connection, WorkerSettings(), str(out)).differences if each.first == 10
    ]
    assert [(each.partition, each.first, each.last) for each in lost] == [(1, 10, 14)]


def test_records_deleted_while_the_sink_reads_are_told_after_its_restart(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=1), tmp_path / "out"
    send(one.connection, chats(1, range(10)))
    writing = sinks(one, rotate_minutes="0.02")
    writing.once()
    sink = writing.start()
    eventually(lambda: "taken over" in (one.folder / "sink1.log").read_text(), "the sink has its partition")
    sink.send_signal(signal.SIGSTOP)
    send(one.connection, chats(1, range(10, 30)))
    delete_before(one.connection, FINISHED, 0, 20)
    sink.send_signal(signal.SIGCONT)

    def written() -> bool:
        if all(each.poll() is not None for each in writing.running):
            writing.start()  # as a supervisor does
        return len(sources(out)) >= 20

    eventually(written, "the rest is written")
    assert sorted(sources(out)) in (
        [(0, offset) for offset in [*range(10), *range(20, 30)]],
        [(0, offset) for offset in range(30)],  # it had fetched them before it was stopped
    )
    assert len(list(out.glob(".plaudit/lost/*/*.json"))) == (len(sources(out)) < 30)
