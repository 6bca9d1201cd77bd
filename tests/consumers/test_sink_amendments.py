"""The sink with both kinds of records: one order, one commit, and what a crash between two files leaves."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from plaudit_consumers.sink.errors import ForeignFileError, LogChangedError, SinkFencedError
from plaudit_consumers.sink.sink import ParquetSink
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord

from tests.support.finished import T0_MS, amendment, chat, encoded
from tests.support.offline_sink import feed, log, mixed_log, sink, take_records
from tests.support.sinks import rows, sources

LATE = {1, 4, 7, *range(10, 20), 22}
"""The offsets of amendments in a mixed log of 25."""


def _files(root: Path, subset: str) -> list[str]:
    return sorted(path.stem[5:] for path in root.glob(f"v1/{subset}/*/*.parquet"))


def _written(root: Path) -> tuple[list[int], list[int]]:
    """The source offsets of conversations and of amendments."""
    kinds = ("conversations", "amendments")
    chats, late = ([row["source_offset"] for row in rows(root, kind)] for kind in kinds)
    return chats, late


def _all(count: int) -> tuple[list[int], list[int]]:
    late = [record.offset for record in mixed_log(count) if b"late-" in (record.value or b"")]
    return [offset for offset in range(count) if offset not in late], late


def _metadata(root: Path, subset: str, name: str) -> dict[str, Any]:
    (path,) = root.glob(f"v1/{subset}/*/0000-{name}.parquet")
    found: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[b"plaudit"])
    return found


def _marker(root: Path) -> Path:
    return root / ".plaudit/markers/id-1/0000.json"


def test_each_kind_has_its_own_files_of_the_same_ranges(tmp_path: Path) -> None:
    feed(sink(tmp_path), mixed_log(25))
    ranges = [f"{first:012d}-{last:012d}" for first, last in ((0, 9), (10, 19), (20, 24))]
    assert _files(tmp_path, "amendments") == ranges
    assert _files(tmp_path, "conversations") == [ranges[0], ranges[2]]
    assert _written(tmp_path) == _all(25)
    assert set(_all(25)[1]) == LATE
    both, alone = (_metadata(tmp_path, "amendments", name) for name in ranges[:2])
    assert (both["rows"], both["conversations"], both["source"]["offset"]) == (3, 7, 9)
    assert (alone["rows"], alone["conversations"], alone["source"]["offset"]) == (10, 0, 19)
    assert (
        "config_name: amendments\n  data_files: v1/amendments/*/*.parquet"
        in (tmp_path / "README.md").read_text()
    )


def test_an_output_from_before_there_were_amendments_goes_on(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(10))
    for path in tmp_path.glob("v1/*/*/*.parquet"):
        _without_field(path, "conversations")
    feed(sink(tmp_path), mixed_log(25))
    assert _written(tmp_path) == ([*range(10), 20, 21, 23, 24], [*range(10, 20), 22])


def _without_field(path: Path, field: str) -> None:
    """Take a field out of a file's metadata, as an earlier version wrote it."""
    table = pq.read_table(path)
    said = json.loads(pq.read_metadata(path).metadata[b"plaudit"])
    del said[field]
    pq.write_table(table.replace_schema_metadata({"plaudit": json.dumps(said)}), path)


@pytest.mark.parametrize("rotate_rows", [3, 5, 100], ids=["small files", "larger files", "one file"])
def test_repeats_are_recognised_in_the_order_of_both_kinds(tmp_path: Path, rotate_rows: int) -> None:
    once = mixed_log(25)
    again = [*once[:12], *once[3:9], *once[8:20], *once[2:4], *once[15:]]
    records = [record._replace(offset=offset) for offset, record in enumerate(again)]
    feed(sink(tmp_path, rotate_rows=rotate_rows), records)
    feed(sink(tmp_path, rotate_rows=rotate_rows), [KafkaRecord(0, 60, T0_MS, b"k", once[22].value)])
    assert _written(tmp_path) == _all(25)


