"""`plaudit audit` on a real line: it balances an honest one, and finds each kind of fault."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from plaudit_consumers.rows.schemas import SCHEMAS, Subset
from plaudit_infra.audit.report import Report, text
from plaudit_infra.audit.run import audit
from plaudit_infra.main import main
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.commands import OK
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.events import events
from tests.support.line import Line
from tests.support.sinks import Sinks

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def _more(count: int, start_us: int) -> Iterator[tuple[bytes, bytes]]:
    """Comparisons, corrections and erasures, which the benchmark's events lack."""
    encoder, rng = Encoder("conversation_event"), random.Random(3)
    for number in range(count):
        name = f"more-{number}"
        answers = [
            ("AddMessage", {"message_id": each, "role": "assistant", "content": each, "parent_id": "q"})
            for each in ("a", "b")
        ]
        question = {"message_id": "q", "role": "user", "content": f"question {number}", "parent_id": ""}
        shown = {"comparison_id": "c", "candidates": ["a", "b"], "ranking": [["b"], ["a"]]}
        bodies: list[tuple[str, dict[str, Any]]] = [
            ("StartConversation", {"model": {"id": "m"}, "consent": "granted", "user_id": f"u{number % 7}"}),
            ("AddMessage", question),
            *answers,
            ("CompareMessages", {**shown, "rater": {"kind": "user"}, "aspect": "preference"}),
            ("EndConversation", {"reason": "closed"}),
        ]
        if number % 10 == 0:
            bodies.append(("EraseConversation", {"reason": "asked for"}))
        for at, (body, fields) in enumerate(bodies):
            record = {
                "event_id": f"{name}-{at}-{rng.random()}", "application": "bench", "conversation_id": name,
                "occurred_at": start_us + at, "source": "sdk", "body": (f"plaudit.v1.{body}", fields),
            }  # fmt: skip
            yield conversation_key("bench", name), encoder.encode(record)


def _fed(one: Line, count: int = 2500, repeats: int = 200) -> Line:
    now = time.time_ns() // 1000
    sent = list(events(count, open_conversations=80, start_us=now))
    one.send(sent)
    one.send(sent[:repeats])
    one.send(_more(40, now))
    one.send([(b"bench/x", b"garbage"), (b"bench/x", b""), (b"bench/other", sent[0][1])])
    one.start_worker()
    one.wait_folded()
    one.stop_workers()
    return one


def _audited(one: Line, root: Path | None, **options: Any) -> Report:
    return audit(one.connection, WorkerSettings(), None if root is None else str(root), **options)


@pytest.fixture(scope="module")
def steady(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Line, Path]]:
    """A line at rest, with everything written; tests put back what they change."""
    folder = tmp_path_factory.mktemp("audited")
    one = _fed(Line(kafka, valkey, folder))
    out = folder / "out"
    sinks = Sinks(one.connection, folder, str(out), {"rotate_rows": "40"})
    sinks.once()
    yield one, out
    one.stop_workers()
    sinks.stop()


@pytest.fixture
def copy(steady: tuple[Line, Path], tmp_path: Path) -> Path:
    """The output, to be damaged."""
    shutil.copytree(steady[1], tmp_path / "copy")
    return tmp_path / "copy"


def test_an_honest_line_balances(steady: tuple[Line, Path]) -> None:
    one, out = steady
    report = _audited(one, out)
    assert report.balanced, text(report)
    assert report.pending == report.unchecked == []
    totals = report.totals()
    events_ = sum(one.ends().values())
    refused = sum(count for name, count in totals.items() if name.startswith("refused"))
    assert totals["events"] == events_
    assert totals["folded"] + totals["duplicates"] + totals["ignored"] + refused == events_
    assert (totals["duplicates"], refused, totals["letters"]) == (200, 3, 3)
    assert totals["finished"] == totals["emissions"] == totals["rows: conversations"] > 100
    assert totals["conversations"] > 100
    assert totals["cells"] > 100


