"""Files that are cut or dirty: every whole record is taken, and the report says where the file ends."""

import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers import Chat, Source, json_file, json_lines
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.run import replay_file
from plaudit_producers.importers.unpacking import GzipReader
from plaudit_producers.testing import InMemoryProducer

from tests.producers.importers.files import import_file

_DICE = random.Random(14)
LINES = [json.dumps({"text": f"{number} {_DICE.random()}"}).encode() + b"\n" for number in range(800)]
PLAIN = b"".join(LINES)
PACKED = gzip.compress(PLAIN)


def build(chat: Chat, record: Any) -> None:
    chat.add_message("user", record["text"])


def unpack(packed: bytes) -> tuple[bytes, str]:
    reader = GzipReader(io.BytesIO(packed))
    return io.BufferedReader(reader).read(), reader.damage


def imported(folder: Path, content: bytes, *, array: bool = False) -> tuple[int, ImportReport]:
    path, report = folder / "file", ImportReport(None)
    path.write_bytes(content)
    form = json_file("texts", build) if array else json_lines("texts", build)
    return replay_file(path, form, InMemoryProducer(max_buffer_events=100_000), report=report).records, report


def whole_lines(text: bytes) -> int:
    return text.count(b"\n")


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.9, 0.9999], ids="after {:.2%}".format)
def test_a_cut_gzip_gives_every_whole_record(tmp_path: Path, share: float) -> None:
    cut = PACKED[: int(len(PACKED) * share)]
    given, damage = unpack(cut)
    assert PLAIN.startswith(given)
    assert len(given) >= len(PLAIN) * (share - 0.1)  # no more is lost than what zlib cannot know yet
    assert damage == f"its gzip data is cut after byte {len(cut):,}"
    records, report = imported(tmp_path, cut)
    assert records == whole_lines(given)
    assert report.rest_unread
    assert any(damage in example for example in report.examples)


@pytest.mark.parametrize("at", [11, 1_000, len(PACKED) // 2, len(PACKED) - 4], ids="byte {}".format)
def test_a_gzip_with_a_wrong_byte_never_raises(at: int) -> None:
    wrong = bytearray(PACKED)
    wrong[at] ^= 0xFF
    given, damage = unpack(bytes(wrong))
    assert damage
    assert len(given) <= len(PLAIN) + 1024


def test_what_comes_before_a_broken_block_is_given() -> None:
    first, second = gzip.compress(PLAIN[:9_000]), bytearray(gzip.compress(PLAIN[9_000:]))
    second[10] = 0xFF  # a block of an unknown type
    given, damage = unpack(first + bytes(second))
    assert given == PLAIN[:9_000]
    assert f"damaged after byte {len(first) + 10:,}" in damage


@pytest.mark.slow
@pytest.mark.parametrize(
    ("after", "says"),
    [
        pytest.param(b"garbage", "something else follows", id="garbage"),
        pytest.param(b"\0\0\0garbage", "something else follows", id="garbage after padding"),
        pytest.param(b"\0" * 100_000 + b"x", "something else follows", id="garbage after long padding"),
        pytest.param(b"\x1f", "something else follows", id="half of a header"),
        pytest.param(b"\x1f\x8b", "is cut after byte", id="a header alone"),
        pytest.param(b"\0" * 100_000, "", id="padding"),
        pytest.param(b"", "", id="nothing"),
    ],
)
@pytest.mark.parametrize("members", [1, 3], ids="{} members".format)
def test_what_follows_the_gzip_data(tmp_path: Path, after: bytes, says: str, members: int) -> None:
    given, damage = unpack(PACKED * members + after)
    assert given == PLAIN * members
    assert says in damage
    assert bool(says) == bool(damage)
    records, report = imported(tmp_path, PACKED * members + after)
    assert records == len(LINES) * members
    assert report.rest_unread == bool(says)


def test_members_may_end_within_a_record(tmp_path: Path) -> None:
    packed = b"".join(gzip.compress(PLAIN[at : at + 999]) for at in range(0, 9_000, 999))
    assert unpack(packed) == (PLAIN[:9_990], "")


def test_an_empty_gzip_is_empty(tmp_path: Path) -> None:
    records, report = imported(tmp_path, gzip.compress(b""))
    assert (records, report.bad) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("back", [1, 2, 5, 20], ids="{} bytes".format)
def test_a_plain_file_that_ends_within_its_last_record(tmp_path: Path, back: int) -> None:
    records, report = imported(tmp_path, PLAIN.rstrip(b"\n")[:-back])
    assert records == len(LINES) - 1
    (reason,) = report.examples
    assert reason.startswith("line 800: the file ends within this record")
    assert report.rest_unread


def test_a_last_record_without_a_line_break_is_whole(tmp_path: Path) -> None:
    records, report = imported(tmp_path, PLAIN.rstrip(b"\n"))
    assert (records, report.bad) == (len(LINES), 0)


def test_a_cut_array_gives_its_whole_records(tmp_path: Path) -> None:
    array = b"[" + b",".join(LINES) + b"]"
    given, _ = unpack(gzip.compress(array)[:-2_000])
    records, report = imported(tmp_path, gzip.compress(array)[:-2_000], array=True)
    assert records == given.count(b"\n,")
    assert report.rest_unread


def test_the_last_session_of_a_cut_table_is_refused(tmp_path: Path) -> None:
    names = (
        "session_id,worker_id,turn_id,model,prompt,prompt_dataset,elapsed_time,user_input,model_completion"
    )
    rows = [f"s{n // 5},w,{n % 5},m,p,d,1.0,{_DICE.random()},{_DICE.random()}" for n in range(1_000)]
    (tmp_path / "survey_responses.csv").write_text("session_id,turn_id\n")
    packed = gzip.compress("\n".join([names, *rows]).encode())
    (tmp_path / "event_blocks.csv.gz").write_bytes(packed[: len(packed) // 2])
    outcome = import_file(tmp_path / "event_blocks.csv.gz", "halie")
    assert {len(chat.messages) for chat in outcome.chats} == {10}
    assert "the file ends within this session" in outcome.report.examples[0]
    assert outcome.report.rest_unread


def test_the_head_of_a_file_stays_unread() -> None:
    source = Source(io.BytesIO(PACKED))
    assert source.head(100) == (PLAIN[:100], False)
    assert source.head(50) == (PLAIN[:50], False)
    assert b"".join(line or b"" for _, line in source.lines()) == PLAIN
    assert source.head(10) == (b"", True)