def test_an_amendment_of_another_log_is_an_error_and_not_a_repeat(tmp_path: Path) -> None:
    feed(sink(tmp_path), mixed_log(10))
    anew = encoded(amendment(offset=3, arrived_at=T0_MS * 1000 + 999))
    with pytest.raises(LogChangedError, match=r"at offset 10.*earlier offset \(3\)"):
        feed(sink(tmp_path), [KafkaRecord(0, 10, T0_MS, b"k", anew)])


def test_amendments_that_cannot_be_rows_are_refused(tmp_path: Path) -> None:
    letters: list[DeadLetter] = []
    whole = encoded(amendment(offset=1))
    payloads = [
        encoded(chat(offset=0)),
        whole[:-2],
        encoded(amendment(offset=2, source_partition=3)),
        encoded(amendment(offset=3)),
    ]
    feed(
        sink(tmp_path, dead_letters=letters),
        [KafkaRecord(0, at, T0_MS, b"k", payload) for at, payload in enumerate(payloads)],
    )
    assert sorted((letter.record.offset, letter.refusal.reason) for letter in letters) == [
        (1, "truncated"),
        (2, "invalid"),
    ]
    assert _written(tmp_path) == ([0], [3])


def test_little_memory_changes_no_row(tmp_path: Path) -> None:
    one = sink(tmp_path, rotate_rows=1000)
    one._settings = one._settings.model_copy(update={"sink_memory_mb": 0})
    feed(one, mixed_log(25))
    assert _written(tmp_path) == _all(25)


def _asleep_between_the_files(one: ParquetSink, records: list[KafkaRecord]) -> Callable[[], bool]:
    """Lets a sink publish the amendments of its first range only. Returns what it does when it wakes up."""
    publish, held = one._output.publish, list[tuple[Path, str]]()

    def sleeping(file: Path, path: str) -> bool:
        if "/amendments/" in path:
            return publish(file, path)
        held.append((file, path))
        raise KeyboardInterrupt

    one._output.publish = sleeping  # type: ignore[method-assign]  # it falls asleep there
    one.open_partitions([0])
    take_records(one, records)
    with pytest.raises(KeyboardInterrupt):
        one.commit_partition(0)
    return lambda: publish(*held[0])


def test_a_sleeper_between_the_two_files_changes_nothing(tmp_path: Path) -> None:
    wake_up = _asleep_between_the_files(sink(tmp_path, writer="w1", rotate_rows=30), mixed_log(25))
    feed(sink(tmp_path, writer="w2", rotate_rows=4), mixed_log(25))
    assert _files(tmp_path, "amendments") == _files(tmp_path, "conversations")
    assert _written(tmp_path) == _all(25)
    assert not wake_up()


@pytest.mark.parametrize(
    ("low", "chats"),
    [
        pytest.param(3, [3, 5, 6, 8, 9, 20, 21, 23, 24], id="a part is left"),
        pytest.param(22, [23, 24], id="little is left"),
        pytest.param(25, [], id="nothing is left"),
    ],
)
def test_a_begun_range_that_retention_has_cut_doubles_nothing(
    tmp_path: Path, low: int, chats: list[int]
) -> None:
    _asleep_between_the_files(sink(tmp_path, rotate_rows=30), mixed_log(25))
    payloads = [
        encoded(chat(offset=25, finished_at=T0_MS * 1000 + 25)),
        encoded(amendment(offset=26, arrived_at=T0_MS * 1000 + 26)),
    ]
    more = [KafkaRecord(0, 25 + at, T0_MS + 25, b"k", payload) for at, payload in enumerate(payloads)]
    for _ in range(2):
        feed(sink(tmp_path, rotate_rows=4), [*mixed_log(25)[low:], *more])
    assert _written(tmp_path) == ([*chats, 25], [*sorted(LATE), 26])