def test_the_command_prints_a_balanced_book(
    steady: tuple[Line, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, out = steady
    for name, value in {
        "BOOTSTRAP_SERVERS": one.kafka, "REDIS_URL": one.redis, "TOPIC_PREFIX": one.connection.topic_prefix,
        "REDIS_PREFIX": one.connection.redis_prefix, "OUTPUT": str(out),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"PLAUDIT_{name}", value)
    assert main(["audit", "--wait", "30"]) == OK
    assert "everything agrees with the log" in capsys.readouterr().out
    assert main(["audit", "--without-rows", "--json"]) == OK
    assert '"unchecked": [\n    "rows:' in capsys.readouterr().out


def _rewrite(root: Path, subset: Subset, change: Change) -> Path:
    """Change a file's rows, and nothing else of it."""
    path = max((root / "v1" / subset).rglob("*.parquet"), key=lambda path: path.stat().st_size)
    metadata = pq.read_metadata(path).metadata
    rows = change(pq.read_table(path).to_pylist())
    with pq.ParquetWriter(path, SCHEMAS[subset]) as writer:
        writer.add_key_value_metadata({"plaudit": metadata[b"plaudit"].decode()})
        writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS[subset]))
    return path


def _altered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows[1]["licence"] = "stolen"
    return rows


@pytest.mark.parametrize(
    ("subset", "change", "what"),
    [
        pytest.param(
            "conversations", lambda rows: rows[:1] + rows[2:], "missing", id="a conversation is missing"
        ),
        pytest.param(
            "conversations", lambda rows: [*rows, rows[0]], "too many", id="a conversation is there twice"
        ),
        pytest.param("conversations", _altered, "altered", id="a conversation is altered"),
        pytest.param(
            "conversations", lambda rows: [rows[1], rows[0], *rows[2:]], None, id="rows in another order"
        ),
    ],
)
def test_a_changed_file_is_found(
    steady: tuple[Line, Path], copy: Path, subset: Subset, change: Change, what: str | None
) -> None:
    _rewrite(copy, subset, change)
    report = _audited(steady[0], copy)
    if what is None:  # the same rows in another order are the same rows
        assert report.balanced
        return
    assert report.found == {subset: 1}, text(report)
    assert what in report.differences[0].what


def test_a_row_of_nowhere_is_found(steady: tuple[Line, Path], copy: Path) -> None:
    _rewrite(copy, "conversations", lambda rows: [*rows, {**rows[0], "conversation_id": "nobody"}])
    (difference,) = _audited(steady[0], copy).differences
    assert "nobody" in difference.what
    assert "too many" in difference.what


def test_a_lost_file_is_found(steady: tuple[Line, Path], copy: Path) -> None:
    subset: Subset = "conversations"
    path = max((copy / "v1" / subset).rglob("*.parquet"), key=lambda path: path.stat().st_size)
    rows = pq.read_metadata(path).num_rows
    path.unlink()
    report = _audited(steady[0], copy)
    assert subset in report.found
    assert sum(account.rows_expected[subset] - account.rows[subset] for account in report.accounts) == rows
    later = _audited(steady[0], copy, rows_since_ms=time.time_ns() // 1_000_000 + 1)
    assert later.balanced, "rows of that time may have been deleted"


def test_a_damaged_file_is_named(steady: tuple[Line, Path], copy: Path) -> None:
    path = max((copy / "v1" / "conversations").rglob("*.parquet"), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:-4])
    assert any(path.name in difference.what for difference in _audited(steady[0], copy).differences)


@pytest.fixture
def keys(steady: tuple[Line, Path]) -> Iterator[tuple[Any, Any]]:
    """A client, and the keys of a partition; every key of it is put back afterwards."""
    one, _ = steady
    names = partition_keys(one.connection.redis_prefix, 0)
    with redis.Redis.from_url(one.redis) as client:
        before = {key: client.dump(key) for key in client.scan_iter(f"{one.connection.redis_prefix}*")}
        yield client, names
        for key in client.scan_iter(f"{one.connection.redis_prefix}*"):
            client.delete(key)
        for key, dumped in before.items():
            client.restore(key, 0, dumped)


