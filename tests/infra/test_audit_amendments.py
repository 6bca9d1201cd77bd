"""The audit's parts with amendments: what must be in the topic, and what must be in the files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.rows.schemas import AMENDMENTS
from plaudit_infra.audit.finished import FinishedComparison, FinishedRecord, SinkRefusals
from plaudit_infra.audit.ledger import Ledger
from plaudit_infra.audit.report import Account, Difference
from plaudit_infra.audit.rows import RowsCheck
from plaudit_schemas.codec.several import SeveralDecoder
from plaudit_schemas.codec.wire import Decoder, Encoder, PackagedSchemas
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import CURRENT_VERSION, EMITTED, Rules

from tests.stream_processors.builders import T0_MS, end, event, like, message, start
from tests.support.earlier import LATER, make_earlier
from tests.support.offline_sink import feed, mixed_log, sink

HOUR_MS = 3_600_000
Rows = list[dict[str, Any]]


def _late_words() -> tuple[Ledger, list[dict[str, Any]]]:
    """A ledger of a chat that was judged and denied long after its end, and the two amendments."""
    encoder = Encoder("conversation_event")
    verdict = like("a", rater={"kind": "reviewer", "id": "r"}, at=50)
    denial = event("UpdateConversation", {"consent": "denied"}, at=60)
    made = [start(), message("a"), end(), verdict, denial]
    log = [
        KafkaRecord(0, at, T0_MS + at + (9 * HOUR_MS if at > 2 else 0), b"acme/c1", encoder.encode(each))
        for at, each in enumerate(made)
    ]
    ledger = Ledger(
        0, Rules(state_retention_ms=HOUR_MS), Decoder("conversation_event", sparse=True),
        {name: Encoder(name) for name in EMITTED},
    )  # fmt: skip
    ledger.fold_records(log)
    amendments = [
        {
            "application": each["application"], "conversation_id": each["conversation_id"],
            "event_id": each["event_id"], "occurred_at": each["occurred_at"],
            "arrived_at": record.timestamp * 1000, "source": each["source"],
            "body": Decoder("conversation_event").decode(record.value or b"")["body"],
            "rules": CURRENT_VERSION, "source_partition": 0, "source_offset": record.offset,
        }
        for each, record in zip(made[3:], log[3:], strict=True)
    ]  # fmt: skip
    return ledger, amendments


def _compared(ledger: Ledger, found: Rows) -> tuple[list[tuple[int, str]], Account]:
    """The differences of a finished topic with these amendments beside the chat's end."""
    account = Account(0, state_position=5)
    comparison = FinishedComparison(ledger, account, SinkRefusals(set(), 9), PackagedSchemas())
    encoder = Encoder("amendment")
    records = [KafkaRecord(0, at, 0, b"k", encoder.encode(each)) for at, each in enumerate(found)]
    list(comparison.compare_records(records))
    differences = [*comparison.differences(), *comparison.missing()]
    ends = [each for each in differences if each.first == 2]  # the finished conversation is not in `found`
    assert [each.what for each in ends] == ["missing"]
    return [(each.first, each.what.split(" the log ")[0]) for each in differences if each.first != 2], account


def test_amendments_follow_from_the_log() -> None:
    ledger, (verdict, denial) = _late_words()
    differences, account = _compared(ledger, [verdict, denial])
    assert differences == []
    assert (account.emissions, account.finished, account.amendments) == (3, 0, 2)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda *both: [both[0]], [(4, "missing")], id="missing"),
        pytest.param(lambda one, two: [one, two, one], [], id="twice, as after a crash"),
        pytest.param(
            lambda one, two: [{**one, "event_id": "other"}, two],
            [(3, "record 0 of the finished topic has a content that")],
            id="another content",
        ),
        pytest.param(
            lambda one, two: [one, two, {**one, "source_offset": 1}],
            [(1, "record 2 of the finished topic comes from an event that finishes and amends nothing")],
            id="made up",
        ),
    ],
)
def test_what_is_wrong_with_amendments_in_the_topic_is_found(
    change: Callable[[Any, Any], Rows], expected: list[tuple[int, str]]
) -> None:
    ledger, amendments = _late_words()
    assert _compared(ledger, change(*amendments))[0] == expected


def _checked(
    root: Path, *, marker: int = 25, first: int = 0, since_ms: int = 0
) -> tuple[list[Difference], RowsCheck, Account]:
    """The audit of a root that was made from the mixed log."""
    decoder, live, work = SeveralDecoder(EMITTED, sparse=True), LiveRoot(str(root)), root / "work"
    work.mkdir(exist_ok=True)
    finished = [
        FinishedRecord(record, *decoder.decode(record.value or b"")) for record in mixed_log(25)[first:]
    ]
    account = Account(0)
    said = json.dumps({"position": marker, "writer": "w"}).encode()
    check = RowsCheck(live, live.files(), said, work, account, since_ms=since_ms)
    return list(check.compare(iter(finished), first)), check, account


