"""Snapshots as folders: never half, never over another, readable by trainers' tools; and what is refused."""

from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]  # it has no types
import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from plaudit_consumers.datasets import writing
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.errors import (
    ConditionError,
    DatasetError,
    OutputExistsError,
    SnapshotError,
    SourceFileError,
)
from plaudit_consumers.datasets.manifest import read_manifest, verify_snapshot
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.rows.schemas import SCHEMAS, SNAPSHOT, Subset

from tests.consumers.live_root import Root, bytes_of, ranked, rows_of, thumb, turn

TOOLS = '[{"type": "function", "function": {"name": "clock"}}]'


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """Rows for every subset."""
    root = Root(tmp_path / "live")
    for number in range(80):
        root.judged(
            f"c{number}",
            turn("q", "user", content=f"question {number}"),
            turn("a", parent="q", content="good"),
            turn("b", parent="q", content="bad"),
            feedback=[thumb("a", number % 4 < 2), thumb("a", number % 4 < 2, rater="other")],
            comparisons=[ranked("a", "b")],
            tools=TOOLS if number % 2 else None,
            minute=number,
        )
        if number == 20:
            root.publish()
    return root.publish()


@pytest.fixture
def snapshot(root: Root, tmp_path: Path) -> Path:
    build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "snapshot", shares=(60, 20, 20)))
    return tmp_path / "snapshot"


@pytest.mark.parametrize("subset", SNAPSHOT)
def test_hugging_face_opens_each_subset(snapshot: Path, tmp_path: Path, subset: str) -> None:
    loaded = datasets.load_dataset(str(snapshot), subset, cache_dir=str(tmp_path / "cache"))
    counts = {str(split): rows.num_rows for split, rows in loaded.items()}
    assert counts == read_manifest(snapshot).rows[subset]  # type: ignore[index]  # a subset's name
    if subset == "preference":
        message = {"role": datasets.Value("string"), "content": datasets.Value("string")}
        features = loaded["train"].features
        assert all(features[name] == datasets.List(message) for name in ("prompt", "chosen", "rejected"))


@pytest.mark.slow
def test_files_have_the_schema_of_their_subset(snapshot: Path) -> None:
    for subset in SNAPSHOT:
        files = [pq.ParquetFile(path) for path in (snapshot / subset).glob("*.parquet")]
        assert sum(file.metadata.num_rows for file in files) > 0
        assert all(file.schema_arrow.equals(SCHEMAS[subset]) for file in files)


@pytest.mark.slow
def test_duckdb_and_polars_open_it(snapshot: Path) -> None:
    rows = sum(read_manifest(snapshot).rows["kto"].values())
    assert len(duckdb.read_parquet(f"{snapshot}/kto/*.parquet").filter("label").fetchall()) == rows // 2
    assert pl.scan_parquet(f"{snapshot}/kto/*.parquet").collect().height == rows


@pytest.mark.slow
def test_an_existing_output_is_refused_and_left_alone(root: Root, snapshot: Path, tmp_path: Path) -> None:
    before = bytes_of(snapshot)
    for output in (snapshot, tmp_path / "file", tmp_path / "link", tmp_path / "empty"):
        if output.name == "file":
            output.write_text("mine")
        elif output.name == "link":
            output.symlink_to(tmp_path / "nowhere")
        elif output.name == "empty":
            output.mkdir()
        with pytest.raises(OutputExistsError, match="never overwritten"):
            build_snapshot(str(root.folder), SnapshotPlan(output=output))
    assert bytes_of(snapshot) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failure_leaves_nothing(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        assert list(tmp_path.glob(".snapshot.*.building"))
        assert not (tmp_path / "snapshot").exists()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_table", full)
    with pytest.raises(DatasetError, match="No space left"):
        build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "snapshot"))
    assert [path.name for path in tmp_path.iterdir()] == ["live"]


