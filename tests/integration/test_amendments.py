"""Words that come long after the end: in the topic, in the files, in the audit's book."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_infra.audit.report import Report, text
from plaudit_infra.audit.run import audit
from plaudit_schemas.codec.several import SeveralDecoder
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.topics import DEAD_LETTERS, FINISHED
from plaudit_stream_processors.fold import EMITTED
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.environ import environ_with
from harness.waiting import eventually
from tests.consumers.live_root import rows_of
from tests.stream_processors.builders import event
from tests.support.line import Line
from tests.support.services import ROOT
from tests.support.sinks import Sinks, rows, sources

pytestmark = [pytest.mark.kafka, pytest.mark.redis]
RETENTION_HOURS = 0.0001  # 0.36 s
ENCODER = Encoder("conversation_event")
REVIEWER = {"kind": "reviewer", "id": "r1"}
MODEL = {"kind": "model", "id": "judge", "version": "1"}


def _sent(chat: str, name: str, body: dict[str, Any], **envelope: Any) -> tuple[bytes, bytes]:
    record = event(name, body) | {
        "event_id": f"{chat}-{name}-{time.monotonic_ns()}",
        "conversation_id": chat,
        "application": "shop",
        "occurred_at": time.time_ns() // 1000,
        **envelope,
    }
    return conversation_key("shop", chat), ENCODER.encode(record)


def _chat(chat: str) -> list[tuple[bytes, bytes]]:
    model = {"id": "m", "version": "1"}
    return [
        _sent(chat, "StartConversation", {"model": model, "consent": "granted", "user_id": chat}),
        _sent(chat, "AddMessage", {"message_id": "q", "role": "user", "content": "Hello?", "parent_id": ""}),
        _sent(
            chat, "AddMessage", {"message_id": "a", "role": "assistant", "content": "Hi", "parent_id": "q"}
        ),
        _sent(chat, "EndConversation", {"reason": "closed"}),
    ]


def _verdict(chat: str, rater: dict[str, str], *, like: bool = True) -> tuple[bytes, bytes]:
    feedback = {
        "id": f"f-{rater['id']}", "rater": rater, "aspect": "satisfaction", "kind": "thumb",
        "value": ("plaudit.v1.Thumb", {"like": like}),
    }  # fmt: skip
    body = {"message_id": "a", "feedback": feedback}
    return _sent(chat, "UpdateMessage", body, source="review", producer="p", sequence=7)


def _late_words(chat: str) -> list[tuple[bytes, bytes]]:
    shown = {"comparison_id": "c", "candidates": ["a", "b"], "ranking": [["b"], ["a"]], "rater": REVIEWER}
    return [
        _verdict(chat, REVIEWER),
        _verdict(chat, MODEL, like=False),
        _sent(chat, "CompareMessages", {**shown, "aspect": "preference"}),
        _sent(chat, "ExcludeFromTraining", {"message_id": "a", "rater": REVIEWER, "reason": "private"}),
        _sent(chat, "UpdateConversation", {"consent": "denied", "tags": {"left": "out"}}),
    ]


def _audited(one: Line, root: Path) -> Report:
    worker = WorkerSettings(state_retention_hours=RETENTION_HOURS)
    return audit(one.connection, worker, str(root), wait_s=60)


@pytest.fixture
def judged(line: Callable[..., Line], sinks: Callable[..., Sinks]) -> tuple[Line, Sinks]:
    """A line with six chats. After their retention five words come for each, and then six new chats."""
    one = line(partitions=2, settings={"state_retention_hours": str(RETENTION_HOURS)})
    one.start_worker()
    for chat in range(6):
        one.send(_chat(f"c{chat}"))
    one.wait_folded()
    deadline = time.monotonic() + 0.5
    eventually(lambda: time.monotonic() > deadline, "the retention is over")
    for chat in range(6):
        one.send(_late_words(f"c{chat}"))
    one.wait_folded()
    for chat in range(6, 12):
        one.send(_chat(f"c{chat}"))
    one.wait_folded()
    one.stop_workers()
    # Small files: some ranges hold amendments alone, some conversations alone, some both.
    return one, sinks(one, rotate_rows="4")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "times"),
    [
        pytest.param("before", 1, marks=pytest.mark.slow, id="before the first file"),
        pytest.param("after", 1, id="after the first file"),
        pytest.param("after", 4, marks=pytest.mark.slow, id="after the fourth file"),
    ],
)
def test_a_sink_that_is_killed_between_its_files_loses_and_doubles_nothing(
    judged: tuple[Line, Sinks], moment: str, times: int
) -> None:
    one, sinks = judged
    publish = "plaudit_consumers.sink.outputs.local:LocalOutput.publish"
    environ = environ_with(
        bootstrap_servers=one.kafka, topic_prefix=one.connection.topic_prefix, output=sinks.output,
        sink_web_port="0", sink_session_s="6", rotate_rows="10",
    )  # fmt: skip
    armed = [sys.executable, "-m", "tests.support.killed", publish, moment, str(times), "sink", "--once"]
    done = subprocess.run(armed, env=environ, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    sinks.once(rotate_rows="3")
    root = Path(sinks.output)
    for kind, count in {"conversations": 12, "amendments": 30}.items():
        found = sources(root, kind)
        assert (len(found), found.total()) == (count, count)
    report = _audited(one, root)
    assert report.balanced, text(report)


def test_late_words_reach_the_files_and_the_book_balances(judged: tuple[Line, Sinks], tmp_path: Path) -> None:
    one, sinks = judged
    root = Path(sinks.output)
    sinks.once()
    assert list(one.read(DEAD_LETTERS)) == []
    decoder = SeveralDecoder(EMITTED)
    kinds = [decoder.name_of(record.value or b"") for record in one.read(FINISHED)]
    assert (kinds.count("finished_conversation"), kinds.count("amendment")) == (12, 30)

    found = rows(root, "amendments")
    for body, count in {
        "UpdateMessage": 12, "CompareMessages": 6, "ExcludeFromTraining": 6, "UpdateConversation": 6,
    }.items():  # fmt: skip
        assert sum(row["body"] == body for row in found) == count
    assert len(found) == len({row["event_id"] for row in found}) == 30
    (verdict,) = (
        row["feedback"] for row in found
        if row["conversation_id"] == "c3" and row["feedback"] and row["feedback"]["rater"]["id"] == "r1"
    )  # fmt: skip
    assert (verdict["thumb"], verdict["message_id"], verdict["aspect"]) == (True, "a", "satisfaction")
    assert {row["consent"] for row in found} == {None, "denied"}
    assert {(row["source"], row["producer"], row["sequence"]) for row in found if row["feedback"]} == {
        ("review", "p", 7)
    }
    assert len(rows(root, "conversations")) == 12
    assert "config_name: amendments" in (root / "README.md").read_text()

    report = _audited(one, root)
    assert report.balanced, text(report)
    assert report.pending == report.unchecked == []
    totals = report.totals()
    assert (totals["emissions"], totals["finished"], totals["amendments"]) == (42, 12, 30)
    assert (totals["rows: conversations"], totals["rows: amendments"]) == (12, 30)
    _find_planted(one, root, tmp_path / "copy")


@pytest.mark.slow
def test_a_snapshot_has_the_late_words(judged: tuple[Line, Sinks], tmp_path: Path) -> None:
    one, sinks = judged
    sinks.once()
    one.send([_verdict("c7", REVIEWER)])
    one.wait_folded(supervised=True)  # the workers had been stopped
    sinks.once()
    manifest = build_snapshot(str(sinks.output), SnapshotPlan(output=tmp_path / "snapshot"))
    # The comparisons name a message that no chat has.
    assert manifest.amendments == {"merged": 25, "unknown_message": 6}
    chats = {row["conversation_id"]: row for row in rows_of(tmp_path / "snapshot", "conversations")}
    assert {name for name, row in chats.items() if row["consent"] == "denied"} == {f"c{n}" for n in range(6)}
    assert [item["thumb"] for item in chats["c3"]["feedback"]] == [False, True]  # the model's, the reviewer's
    assert [item["excluded"] for item in chats["c3"]["messages"]] == [False, True]
    (row,) = rows_of(tmp_path / "snapshot", "kto")
    assert (row["conversation_id"], row["label"], row["raters"][0]["id"]) == ("c7", True, "r1")


def _find_planted(one: Line, root: Path, copy: Path) -> None:
    """The audit tells of a row that is missing, of one too many, and of records that no event made."""
    shutil.copytree(root, copy)
    path = max((copy / "v1/amendments").rglob("*.parquet"), key=lambda path: path.stat().st_size)
    table, metadata = pq.read_table(path), pq.read_metadata(path).metadata
    pq.write_table(table.slice(1).replace_schema_metadata({"plaudit": metadata[b"plaudit"]}), path)
    report = _audited(one, copy)
    assert report.found == {"amendments": 1}, text(report)
    assert table["event_id"][0].as_py() in report.differences[0].what
    assert "missing" in report.differences[0].what
    path.unlink()
    report = _audited(one, copy)
    assert report.found == {"amendments": 1}, text(report)
    assert f"{table.num_rows} rows are missing: no file holds them" in report.differences[0].what

    decoder, encoder = SeveralDecoder(EMITTED), Encoder("amendment")
    record = next(
        content
        for name, content in (decoder.decode(each.value or b"") for each in one.read(FINISHED))
        if name == "amendment"
    )
    producer = Producer(one.connection.kafka(**{"enable.idempotence": True}))
    place = {"topic": one.connection.topic_prefix + FINISHED, "partition": record["source_partition"]}
    producer.produce(**place, key=b"k", value=encoder.encode({**record, "event_id": "made up"}))
    assert producer.flush(30) == 0
    report = audit(one.connection, WorkerSettings(state_retention_hours=RETENTION_HOURS), None)
    assert report.found == {"finished conversations": 1}, text(report)
    assert "a content that the log does not make" in report.differences[0].what