@pytest.fixture
def root(tmp_path: Path) -> Path:
    feed(sink(tmp_path), mixed_log(25))
    return tmp_path


def _file(root: Path, first: int, subset: str = "amendments") -> Path:
    (path,) = root.glob(f"v1/{subset}/*/0000-{first:012d}-*.parquet")
    return path


def _changed(path: Path, change: Callable[[Rows], Rows]) -> None:
    """Change the rows of a file, and nothing else of it."""
    metadata = pq.read_metadata(path).metadata
    with pq.ParquetFile(path) as file:
        before = file.read()
    table = pa.Table.from_pylist(change(before.to_pylist()), schema=before.schema)
    pq.write_table(table.replace_schema_metadata({"plaudit": metadata[b"plaudit"]}), path)


@pytest.mark.parametrize("first", [0, 12, 23], ids=["whole log", "log from amendments on", "log's end"])
def test_both_kinds_balance(root: Path, first: int) -> None:
    differences, check, account = _checked(root, first=first)
    assert differences == []
    assert len(check.unchecked) == (0, 2, 3)[(0, 12, 23).index(first)]
    assert account.sink_position == 25
    assert account.rows == account.rows_expected
    assert (account.rows["conversations"], account.rows["amendments"]) == (11, 14)


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 10], ids=["beside conversations", "alone"])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        pytest.param(lambda rows: rows[1:], "missing", id="missing"),
        pytest.param(lambda rows: [*rows, rows[0]], "too many", id="twice"),
        pytest.param(lambda rows: [{**rows[0], "message_id": "b"}, *rows[1:]], "altered", id="altered"),
    ],
)
def test_a_changed_file_of_amendments_is_found(
    root: Path, first: int, change: Callable[[Rows], Rows], what: str
) -> None:
    _changed(_file(root, first), change)
    (difference,) = _checked(root)[0]
    assert (difference.account, difference.first, difference.last) == ("amendments", first, first + 9)
    assert f"1 rows of c0 late-{max(first, 1)} are {what}" in difference.what


@pytest.mark.parametrize("first", [0, 10], ids=["beside conversations", "alone"])
def test_a_lost_file_of_amendments_is_found(root: Path, first: int) -> None:
    _file(root, first).unlink()
    (difference,) = _checked(root)[0]
    assert (difference.account, difference.what) == (
        "amendments",
        f"{3 if first == 0 else 10} rows are missing: no file holds them",
    )
    assert _checked(root, since_ms=2 * T0_MS)[0] == []


@pytest.mark.parametrize("first", [0, 10], ids=["beside conversations", "alone"])
@pytest.mark.parametrize("part", ["page", "footer"])
def test_a_damaged_file_of_amendments_is_one_difference(root: Path, part: str, first: int) -> None:
    _damage(_file(root, first), part)
    (difference,) = _checked(root)[0]
    assert (difference.account, difference.first, difference.last) == ("amendments", first, first + 9)
    assert "cannot be read as Parquet" in difference.what


def test_amendments_are_compared_beside_a_damaged_canonical_file(root: Path) -> None:
    _damage(_file(root, 0, "conversations"), "footer")
    _changed(_file(root, 0), lambda rows: rows[1:])
    assert [each.account for each in _checked(root)[0]] == ["conversations", "amendments"]


def _damage(path: Path, part: str) -> None:
    content = bytearray(path.read_bytes())
    at = 4 if part == "page" else len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[at : at + 100] = b"\xff" * 100
    path.write_bytes(content)


def test_a_range_that_a_sink_publishes_meanwhile_is_no_difference(root: Path) -> None:
    _file(root, 20, "conversations").unlink()
    differences, check, account = _checked(root, marker=20)
    assert (differences, account.sink_position) == ([], 20)
    assert "is publishing its range right now" in check.unchecked[0]
    (difference,) = _checked(root, marker=25)[0]
    assert (difference.account, difference.what) == (
        "conversations", "4 rows are missing: no file holds them",
    )  # fmt: skip


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(LATER, id="columns that are null today"),
        pytest.param(
            {"rules", "excluded", "orphan", "parent_guessed", "producer"}, id="columns that are not"
        ),
    ],
)
def test_files_of_an_earlier_schema_are_no_difference(root: Path, later: set[str]) -> None:
    files = sorted(root.glob("v1/*/*/*.parquet"))
    make_earlier(files, later)
    assert not pq.read_schema(_file(root, 0)).equals(AMENDMENTS)
    assert _checked(root)[0] == []
    _changed(_file(root, 10), lambda rows: rows[1:])
    (difference,) = _checked(root)[0]
    assert "1 rows of c0 late-10 are missing" in difference.what