@pytest.mark.slow
def test_an_output_that_appears_meanwhile_is_refused(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(writer: Any, sink: Any) -> None:
        writer.close()
        sink.close()
        (tmp_path / "snapshot").mkdir(exist_ok=True)

    monkeypatch.setattr(writing, "_close", close)
    with pytest.raises(OutputExistsError, match="meanwhile"):
        build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "snapshot"))
    assert list((tmp_path / "snapshot").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param(
            "date=2026-11-20/notes.parquet", b"x", "not a file of a sink", id="another writer's name"
        ),
        pytest.param("stray.parquet", b"x", "not a file of a sink", id="outside a day's folder"),
        pytest.param("date=2026-11-20/0-900-901.parquet", b"x", "0-900-901.parquet", id="garbage"),
        pytest.param("date=2026-11-20/0-900-901.parquet", b"", "0-900-901.parquet", id="empty"),
    ],
)
def test_foreign_and_damaged_files_are_named(
    root: Root, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = root.folder / "v1/conversations" / name
    path.write_bytes(content)
    with pytest.raises(SourceFileError, match=message):
        build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "snapshot"))


def test_a_file_of_another_schema_is_named(root: Root, tmp_path: Path) -> None:
    path = min((root.folder / "v1/conversations").rglob("*.parquet"))
    table = pq.read_table(path)
    pq.write_table(table.append_column("mine", table["application"]), path)
    with pytest.raises(SourceFileError, match="the columns mine differ"):
        build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "snapshot"))
    pq.write_table(SCHEMAS["conversations"].empty_table(), path)
    with pytest.raises(SourceFileError, match="was not written by a sink"):
        build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "snapshot"))


@pytest.mark.slow
def test_training_files_of_earlier_sinks_are_ignored(root: Root, tmp_path: Path, snapshot: Path) -> None:
    """Rows of other rules, and of conversations that were erased since, would be among them."""
    old = root.folder / "v1/sft/date=2026-11-20"
    old.mkdir(parents=True)
    (old / "0-0-20.parquet").write_bytes(b"what another version wrote")
    build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "again", shares=(60, 20, 20)))
    assert bytes_of(tmp_path / "again") == bytes_of(snapshot)


@pytest.mark.slow
def test_files_in_the_making_and_notes_are_no_rows(root: Root, tmp_path: Path, snapshot: Path) -> None:
    folder = root.folder / "v1" / "conversations"
    (folder / ".0-900-901.parquet.part").write_bytes(b"half")
    (folder / "date=2026-11-20" / ".tmp-1.parquet").write_bytes(b"half")
    (root.folder / "README.md").write_text("about")
    build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "again", shares=(60, 20, 20)))
    assert bytes_of(tmp_path / "again") == bytes_of(snapshot)