@pytest.mark.parametrize(
    "low", [21, 24, 25], ids=["repeats are left", "one repeat is left", "nothing is left"]
)
def test_what_comes_again_after_retention_has_cut_a_begun_range_is_a_repeat(tmp_path: Path, low: int) -> None:
    once = mixed_log(25)
    again = [*once[:20], once[1], once[3], once[5], once[6], once[8]]
    records = [record._replace(offset=offset) for offset, record in enumerate(again)]
    _asleep_between_the_files(sink(tmp_path, rotate_rows=30), records)
    repeated = [record._replace(offset=25 + at) for at, record in enumerate(once[10:20])]
    feed(sink(tmp_path, rotate_rows=4), [*records[low:], *repeated])
    assert _written(tmp_path)[1] == [1, 4, 7, *range(10, 20)]


def test_a_marker_that_claims_another_range_than_was_begun_is_refused(tmp_path: Path) -> None:
    _asleep_between_the_files(sink(tmp_path, rotate_rows=30), mixed_log(25))
    marker = json.loads(_marker(tmp_path).read_text())
    _marker(tmp_path).write_text(json.dumps({**marker, "claim": 20}))
    with pytest.raises(ForeignFileError, match=r"claims another range than v1/amendments.*delete the marker"):
        sink(tmp_path).open_partitions([0])
    _marker(tmp_path).unlink()
    feed(sink(tmp_path, rotate_rows=4), mixed_log(25))
    assert _written(tmp_path) == _all(25)


def test_files_of_both_kinds_that_overlap_are_refused(tmp_path: Path) -> None:
    feed(sink(tmp_path), mixed_log(25))
    (alone,) = tmp_path.glob("v1/amendments/*/*-000000000010-*.parquet")
    alone.rename(alone.with_name("0000-000000000005-000000000019.parquet"))
    with pytest.raises(ForeignFileError, match=r"v1/conversations.* and v1/amendments.* hold the same"):
        sink(tmp_path).open_partitions([0])


def test_old_amendments_that_someone_deletes_do_not_come_again(tmp_path: Path) -> None:
    feed(sink(tmp_path), mixed_log(20))
    for path in tmp_path.glob("v1/*/*/*.parquet"):
        path.unlink()
    feed(sink(tmp_path), mixed_log(25))
    assert _written(tmp_path) == ([20, 21, 23, 24], [22])


class _Crash(BaseException):
    pass


def _crash_at(one: ParquetSink, number: int, *, after: bool) -> None:
    """Let the sink die before or after its nth write to the output."""
    calls = 0

    def dying(write: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*words: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number and not after:
                raise _Crash
            result = write(*words)
            if calls == number:
                raise _Crash
            return result

        return wrapped

    for name in ("publish", "swap", "replace"):
        setattr(one._output, name, dying(getattr(one._output, name)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed",
    [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 20))],
    ids=lambda seed: f"seed {seed}",
)
def test_any_crashes_leave_each_record_once(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    once = mixed_log(25)
    rng.shuffle(kinds := [record.offset in LATE for record in once])
    records = [
        KafkaRecord(0, at, T0_MS + at, b"k", encoded(amendment(offset=at) if late else chat(offset=at)))
        for at, late in enumerate(kinds)
    ]
    for _ in range(rng.randint(2, 6)):
        one = sink(tmp_path, rotate_rows=rng.choice((2, 3, 5, 9)), writer=f"w{rng.random()}")
        _crash_at(one, rng.randint(1, 12), after=rng.random() < 0.5)
        with suppress(_Crash, SinkFencedError):
            feed(one, records[: rng.randint(5, 25)], commit=rng.random() < 0.5)
        if rng.random() < 0.4:
            _marker(tmp_path).unlink(missing_ok=True)
    feed(sink(tmp_path, rotate_rows=4), records)
    assert sources(tmp_path) == {(0, at): 1 for at, late in enumerate(kinds) if not late}
    assert sources(tmp_path, "amendments") == {(0, at): 1 for at, late in enumerate(kinds) if late}
