"""The audit's parts without servers: streams of rows, dead letters, a remote root."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from plaudit_consumers.audit.finished import Finished, FinishedCheck, Refused
from plaudit_consumers.audit.letters import Letters, check_letters
from plaudit_consumers.audit.reading import Read
from plaudit_consumers.audit.report import KEPT, Account, Difference, Report, text
from plaudit_consumers.audit.rows import RowsCheck
from plaudit_consumers.audit.streams import Streams
from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_schemas.codec import Decoder, PackagedSchemas
from plaudit_schemas.dead_letters import Refusal
from plaudit_stream_processors.books.ledger import Refusal as Expected

from tests.consumers.builders import chat, encoded
from tests.consumers.writing import feed, log, sink


def _table(*numbers: int, text_: str = "t") -> Any:
    rows = [{"source_offset": number, "conversation_id": f"c{number}", "text": text_} for number in numbers]
    return pa.Table.from_pylist(rows)


def _odds(expected: list[Any], found: list[Any]) -> list[tuple[int, str]]:
    streams = Streams(found)
    for table in expected:
        streams.expect(table)
    odds = [(odd.source_offset, odd.what.split()[-1]) for odd in streams.odds()]
    assert streams.expected == sum(table.num_rows for table in expected)
    assert streams.found == sum(table.num_rows for table in found)
    return sorted(odds)


@pytest.mark.parametrize(
    ("expected", "found", "odds"),
    [
        ([_table(1, 2, 3)], [_table(1, 2, 3)], []),
        ([_table(1), _table(2, 3)], [_table(1, 2), _table(3)], []),
        ([_table(1, 2, 3), _table(4)], [_table(3, 2), _table(4, 1)], []),
        ([_table(1, 2, 3)], [_table(1, 3)], [(2, "missing")]),
        ([_table(1), _table(2)], [_table(1)], [(2, "missing")]),
        ([_table(1)], [_table(1), _table(1)], [(1, "many")]),
        ([], [_table(1)], [(1, "many")]),
        ([_table(1)], [], [(1, "missing")]),
        ([_table(1, 2)], [_table(1), _table(2, text_="u")], [(2, "altered")]),
        ([_table(1, 1, 2)], [_table(1, 2)], [(1, "missing")]),
    ],
)
def test_streams_are_the_same_in_any_tables(expected: list[Any], found: list[Any], odds: list[Any]) -> None:
    assert _odds(expected, found) == odds


class _Books:
    partition, first, position = 0, 10, 20

    def __init__(self, refused: dict[int, Expected], unsure: set[int]) -> None:
        self.finished: dict[int, bytes] = {}
        self.refused, self.unsure = refused, unsure


def _digest(key: bytes | None, value: bytes | None) -> bytes:
    return (key or b"") + (value or b"")


def _letter(offset: int, reason: Any = "invalid", value: bytes = b"v", topic: str = "events") -> Read:
    refusal = Refusal(reason, "", topic, 0, offset, None, 1)
    return Read(0, 0, 0, b"k", value, list(refusal.headers()))


@pytest.mark.parametrize(
    ("letters", "differences"),
    [
        ([_letter(12)], []),
        ([_letter(12), _letter(12)], []),
        ([_letter(12), _letter(13), _letter(3), _letter(25), _letter(12, topic="other")], []),
        ([], ["the event is refused (invalid), but there is no letter"]),
        ([_letter(12, "conflict")], ["the letter says conflict; the log says invalid"]),
        ([_letter(12, value=b"w")], ["the letter does not hold the event's key and bytes"]),
        ([_letter(12), _letter(14)], ["there is a letter (invalid) for an event that is fine"]),
    ],
)
def test_letters_are_compared_with_what_the_log_refuses(letters: list[Read], differences: list[str]) -> None:
    books = _Books({12: Expected("invalid", b"kv"), 18: Expected("invalid", b"kv")}, {13})
    taken, account = Letters(), Account(0)
    assert list(taken.read(letters, ("events", "finished"), _digest)) == []
    found = check_letters(books, account, taken, committed=16)  # 18 may be still on its way
    assert [difference.what for difference in found] == differences
    assert account.refused == {"invalid": 2}


def test_a_letter_without_headers_is_a_difference() -> None:
    (difference,) = Letters().read([Read(1, 7, 0, None, b"", [])], ("events", "finished"), _digest)
    assert (difference.partition, difference.first) == (1, 7)


def test_a_sinks_letter_tells_what_it_could_not_read() -> None:
    taken = Letters()
    assert list(taken.read([_letter(5, topic="finished")], ("events", "finished"), _digest)) == []
    assert taken.unread == {0: {5}}


def test_a_report_counts_all_and_keeps_some() -> None:
    report = Report(accounts=[Account(3, events=5)])
    assert text(report).endswith("the books balance")
    report.add(Difference("sft", 0, 1, 2, "odd") for _ in range(KEPT + 5))
    assert not report.balanced
    assert len(report.differences) == KEPT
    shown = text(report)
    assert "and 5 differences more" in shown
    assert "DIFFERENCE sft, partition 0, offsets 1 to 2: odd" in shown
    assert report.document()["found"] == {"sft": KEPT + 5}


def test_many_rows_that_differ_are_told_in_time_that_grows_with_them() -> None:
    numbers = range(20_000)
    assert len(_odds([_table(*numbers)], [_table(*numbers, text_="u")])) == len(numbers)


MARKER = b'{"position": 10, "claim": null, "source": {"offset": -1, "finished_at": 0}, "writer": "w"}'


def _rows_check(root: Path, count: int = 30, first: int = 0) -> tuple[list[Difference], RowsCheck]:
    """The audit of a root whose sink stands at offset 10, beside the log that it was made from."""
    decoder, live, work = Decoder("finished_conversation", sparse=True), LiveRoot(str(root)), root / "work"
    work.mkdir(exist_ok=True)
    finished = [
        Finished(Read(0, raw.offset, raw.timestamp_ms, raw.key, raw.payload, []), decoder.decode(raw.payload))
        for raw in log(count)[first:]
    ]
    check = RowsCheck(live, live.files(), MARKER, work, Account(0))
    return list(check.check(iter(finished), first)), check


def test_ranges_that_a_sink_publishes_meanwhile_are_no_difference(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(30))
    assert _rows_check(tmp_path)[0] == []
    first, second, third = sorted(tmp_path.glob("v1/kto/*/*.parquet"))
    second.unlink()
    third.unlink()
    differences, check = _rows_check(tmp_path)
    assert differences == []
    assert len(check.unchecked) == 2
    first.unlink()
    differences, _ = _rows_check(tmp_path)
    assert {(each.account, each.first, each.last) for each in differences} == {("kto", 0, 9)}


@pytest.mark.parametrize("subset", ["conversations", "kto"])
@pytest.mark.parametrize("part", ["page", "footer"])
@pytest.mark.parametrize("first", [0, 25])
def test_a_damaged_file_is_one_difference_that_names_it(
    tmp_path: Path, subset: str, part: str, first: int
) -> None:
    feed(sink(tmp_path), log(30))
    path = min(tmp_path.glob(f"v1/{subset}/*/*.parquet"))
    content = bytearray(path.read_bytes())
    at = 4 if part == "page" else len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[at : at + 100] = b"\xff" * 100
    path.write_bytes(content)
    (difference,) = _rows_check(tmp_path, first=first)[0]
    assert (difference.account, difference.first, difference.last) == (subset, 0, 9)
    assert path.name in difference.what
    assert "cannot be read as Parquet" in difference.what


def test_what_cannot_be_read_needs_a_letter_as_far_as_the_sink_has_come() -> None:
    reads = [Read(0, offset, 0, b"k", b"garbage", []) for offset in (3, 4, 5)]
    reads.append(Read(0, 6, 0, b"k", encoded(chat(offset=6)), []))
    books = _Books({}, set())
    check = FinishedCheck(books, Account(0), Refused({3, 6}, 5), PackagedSchemas(), lambda _: b"")
    assert len(list(check.pass_on(reads))) == 1
    assert [each.what.split(" of ")[0] for each in check.differences()] == ["record 4", "record 6"]
