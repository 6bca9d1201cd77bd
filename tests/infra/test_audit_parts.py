"""The audit's parts without servers: streams of rows, dead letters, a remote root."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.rows import canonical_reader
from plaudit_infra.audit.dead_letters import LetterIndex, compare_letters
from plaudit_infra.audit.finished import FinishedComparison, FinishedRecord, SinkRefusals
from plaudit_infra.audit.ledger import ExpectedRefusal, Ledger, record_digest
from plaudit_infra.audit.report import KEPT, Account, Difference, Report, text
from plaudit_infra.audit.row_comparison import RowComparison
from plaudit_infra.audit.rows import RowsCheck
from plaudit_schemas.codec.several import SeveralDecoder
from plaudit_schemas.codec.wire import Decoder, Encoder, PackagedSchemas
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import EMITTED, Rules

from tests.consumers.test_odd_times import odd_chat
from tests.support.finished import T0_MS, chat, encoded
from tests.support.offline_sink import feed, log, sink


def _table(*numbers: int, text_: str = "t") -> Any:
    rows = [{"source_offset": number, "conversation_id": f"c{number}", "text": text_} for number in numbers]
    return pa.Table.from_pylist(rows)


def _odds(expected: list[Any], found: list[Any]) -> list[tuple[int, str]]:
    comparison = RowComparison(found)
    for table in expected:
        comparison.expect_rows(table)
    differences = [(each.source_offset, each.what.split()[-1]) for each in comparison.differences()]
    assert comparison.expected == sum(table.num_rows for table in expected)
    assert comparison.found == sum(table.num_rows for table in found)
    return sorted(differences)


@pytest.mark.parametrize(
    ("expected", "found", "odds"),
    [
        pytest.param([_table(1, 2, 3)], [_table(1, 2, 3)], [], id="the same"),
        pytest.param([_table(1), _table(2, 3)], [_table(1, 2), _table(3)], [], id="cut elsewhere"),
        pytest.param([_table(1, 2, 3), _table(4)], [_table(3, 2), _table(4, 1)], [], id="another order"),
        pytest.param([_table(1, 2, 3)], [_table(1, 3)], [(2, "missing")], id="a row is missing"),
        pytest.param([_table(1), _table(2)], [_table(1)], [(2, "missing")], id="a table is missing"),
        pytest.param([_table(1)], [_table(1), _table(1)], [(1, "many")], id="a table is there twice"),
        pytest.param([], [_table(1)], [(1, "many")], id="nothing is expected"),
        pytest.param([_table(1)], [], [(1, "missing")], id="nothing is found"),
        pytest.param(
            [_table(1, 2)], [_table(1), _table(2, text_="u")], [(2, "altered")], id="a row is altered"
        ),
        pytest.param([_table(1, 1, 2)], [_table(1, 2)], [(1, "missing")], id="one of two alike is missing"),
    ],
)
def test_streams_are_the_same_in_any_tables(expected: list[Any], found: list[Any], odds: list[Any]) -> None:
    assert _odds(expected, found) == odds


def _ledger(refused: dict[int, ExpectedRefusal], unsure: set[int]) -> Ledger:
    decoder, encoders = Decoder("conversation_event", sparse=True), {name: Encoder(name) for name in EMITTED}
    ledger = Ledger(0, Rules(), decoder, encoders, first=10, position=20)
    ledger.refused, ledger.unsure = refused, unsure
    return ledger


def _letter(offset: int, reason: Any = "invalid", value: bytes = b"v", topic: str = "events") -> KafkaRecord:
    refused = KafkaRecord(0, offset, 1, b"k", value)
    sent = DeadLetter.of(refused, topic, Refusal(reason, "")).to_send("letters")
    return KafkaRecord(0, 0, 0, sent.key, sent.value, sent.headers or ())


@pytest.mark.parametrize(
    ("letters", "differences"),
    [
        pytest.param([_letter(12)], [], id="as expected"),
        pytest.param([_letter(12), _letter(12)], [], id="twice"),
        pytest.param(
            [_letter(12), _letter(13), _letter(3), _letter(25), _letter(12, topic="other")],
            [],
            id="beside what can be judged",
        ),
        pytest.param([], ["the event is refused (invalid), but there is no letter"], id="no letter"),
        pytest.param(
            [_letter(12, "conflict")], ["the letter says conflict; the log says invalid"], id="another reason"
        ),
        pytest.param(
            [_letter(12, value=b"w")],
            ["the letter does not hold the event's key and bytes"],
            id="other bytes",
        ),
        pytest.param(
            [_letter(12), _letter(14)],
            ["there is a letter (invalid) for an event that is fine"],
            id="for a good event",
        ),
    ],
)
def test_letters_are_compared_with_what_the_log_refuses(
    letters: list[KafkaRecord], differences: list[str]
) -> None:
    refused = ExpectedRefusal("invalid", record_digest(b"k", b"v"))
    index, account = LetterIndex(), Account(0)
    assert list(index.add_letters(letters, "events", "finished")) == []
    ledger = _ledger({12: refused, 18: refused}, {13})
    found = compare_letters(ledger, account, index, committed=16)  # 18 may be still on its way
    assert [difference.what for difference in found] == differences
    assert account.refused == {"invalid": 2}


def test_a_letter_without_headers_is_a_difference() -> None:
    (difference,) = LetterIndex().add_letters([KafkaRecord(1, 7, 0, None, b"")], "events", "finished")
    assert (difference.partition, difference.first) == (1, 7)


def test_a_sinks_letter_tells_what_it_could_not_read() -> None:
    index = LetterIndex()
    assert list(index.add_letters([_letter(5, topic="finished")], "events", "finished")) == []
    assert index.unread == {0: {5}}


def test_a_report_counts_all_and_keeps_some() -> None:
    report = Report(accounts=[Account(3, events=5)])
    assert text(report).endswith("everything agrees with the log")
    report.add(Difference("amendments", 0, 1, 2, "odd") for _ in range(KEPT + 5))
    assert not report.balanced
    assert len(report.differences) == KEPT
    shown = text(report)
    assert "and 5 differences more" in shown
    assert "DIFFERENCE amendments, partition 0, offsets 1 to 2: odd" in shown
    assert report.document()["found"] == {"amendments": KEPT + 5}


def test_many_rows_that_differ_are_told_in_time_that_grows_with_them() -> None:
    numbers = range(20_000)
    assert len(_odds([_table(*numbers)], [_table(*numbers, text_="u")])) == len(numbers)


MARKER = b'{"position": 10, "claim": null, "source": {"offset": -1, "finished_at": 0}, "writer": "w"}'


def _rows_check(
    root: Path, records: Sequence[KafkaRecord] = (), first: int = 0
) -> tuple[list[Difference], RowsCheck]:
    """The audit of a root whose sink stands at offset 10, beside the log that it was made from."""
    decoder, live, work = SeveralDecoder(EMITTED, sparse=True), LiveRoot(str(root)), root / "work"
    work.mkdir(exist_ok=True)
    finished = [
        FinishedRecord(record, *decoder.decode(record.value or b""))
        for record in (records or log(30))[first:]
    ]
    check = RowsCheck(live, live.files(), MARKER, work, Account(0))
    return list(check.compare(iter(finished), first)), check


def test_training_files_of_a_sink_of_before_are_not_audited(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(30))
    path = tmp_path / "v1/sft/date=2026-09-21/0000-000000000000-000000000009.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not even Parquet")
    (tmp_path / "v1/kto").symlink_to(tmp_path / "nowhere")
    differences, check = _rows_check(tmp_path)
    assert (differences, check.unchecked) == ([], [])
    assert set(check._account.rows) == {"conversations", "amendments"}


@pytest.mark.parametrize("metadata", ["of today", "of a sink of before"])
def test_the_licence_of_then_is_expected(tmp_path: Path, metadata: str) -> None:
    feed(sink(tmp_path, training_licence="cc0"), log(10))
    feed(sink(tmp_path, training_licence="mit"), log(30))
    if metadata == "of a sink of before":
        for path in tmp_path.glob("v1/conversations/*/*.parquet"):
            _say_as_before(path)
    assert _rows_check(tmp_path)[0] == []


def _say_as_before(path: Path) -> None:
    with pq.ParquetFile(path) as file:
        table = file.read()
        said = json.loads(file.metadata.metadata[b"plaudit"])
    before = {"settings": {"training_licence": said.pop("licence")}, "rules": 2, "derived": {"sft": 3}}
    pq.write_table(table.replace_schema_metadata({"plaudit": json.dumps({**said, **before})}), path)


@pytest.mark.parametrize("writer", ["today's sink", "an older sink"])
def test_a_time_that_no_reader_can_hold_is_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    one = {**odd_chat(-(2**62)), "comparisons": []}  # those ended an older sink
    odd = [
        KafkaRecord(0, offset, T0_MS, b"k", encoded({**one, "source_offset": offset})) for offset in range(30)
    ]
    if writer == "an older sink":
        monkeypatch.setattr(canonical_reader, "with_readable_times", lambda table: table)
    feed(sink(tmp_path), odd)
    monkeypatch.undo()
    assert _rows_check(tmp_path, records=odd)[0] == []
    odd[3] = KafkaRecord(0, 3, T0_MS, b"k", encoded(chat(offset=3)))
    assert {each.what for each in _rows_check(tmp_path, records=odd)[0]} != set()


@pytest.mark.parametrize("part", ["page", "footer"])
@pytest.mark.parametrize("first", [0, 25], ids=["whole log", "log without its start"])
def test_a_damaged_file_is_one_difference_that_names_it(tmp_path: Path, part: str, first: int) -> None:
    feed(sink(tmp_path), log(30))
    path = min(tmp_path.glob("v1/conversations/*/*.parquet"))
    content = bytearray(path.read_bytes())
    at = 4 if part == "page" else len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[at : at + 100] = b"\xff" * 100
    path.write_bytes(content)
    (difference,) = _rows_check(tmp_path, first=first)[0]
    assert (difference.account, difference.first, difference.last) == ("conversations", 0, 9)
    assert path.name in difference.what
    assert "cannot be read as Parquet" in difference.what


def test_what_cannot_be_read_needs_a_letter_as_far_as_the_sink_has_come() -> None:
    records = [KafkaRecord(0, offset, 0, b"k", b"garbage") for offset in (3, 4, 5)]
    records.append(KafkaRecord(0, 6, 0, b"k", encoded(chat(offset=6))))
    refusals, schemas = SinkRefusals({3, 6}, 5), PackagedSchemas()
    comparison = FinishedComparison(_ledger({}, set()), Account(0), refusals, schemas)
    assert len(list(comparison.compare_records(records))) == 1
    assert [each.what.split(" of ")[0] for each in comparison.differences()] == ["record 4", "record 6"]