def _one_of(client: Any, prefix: str) -> Any:
    return next(key for key in sorted(client.scan_iter(f"{prefix}*")) if client.hlen(key) > 2)


def test_a_changed_counter_is_found(steady: tuple[Line, Path], keys: tuple[Any, Any]) -> None:
    client, names = keys
    bucket = _one_of(client, names.metrics)
    cell = client.hkeys(bucket)[0]
    client.hincrby(bucket, cell, 1)
    report = _audited(*steady)
    assert report.found == {"counters": 1}, text(report)
    assert cell.decode() in report.differences[0].what
    client.delete(bucket)
    assert _audited(*steady).found.keys() == {"counters"}


def test_a_changed_state_is_found(steady: tuple[Line, Path], keys: tuple[Any, Any]) -> None:
    client, names = keys
    conversation = _one_of(client, names.conversation + "bench/conversation")
    messages = {k: v for k, v in client.hgetall(conversation).items() if k.startswith(b"message:")}
    field, message = next((k, v) for k, v in messages.items() if b"weather" in v)  # in no certain order
    client.hset(conversation, field, message.replace(b"weather", b"whether"))
    report = _audited(*steady)
    assert report.found == {"state": 1}, text(report)
    assert "messages differ" in report.differences[0].what
    client.hset(conversation, field, b"{")
    assert "cannot be read" in _audited(*steady).differences[0].what
    client.delete(conversation)
    assert "it is not there" in _audited(*steady).differences[0].what


def test_a_lost_listing_is_found(steady: tuple[Line, Path], keys: tuple[Any, Any]) -> None:
    client, names = keys
    (name,) = client.zrange(names.open, 0, 0)
    client.zrem(names.open, name)
    found = [difference.what for difference in _audited(*steady).differences]
    assert any("not listed as open" in what for what in found)
    assert any("are open; the log has" in what for what in found)


