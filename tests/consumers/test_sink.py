"""What a sink does with its output: recovery, fences, files that are not its own."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from plaudit_consumers.sink.commit.context import FinishedTopic
from plaudit_consumers.sink.errors import (
    LogChangedError,
    OutputUnavailableError,
    SinkFencedError,
)
from plaudit_consumers.sink.files.subset_writer import SubsetWriter
from plaudit_consumers.sink.outputs.local import LocalOutput
from plaudit_schemas.errors import UnknownSchemaError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord

from tests.support.finished import T0_MS, chat, encoded
from tests.support.offline_sink import feed, log, mixed_log, sink, take_records
from tests.support.sinks import rows, sources

DAY_MS = 86_400_000


def files(root: Path, subset: str = "conversations") -> list[str]:
    return sorted(path.name for path in root.glob(f"v1/{subset}/*/*.parquet"))


def once(count: int) -> dict[tuple[int, int], int]:
    return {(0, offset): 1 for offset in range(count)}


def test_files_are_named_by_their_records_and_say_how_they_were_made(tmp_path: Path) -> None:
    feed(sink(tmp_path, training_licence="cc-by-4.0"), log(25))
    assert files(tmp_path) == [
        "0000-000000000000-000000000009.parquet",
        "0000-000000000010-000000000019.parquet",
        "0000-000000000020-000000000024.parquet",
    ]
    assert sources(tmp_path) == once(25)
    path = tmp_path / "v1/conversations/date=2026-09-21/0000-000000000000-000000000009.parquet"
    said = json.loads(pq.read_metadata(path).metadata[b"plaudit"])
    assert (said["rows"], said["licence"]) == (10, "cc-by-4.0")
    assert {row["licence"] for row in rows(tmp_path, "conversations")} == {"cc-by-4.0"}
    assert (said["subset"], said["first"], said["last"], said["topic_id"]) == ("conversations", 0, 9, "id-1")
    assert all(pq.read_metadata(path).row_group(0).num_rows for path in tmp_path.glob("v1/*/*/*.parquet"))


def test_a_new_sink_goes_on_where_the_output_ends(tmp_path: Path) -> None:
    for end in (7, 7, 25, 31, 60):
        feed(sink(tmp_path), log(end))
    assert sources(tmp_path) == once(60)


def test_the_settings_do_not_change_what_is_written_once(tmp_path: Path) -> None:
    feed(sink(tmp_path, rotate_rows=7), log(40), commit=False)
    feed(sink(tmp_path, rotate_rows=3, rotate_bytes=5000), log(40))
    assert sources(tmp_path) == once(40)


@pytest.mark.parametrize(
    ("settings", "step_ms", "expected"),
    [
        ({"rotate_rows": 1000}, 1000, 1),
        ({"rotate_rows": 1000, "rotate_minutes": 1}, 10_000, 5),
        ({"rotate_rows": 1000, "rotate_minutes": 1e6}, DAY_MS // 10, 4),
        ({"rotate_rows": 1000, "rotate_bytes": 1}, 1000, 30),
    ],
    ids=["one", "span", "days", "bytes"],
)
def test_rotation(tmp_path: Path, settings: dict[str, Any], step_ms: int, expected: int) -> None:
    feed(sink(tmp_path, **settings), log(30, step_ms=step_ms))
    assert len(files(tmp_path)) == expected
    assert sources(tmp_path) == once(30)
    for path in tmp_path.glob("v1/conversations/*/*.parquet"):
        days = {f"date={row['recorded_at']:%Y-%m-%d}" for row in pq.read_table(path).to_pylist()}
        assert days == {path.parent.name}


def test_little_memory_changes_no_row(tmp_path: Path) -> None:
    one = sink(tmp_path / "a", rotate_rows=1000)
    one._settings = one._settings.model_copy(update={"sink_memory_mb": 0})
    feed(one, log(30))
    feed(sink(tmp_path / "b", rotate_rows=1000), log(30))
    assert pq.ParquetFile(next((tmp_path / "a").glob("v1/conversations/*/*"))).num_row_groups > 5
    assert rows(tmp_path / "a", "conversations") == rows(tmp_path / "b", "conversations")


def test_old_files_that_someone_deletes_do_not_come_again(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(30))
    for path in tmp_path.glob("v1/*/*/*.parquet"):
        path.unlink()
    feed(sink(tmp_path), log(33))
    assert sources(tmp_path) == {(0, offset): 1 for offset in range(30, 33)}


def test_a_lost_marker_is_read_back_from_the_files(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(30))
    next(tmp_path.glob(".plaudit/markers/id-1/0000.json")).unlink()
    again = [*log(30), *(record._replace(offset=record.offset + 20) for record in log(30)[10:])]
    feed(sink(tmp_path), again)
    assert sources(tmp_path) == once(30)


def test_a_range_of_repeats_writes_no_file(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(10))
    feed(sink(tmp_path), [record._replace(offset=record.offset + 10) for record in log(10)])
    assert len(files(tmp_path)) == 1
    one = sink(tmp_path)
    assert one.open_partitions([0]) == {0: 20}


def test_a_source_that_starts_anew_is_an_error_and_not_a_repeat(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(10))
    anew = encoded(chat(offset=3, finished_at=T0_MS * 1000 + 999))
    with pytest.raises(LogChangedError, match=r"at offset 10.*earlier offset \(3\)"):
        feed(sink(tmp_path), [KafkaRecord(0, 10, T0_MS, b"k", anew)])


def test_another_topic_needs_another_output(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(3))
    with pytest.raises(LogChangedError, match="made from another topic"):
        sink(tmp_path, topic=FinishedTopic("plaudit.finished-conversations", "id-2"))


def test_of_two_sinks_on_one_partition_one_goes_on(tmp_path: Path) -> None:
    first, second = sink(tmp_path, writer="w1"), sink(tmp_path, writer="w2", rotate_rows=7)
    for one in (first, second):
        one.open_partitions([0])
    records = log(40)
    take_records(first, records[:12])
    with pytest.raises(SinkFencedError, match="another sink"):
        take_records(second, records[:12])
    feed(sink(tmp_path, writer="w3"), records)
    with pytest.raises(SinkFencedError):
        take_records(first, records[12:])
    assert sources(tmp_path) == once(40)


def test_a_range_that_was_begun_is_written_as_it_was_begun(tmp_path: Path) -> None:
    """A sink that sleeps between claim and publication changes nothing when it wakes up."""
    records, sleeper = log(40), sink(tmp_path, writer="w1", rotate_rows=30)
    sleeper.open_partitions([0])
    take_records(sleeper, records[:30])
    publish = sleeper._output.publish

    def pause(file: Path, path: str) -> bool:
        sleeper._output.publish = publish  # type: ignore[method-assign]  # the pause comes once
        feed(sink(tmp_path, writer="w2", rotate_rows=4), records)
        return publish(file, path)

    sleeper._output.publish = pause  # type: ignore[method-assign]  # the pause
    with pytest.raises(SinkFencedError):
        sleeper.take_record(records[30])
    assert files(tmp_path)[0] == "0000-000000000000-000000000029.parquet"
    assert files(tmp_path)[1] == "0000-000000000030-000000000033.parquet"
    assert sources(tmp_path) == once(40)


def test_a_begun_range_is_not_cut_short_by_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records, dying = log(20), sink(tmp_path, writer="w1", rotate_rows=15)
    dying.open_partitions([0])
    monkeypatch.setattr(dying._output, "publish", _die)
    with pytest.raises(KeyboardInterrupt):
        take_records(dying, records)
    feed(sink(tmp_path, writer="w2"), records[:6])
    assert files(tmp_path) == []
    feed(sink(tmp_path, writer="w3", rotate_rows=2), records[:16])
    assert files(tmp_path)[0] == "0000-000000000000-000000000014.parquet"
    gap = [record._replace(offset=record.offset + 1000) for record in log(20)[16:]]
    feed(sink(tmp_path, writer="w4"), gap)
    assert sources(tmp_path) == once(20)


def test_a_begun_range_whose_end_the_log_lost_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, dying = log(20), sink(tmp_path, writer="w1", rotate_rows=15)
    dying.open_partitions([0])
    monkeypatch.setattr(dying._output, "publish", _die)
    with pytest.raises(KeyboardInterrupt):
        take_records(dying, records)
    feed(sink(tmp_path, writer="w2"), records[:5] + records[18:])
    assert files(tmp_path)[0] == "0000-000000000000-000000000014.parquet"
    assert sorted(sources(tmp_path)) == [(0, at) for at in (0, 1, 2, 3, 4, 18, 19)]


def _die(*_: object) -> bool:
    raise KeyboardInterrupt


def test_a_full_disk_leaves_nothing_visible_and_the_sink_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, records = sink(tmp_path), mixed_log(25)
    one.open_partitions([0])
    link = os.link
    full = {"v1/amendments", "v1/conversations"}

    def refusing(source: Path, target: Path) -> None:
        if any(part in str(target) for part in full):
            raise OSError(28, "No space left on device")
        link(source, target)

    monkeypatch.setattr("os.link", refusing)
    for part in sorted(full):
        with pytest.raises(OutputUnavailableError, match=f"{part}.*No space left"):
            take_records(one, records)
        assert files(tmp_path) == []
        full.discard(part)
        one.close_partitions([0])
        one.open_partitions([0])
    feed(one, records)
    assert sources(tmp_path) + sources(tmp_path, "amendments") == once(25)
    assert _aside(tmp_path) == []


def test_attempts_on_a_full_disk_leave_nothing_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = sink(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("plaudit_consumers.sink.files.subset_writer.fsync_path", "os.fsync"):
        one.open_partitions([0])
        with monkeypatch.context() as patched:
            patched.setattr(name, full)
            with pytest.raises(OutputUnavailableError, match="No space left"):
                take_records(one, log(11))
        one.close_partitions([0])
        assert _aside(tmp_path) == []
    feed(one, log(10))
    assert sources(tmp_path) == once(10)
    assert _aside(tmp_path) == []


def test_what_was_published_by_another_leaves_no_copy_aside(tmp_path: Path) -> None:
    """The file of another sink stays as it is, although this one has a copy of its own."""
    sleeper = sink(tmp_path, writer="w1")
    sleeper.open_partitions([0])
    publish = sleeper._output.publish

    def pause(file: Path, path: str) -> bool:
        feed(sink(tmp_path, writer="w2", training_licence="theirs"), log(10))
        return publish(file, path)

    sleeper._output.publish = pause  # type: ignore[method-assign]  # the pause
    with pytest.raises(SinkFencedError):
        take_records(sleeper, log(11))
    sleeper.close_partitions([0])
    assert sources(tmp_path) == once(10)
    assert {row["licence"] for row in rows(tmp_path, "conversations")} == {"theirs"}
    assert _aside(tmp_path) == []


def _aside(root: Path) -> list[Path]:
    return [path for path in root.glob(".plaudit/aside/*/*") if path.name != "lock"]


def test_a_write_that_failed_is_its_own_files_error_whoever_comes_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, write, full = sink(tmp_path, rotate_rows=1000), SubsetWriter.write_table, [True]
    one.open_partitions([0, 1])

    def failing(writer: SubsetWriter, table: Any) -> None:
        if full:
            full.clear()
            raise OutputUnavailableError("conversations aside cannot be written")
        write(writer, table)

    monkeypatch.setattr(SubsetWriter, "write_table", failing)
    take_records(one, log(10))
    one.partitions[0].spill()  # its last rows fail in the background
    one.take_record(log(1, partition=1)[0])
    one.close_partitions([1])
    with pytest.raises(OutputUnavailableError):
        one.commit_partition(0)
    with pytest.raises(OutputUnavailableError):
        take_records(one, log(11)[10:])
    one.close_partitions([0])
    feed(one, log(20))
    assert sources(tmp_path) == once(20)


def test_a_newer_revision_is_not_passed_over(tmp_path: Path) -> None:
    newer = b"\0\0\0\0\7rest"
    records = [*log(3), KafkaRecord(0, 3, T0_MS, b"k", newer)]
    with pytest.raises(UnknownSchemaError, match=r"at offset 3: .*schema id 7.*upgrade it"):
        feed(sink(tmp_path), records)
    assert sink(tmp_path).open_partitions([0]) == {0: None}


def test_what_can_never_be_read_is_refused_before_the_commit(tmp_path: Path) -> None:
    letters: list[DeadLetter] = []
    records = [*log(3), KafkaRecord(0, 3, T0_MS, b"k", b"garbage"), KafkaRecord(0, 4, T0_MS, b"k", b"")]
    feed(sink(tmp_path, dead_letters=letters), records)
    found = [(letter.record.offset, letter.refusal.reason) for letter in letters]
    assert found == [(3, "bad_magic"), (4, "truncated")]
    assert sink(tmp_path).open_partitions([0]) == {0: 5}


def test_folders_of_killed_sinks_are_removed_and_those_of_others_kept(tmp_path: Path) -> None:
    alive = LocalOutput(tmp_path)
    dead = tmp_path / ".plaudit/aside/dead"
    dead.mkdir()
    (dead / "lock").write_bytes(b"")
    (dead / "half.parquet").write_bytes(b"x")
    other = LocalOutput(tmp_path)
    assert not dead.exists()
    assert alive.scratch.exists()
    other.close()
    assert not other.scratch.exists()


def test_training_files_of_a_sink_of_before_are_left_alone(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(10))
    folder = tmp_path / "v1/sft/date=2026-09-21"
    folder.mkdir(parents=True)
    left = [folder / "0000-000000000000-000000000009.parquet", tmp_path / "v1/kto/notes.txt"]
    left[1].parent.mkdir()
    for path in left:
        path.write_bytes(b"not even Parquet")
    (tmp_path / "v1/preference").symlink_to(tmp_path / "nowhere")
    next(tmp_path.glob(".plaudit/markers/*/*.json")).unlink()
    feed(sink(tmp_path), log(25))
    assert sources(tmp_path) == once(25)
    assert [path.read_bytes() for path in left] == [b"not even Parquet"] * 2
    assert "sft" not in (tmp_path / "README.md").read_text()
