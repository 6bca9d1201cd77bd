"""The audit's parts without servers: streams of rows, dead letters, a remote root."""

from typing import Any

import pyarrow as pa
import pytest
from plaudit_consumers.audit.letters import Letters, check_letters
from plaudit_consumers.audit.reading import Read
from plaudit_consumers.audit.report import KEPT, Account, Difference, Report, text
from plaudit_consumers.audit.streams import Streams
from plaudit_schemas.dead_letters import Refusal
from plaudit_stream_processors.books.ledger import Refusal as Expected


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