def test_a_root_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match="where the sink writes"):
        build_snapshot(str(tmp_path / "nowhere"), SnapshotPlan(output=tmp_path / "snapshot"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "message"),
    [
        pytest.param("votes >", "syntax", id="cut off"),
        pytest.param("true) UNION SELECT (false", "one condition", id="a union"),
        pytest.param("true; DROP TABLE x", "syntax", id="two statements"),
        pytest.param("votes > (SELECT 1)", "subqueries", id="a subquery"),
        pytest.param("random() < 0.5", "random", id="a random number"),
        pytest.param("finished_at < now()", "now", id="now"),
        pytest.param("finished_at < current_timestamp", "current_timestamp", id="the current timestamp"),
        pytest.param("finished_at > ago(INTERVAL 1 DAY)", "ago", id="ago"),
        pytest.param(
            "row_number() OVER (ORDER BY votes) < 10", "one condition over one row", id="a window function"
        ),
        pytest.param("* IS NULL", "one condition over one row", id="a star"),
        pytest.param("#1 IS NULL", "one condition over one row", id="a column by its number"),
        pytest.param("application = $1", "one condition over one row", id="a parameter"),
        pytest.param("filename LIKE '%0-%'", "filename, which is not a column", id="the file's name"),
        pytest.param(
            '"FILE_ROW_NUMBER" < 5', "file_row_number, which is not a column", id="the file's row number"
        ),
        pytest.param(
            "rows.filename = 'x'", "filename, which is not a column", id="the file's name with its table"
        ),
        pytest.param("(rows)::VARCHAR LIKE '%0-%'", "rows, which is not a column", id="the whole row"),
        pytest.param("_key = ''", "_key, which is not a column", id="the key of what was judged"),
        pytest.param("_kind = 'pair'", "_kind, which is not a column", id="the kind of what was judged"),
        pytest.param("frob = 1", "frob", id="an unknown column"),
        pytest.param(
            "frob(application)", r"does not fit .*: Catalog Error: .*frob", id="an unknown function"
        ),
        pytest.param("application::INT = 1", "does not fit", id="a cast that fails"),
        pytest.param(
            "(revision + 2147483647)::VARCHAR = ''",
            r"does not fit .*: Out of Range",
            id="a number out of range",
        ),
        pytest.param("regexp_matches(application, '(')", "does not fit", id="a broken pattern"),
        pytest.param("prompt > 'text' AND label", "kto|sft|conversations", id="columns of several subsets"),
    ],
)
def test_conditions_that_cannot_be_used_are_refused(
    root: Root, tmp_path: Path, where: str, message: str
) -> None:
    with pytest.raises(ConditionError, match=message):
        build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "snapshot", where=where))
    assert not (tmp_path / "snapshot").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subset", "where"),
    [
        pytest.param("sft", "prompt[1].content = 'question 0'", id="a struct"),
        pytest.param("sft_tools", "prompt[1] ->> 'content' = 'question 1'", id="JSON"),
    ],
)
def test_conditions_read_messages(root: Root, tmp_path: Path, subset: Subset, where: str) -> None:
    plan = SnapshotPlan(output=tmp_path / "snapshot", subsets=(subset,), where=where)
    assert sum(build_snapshot(str(root.folder), plan).rows[subset].values()) == 1


@pytest.mark.slow
def test_a_changed_snapshot_is_found_out(snapshot: Path) -> None:
    verify_snapshot(snapshot)
    path = next((snapshot / "sft").glob("train-*"))
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match="was changed"):
        verify_snapshot(snapshot)
    path.unlink()
    with pytest.raises(SnapshotError, match="is missing"):
        verify_snapshot(snapshot)


def test_what_is_no_snapshot_is_said(tmp_path: Path, snapshot: Path) -> None:
    with pytest.raises(SnapshotError, match="is not a snapshot"):
        read_manifest(tmp_path)
    text = (snapshot / "manifest.json").read_text()
    for broken, said in (
        (text.replace('"format": 2', '"format": 3'), "has the format 3; this version reads 2"),
        (text.replace('"format": 2', '"format": 1'), "has format 1, .* build the snapshot again"),
        ("{", "format"),
        ("[]", "format"),
        ('{"files": []}', "format"),
    ):
        (snapshot / "manifest.json").write_text(broken)
        with pytest.raises(SnapshotError, match=said):
            read_manifest(snapshot)


@pytest.mark.slow
def test_row_groups_and_shards_are_bounded_and_lose_nothing(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path / "big")
    for number in range(300):
        root.sft(f"c{number}", f"question {number}", "x" * (1 + number * 37), minute=number)
    root.publish()
    monkeypatch.setattr(writing, "GROUP_BYTES", 50_000)
    monkeypatch.setattr(writing, "SHARD_BYTES", 20_000)
    build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "snapshot", shares=(1, 0, 0)))
    paths = sorted((tmp_path / "snapshot" / "sft").glob("*.parquet"))
    assert len(paths) > 3
    groups = [
        pq.ParquetFile(path).metadata.row_group(at)
        for path in paths
        for at in range(pq.ParquetFile(path).num_row_groups)
    ]
    assert len(groups) > 10
    assert min(group.num_rows for group in groups) > 0
    assert [row["conversation_id"] for row in rows_of(tmp_path / "snapshot", "sft")] == [
        f"c{n}" for n in range(300)
    ]
