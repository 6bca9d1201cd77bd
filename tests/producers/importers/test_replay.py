"""The way from batches to a producer: whole conversations, pace, times, limit, report."""

import gzip
import io
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers import BufferFullError, ClosedError
from plaudit_producers.clock import Clock
from plaudit_producers.destinations import count_unsent
from plaudit_producers.importers import (
    BadRecord,
    Batch,
    Chat,
    ImportOptions,
    Place,
    find_format,
    json_file,
    json_lines,
)
from plaudit_producers.importers.formats import read_batches
from plaudit_producers.importers.outcome import describe_replay
from plaudit_producers.importers.replay import Replay
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.run import Pace, replay_file
from plaudit_producers.importers.source import open_source
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.times import micros
from plaudit_schemas.errors import InvalidEventError, NotFoundError, SettingsError


class FakeClock:
    """A clock that moves when someone sleeps, and a little with every look."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds
        self.slept += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: round(self.now * 1_000_000), self.sleep)


def build(chat: Chat, record: dict[str, Any]) -> None:
    for text in record["texts"]:
        chat.add_message("user", text)


FORMAT = json_lines("texts", build)


def texts(folder: Path, *lines: object) -> Path:
    path = folder / "texts.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_a_conversation_is_sent_whole_or_not_at_all(tmp_path: Path) -> None:
    path = texts(
        tmp_path,
        {"texts": ["one"]},
        {"texts": ["good", 3]},
        {"texts": ["good", "\ud800"]},
        {"texts": ["x" * (1 << 20), "x" * (1 << 20) + "x"]},
        "",
        "{no json",
        {"other": 1},
        {"texts": ["two"]},
    )
    producer, report = InMemoryProducer(), ImportReport(tmp_path / "report.jsonl")
    summary = replay_file(path, FORMAT, producer, report=report)
    assert (summary.records, summary.events, report.bad) == (2, 4, 5)
    assert len(producer.events) == 4
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert [(line["line"], line["outcome"]) for line in lines] == [(n, "refused") for n in (2, 3, 4, 6, 7)]
    assert "must be a text" in lines[0]["reason"]
    assert "not valid JSON" in lines[3]["reason"]
    assert "lacks 'texts'" in lines[4]["reason"]
    shown = describe_replay(summary, report, "original", 1.0)
    assert "5 records were refused" in shown
    assert "line 2" in shown


def test_without_bad_records_there_is_no_report(tmp_path: Path) -> None:
    report = ImportReport(tmp_path / "report.jsonl")
    replay_file(texts(tmp_path, {"texts": ["one"]}), FORMAT, InMemoryProducer(), report=report)
    assert report.bad == 0
    assert not (tmp_path / "report.jsonl").exists()


def test_the_rate_is_kept_and_times_are_those_of_sending(tmp_path: Path) -> None:
    path = texts(tmp_path, *({"texts": ["a"] * 9} for _ in range(20)))
    fake, producer = FakeClock(), InMemoryProducer()
    summary = replay_file(path, FORMAT, producer, pace=Pace(rate=50.0), clock=fake.clock())
    assert summary.events == 200
    assert fake.slept == pytest.approx(200 / 50, rel=0.02)
    times = [event.occurred_at.timestamp() - 1_000 for event in producer.events]
    assert times == pytest.approx([n / 50 for n in range(200)], abs=0.001)


def test_after_a_stall_the_rest_is_not_rushed() -> None:
    fake, producer = FakeClock(), InMemoryProducer()
    replay = Replay(producer, ImportReport(None), rate=10.0, clock=fake.clock())

    def items() -> Any:
        for number in range(20):
            chat = Chat(Place(number, number), ImportOptions(), "f")
            chat.start()
            yield chat.batch()
            if number == 9:
                fake.now += 60

    replay.send_batches(items())
    times = [event.occurred_at.timestamp() for event in producer.events]
    assert times[10] - times[9] > 59
    assert times[19] - times[10] == pytest.approx(0.9, abs=0.15)


def test_original_times_are_left(tmp_path: Path) -> None:
    path = texts(tmp_path, {"texts": ["one", "two"]})
    producer = InMemoryProducer()
    summary = replay_file(path, FORMAT, producer, pace=Pace(times="original"))
    assert {event.occurred_at.year for event in producer.events} == {2020}
    assert summary.invented == 3
    assert "invented" in describe_replay(summary, ImportReport(None), "original", 1.0)


def test_limit_counts_records_of_the_file(tmp_path: Path) -> None:
    path = texts(tmp_path, {"texts": ["1"]}, "bad", {"texts": ["3"]}, {"texts": ["4"]})
    report = ImportReport(None)
    summary = replay_file(path, FORMAT, InMemoryProducer(), pace=Pace(limit=3), report=report)
    assert (summary.records, report.bad) == (2, 1)


def test_options_reach_every_conversation(tmp_path: Path) -> None:
    producer = InMemoryProducer()
    options = ImportOptions(application="shop", consent="granted", tags={"licence": "MIT"})
    replay_file(texts(tmp_path, {"texts": ["1"]}), FORMAT, producer, options=options)
    first = producer.events[0]
    assert (first.application, first.body.consent, first.body.tags) == ("shop", "granted", {"licence": "MIT"})  # type: ignore[union-attr]  # a start


@pytest.mark.parametrize(
    "wrong",
    [{"application": "no spaces"}, {"tags": {"x": 1}}, {"consent": "maybe"}],
    ids=["application with a blank", "tag as a number", "unknown consent"],
)
def test_wrong_options_are_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        ImportOptions(**wrong)


def test_ids_follow_from_place_and_content(tmp_path: Path) -> None:
    def ids(*lines: object) -> list[str]:
        producer = InMemoryProducer()
        replay_file(texts(tmp_path, *lines), FORMAT, producer)
        return [event.event_id for event in producer.events]

    same = {"texts": ["hello"]}
    first = ids(same, same)
    assert len(set(first)) == 4  # the same chat twice is two chats
    assert ids(same, same) == first
    assert ids(same, {"texts": ["other"]})[:2] == first[:2]
    assert set(ids({"texts": ["other"]}, same)[:2]).isdisjoint(first)


@pytest.mark.parametrize(
    "first",
    [
        lambda chat: chat.end(),
        lambda chat: chat.like(None),
        lambda chat: chat.update(tags={"a": "b"}),
        lambda chat: chat.add_message("user", "x"),
        lambda chat: chat.compare(["a", "b"], ["a", "b"]),
    ],
    ids=["end", "like", "update", "message", "comparison"],
)
def test_any_verb_begins_the_conversation(first: Any) -> None:
    chat = Chat(Place(1, 1), ImportOptions(), "f")
    first(chat)
    chat.comment(None, "words")
    chat.signal(None, "copied")
    records = chat.batch().records
    assert records[0]["body"][0] == "plaudit.v1.StartConversation"
    assert len({record["event_id"] for record in records}) == len(records) == 4


def test_ids_and_times_may_be_the_files_own() -> None:
    chat = Chat(Place(1, 1), ImportOptions(), "f")
    at = datetime(2024, 5, 6, tzinfo=UTC)
    chat.start(event_id="e0", occurred_at=at)
    assert chat.add_message("user", "x", message_id="m0", event_id="e1") == "m0"
    batch = chat.batch()
    assert [record["event_id"] for record in batch.records] == ["e0", "e1"]
    assert batch.records[0]["occurred_at"] == micros(at) < batch.records[1]["occurred_at"]
    assert batch.invented == 1
    with pytest.raises(InvalidEventError):
        chat.end(event_id="")
    with pytest.raises(InvalidEventError):
        chat.end(occurred_at=datetime(2024, 5, 6))  # noqa: DTZ001  # it knows no zone


def test_a_producer_without_room_or_closed_stops_the_import(tmp_path: Path) -> None:
    path = texts(tmp_path, {"texts": ["one", "two"]})
    producer = InMemoryProducer(max_buffer_events=1, when_full="drop")
    producer.go_offline()
    with pytest.raises(BufferFullError):
        replay_file(path, FORMAT, producer)
    producer.close(0)
    with pytest.raises(ClosedError):
        replay_file(path, FORMAT, producer)


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        replay_file(
            texts(tmp_path, "bad"), FORMAT, InMemoryProducer(), report=ImportReport(tmp_path / "no" / "r")
        )


def test_a_missing_file_and_an_unknown_format_are_errors(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot be read"):
        replay_file(tmp_path / "none", FORMAT, InMemoryProducer())
    with pytest.raises(NotFoundError, match="did you mean oasst"):
        find_format("oast")


@pytest.mark.slow
def test_a_damaged_gzip_ends_the_import(tmp_path: Path) -> None:
    lines = [json.dumps({"texts": [f"{random.random()}"]}).encode() + b"\n" for _ in range(20_000)]
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"".join(lines))[:-9])
    report = ImportReport(None)
    summary = replay_file(path, FORMAT, InMemoryProducer(), report=report)
    assert 19_000 < summary.records < 20_001
    assert report.rest_unread
    assert "to its end" in describe_replay(summary, report, "now", 1.0)


@pytest.mark.parametrize("array", [False, True], ids=["lines", "array"])
def test_reading_holds_one_conversation_at_a_time(tmp_path: Path, array: bool) -> None:
    path = tmp_path / "texts"
    lines = [json.dumps({"texts": ["x" * 1000] * 100})] * 50
    path.write_text("[" + ",".join(lines) + "]" if array else "\n".join(lines))
    with open_source(path) as source:
        items = read_batches(json_file("texts", build), source, ImportOptions())
        first = next(items)
        assert isinstance(first, Batch)
        read, size = source.progress()
        assert size is not None
        assert read < size / 4
        assert not any(isinstance(item, BadRecord) for item in items)


def test_what_kafka_did_not_take_is_counted() -> None:
    producer = InMemoryProducer(delivery_timeout_s=0.05)
    producer.go_offline()
    chat = Chat(Place(1, 1), ImportOptions(), "f")
    chat.end()
    Replay(producer, ImportReport(None)).send_batches([chat.batch()])
    assert count_unsent(producer) == 2
    producer.go_online()
    assert count_unsent(producer) == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = texts(tmp_path, *({"texts": ["a"] * 9} for _ in range(20)))
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    replay_file(path, FORMAT, InMemoryProducer())
    shown = terminal.getvalue()
    assert "100%" in shown
    assert "events=200" in shown


@pytest.mark.parametrize("missing", ["terminal", "tqdm"])
def test_without_a_terminal_or_tqdm_there_is_no_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    stream = io.StringIO() if missing == "terminal" else Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    if missing == "tqdm":
        monkeypatch.setattr("plaudit_producers.importers.run.find_spec", lambda _: None)
    replay_file(texts(tmp_path, {"texts": ["a"]}), FORMAT, InMemoryProducer())
    assert stream.getvalue() == ""


def test_a_record_with_two_notes_is_one_record_with_a_note(tmp_path: Path) -> None:
    def build_noted(chat: Chat, record: dict[str, Any]) -> None:
        chat.add_message("user", "x")
        for note in record["notes"]:
            chat.note(note)

    path = texts(tmp_path, {"notes": ["a", "b"]}, {"notes": []}, {"notes": ["a"]})
    report = ImportReport(tmp_path / "report.jsonl")
    summary = replay_file(path, json_lines("noted", build_noted), InMemoryProducer(), report=report)
    assert "2 records have a note" in describe_replay(summary, report, "now", 1.0)
    assert len((tmp_path / "report.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("seconds", [4e11, -1e11, 1e300], ids=["10000 years", "before the year 1", "huge"])
def test_a_pause_out_of_the_calendar_makes_a_bad_record(tmp_path: Path, seconds: float) -> None:
    def build_late(chat: Chat, record: dict[str, Any]) -> None:
        chat.add_message("user", "x")
        chat.wait(record["wait"])
        chat.end()

    producer, report = InMemoryProducer(), ImportReport(None)
    path = texts(tmp_path, {"wait": seconds}, {"wait": 5})
    replay_file(path, json_lines("late", build_late), producer, pace=Pace(times="original"), report=report)
    assert len(producer.events) == 3
    (reason,) = report.examples
    assert "occurred_at must lie in the years 1 to 9999" in reason