def test_a_state_that_lost_its_position_is_not_yet_there(
    steady: tuple[Line, Path], keys: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, names = keys
    client.delete(names.position)
    report = _audited(*steady)
    assert report.balanced, text(report)
    assert any("partition 0" in what and "not folded" in what for what in report.pending)


def test_what_the_sink_has_not_written_is_pending_not_wrong(
    steady: tuple[Line, Path], tmp_path: Path
) -> None:
    (tmp_path / "out" / "v1").mkdir(parents=True)
    report = _audited(steady[0], tmp_path / "out")
    assert report.balanced
    assert len(report.pending) == 4
    began = time.monotonic()
    assert _audited(steady[0], tmp_path / "out", wait_s=1.0).pending
    assert time.monotonic() - began >= 1.0


def test_a_line_at_work_balances_at_any_moment(kafka: str, valkey: str, tmp_path: Path) -> None:
    one = Line(kafka, valkey, tmp_path, partitions=2, settings={"worker_batch": "50"})
    sinks = Sinks(
        one.connection, tmp_path, str(tmp_path / "out"), {"rotate_rows": "20", "rotate_minutes": "0.02"}
    )
    sent = list(events(9000, open_conversations=300, start_us=time.time_ns() // 1000))
    (tmp_path / "out" / "v1").mkdir(parents=True)
    try:
        one.start_worker()
        sinks.start()
        for at in range(0, len(sent), 3000):
            one.send(sent[at : at + 3000])
            report = _audited(one, tmp_path / "out")
            assert report.balanced, text(report)
        report = _audited(one, tmp_path / "out", wait_s=90)
        assert report.balanced, text(report)
        assert report.pending == [], one.logs() + sinks.logs()
        assert report.totals()["rows: conversations"] > 300
    finally:
        one.stop_workers()
        sinks.stop()


def test_faults_of_the_topics_are_found(kafka: str, valkey: str, tmp_path: Path) -> None:
    one = _fed(Line(kafka, valkey, tmp_path, partitions=1), 600)
    sinks = Sinks(one.connection, tmp_path, str(tmp_path / "out"))
    sinks.once()
    prefix = one.connection.topic_prefix
    finished = list(one.read(FINISHED))
    letters = list(one.read(DEAD_LETTERS))
    producer = Producer(one.connection.kafka(**{"enable.idempotence": True}))
    decoder, encoder = Decoder("finished_conversation"), Encoder("finished_conversation")

    record = decoder.decode(finished[5].value or b"")
    producer.produce(prefix + FINISHED, encoder.encode(record), b"k", 0)  # a repeat, as after a crash
    letter = letters[0]
    producer.produce(prefix + DEAD_LETTERS, letter.value, letter.key, 0, headers=list(letter.headers))
    producer.flush(30)
    report = _audited(one, None)
    assert report.balanced, text(report)
    assert report.totals()["finished_repeats"] == report.accounts[0].letter_repeats == 1

    record["messages"][0]["content"] += "!"
    producer.produce(prefix + FINISHED, encoder.encode(record), b"k", 0)
    producer.produce(prefix + FINISHED, encoder.encode({**record, "source_offset": 0}), b"k", 0)
    made_up = DeadLetter.of(KafkaRecord(0, 0, 1, b"k", b"x"), prefix + EVENTS, Refusal("conflict", ""))
    planted = made_up.to_send(prefix + DEAD_LETTERS)
    producer.produce(
        prefix + DEAD_LETTERS, planted.value, planted.key, 0, headers=list(planted.headers or ())
    )
    producer.produce(prefix + DEAD_LETTERS, b"other", b"k", 0, headers=list(letter.headers))
    producer.produce(prefix + DEAD_LETTERS, b"other", b"k", 0)
    producer.flush(30)
    found = [difference.what for difference in _audited(one, None).differences]
    assert len(found) == 5
    for what in (
        "a content that the log does not make", "comes from an event that finishes and amends nothing",
        "for an event that is fine", "does not hold the event's key and bytes", "cannot be read",
    ):  # fmt: skip
        assert any(what in each for each in found), what

    _delete(one, FINISHED, finished[2].offset + 1)
    report = _audited(one, tmp_path / "out")
    missing = [difference for difference in report.differences if difference.what == "missing"]
    assert [difference.first for difference in missing] == [
        decoder.decode(message.value or b"")["source_offset"] for message in finished[:3]
    ]
    assert any("older than the finished topic" in what for what in report.unchecked), text(report)


def test_a_line_on_a_redis_cluster_balances(kafka: str, redis_cluster: str, tmp_path: Path) -> None:
    one = _fed(Line(kafka, redis_cluster, tmp_path), 1500)
    report = _audited(one, None)
    assert report.balanced, text(report)
    assert report.pending == []
    assert report.totals()["cells"] > 100
    names = partition_keys(one.connection.redis_prefix, 0)
    with redis.RedisCluster.from_url(redis_cluster.replace("+cluster", "")) as client:
        name = client.zrange(names.changed, 0, 0)[0].decode()
        client.hincrby(names.metrics + name, "planted", 1)
    assert _audited(one, None).found == {"counters": 1}


def _delete(one: Line, topic: str, before: int) -> None:
    place = TopicPartition(one.connection.topic_prefix + topic, 0, before)
    admin = AdminClient(one.connection.kafka())  # its futures end with it
    for future in admin.delete_records([place]).values():
        future.result(30)


def test_a_log_without_its_head_is_audited_in_part(kafka: str, valkey: str, tmp_path: Path) -> None:
    one = _fed(Line(kafka, valkey, tmp_path, partitions=1), 600, repeats=0)
    _delete(one, EVENTS, 300)
    report = _audited(one, None)
    assert report.balanced, text(report)
    assert any("the log begins at offset 300" in what for what in report.unchecked)
    assert report.accounts[0].conversations > 0
