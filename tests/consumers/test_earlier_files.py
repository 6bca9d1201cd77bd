"""Files that an earlier version wrote, without the columns and fields that came later."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.difference import compare_snapshots
from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.rows.earlier import completed_table, is_earlier
from plaudit_consumers.rows.schemas import SCHEMAS, SUBSETS, Subset

from tests.consumers.live_root import bytes_of
from tests.support.earlier import LATER, earlier_schema, make_earlier
from tests.support.offline_sink import feed, log, sink
from tests.support.sinks import sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    feed(sink(tmp_path / "root"), log(25))
    return tmp_path / "root"


def _snapshot(root: Path, name: str) -> Path:
    output = root.parent / name
    build_snapshot(str(root), SnapshotPlan(output=output, shares=(2, 1, 1)))
    return output


@pytest.mark.slow
@pytest.mark.parametrize("newer", [25, 40], ids=["all files are old", "newer files beside them"])
def test_a_snapshot_of_old_files_is_the_same(root: Path, newer: int) -> None:
    feed(sink(root), log(newer))
    before = bytes_of(_snapshot(root, "before"))
    old = sorted((root / "v1").rglob("*-000000000000-*.parquet"))
    old += sorted((root / "v1").rglob("*-000000000020-*.parquet"))
    make_earlier(old if newer > 25 else sorted((root / "v1").rglob("*.parquet")))
    assert not pq.read_schema(old[0]).equals(SCHEMAS["conversations"])
    after = _snapshot(root, "after")
    assert bytes_of(after) == before
    for subset in SUBSETS:
        for path in (after / subset).glob("*.parquet"):
            assert pq.read_schema(path).equals(SCHEMAS[subset])


def test_a_sink_goes_on_from_an_old_file_alone(root: Path) -> None:
    make_earlier(sorted((root / "v1").rglob("*.parquet")))
    next(root.glob(".plaudit/markers/*/*.json")).unlink()
    feed(sink(root), log(31))
    assert sources(root) == {(0, offset): 1 for offset in range(31)}


@pytest.mark.slow
def test_training_files_of_a_sink_of_before_change_no_snapshot(root: Path) -> None:
    whole = bytes_of(_snapshot(root, "whole"))
    path = root / "v1/sft/date=2026-09-21/0000-000000000000-000000000009.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not even Parquet")
    (root / "v1/kto").symlink_to(root / "nowhere")
    assert bytes_of(_snapshot(root, "snapshot")) == whole


def test_a_condition_on_a_later_column_finds_null_in_old_rows(root: Path) -> None:
    make_earlier(sorted((root / "v1").rglob("*.parquet")))
    plan = SnapshotPlan(output=root.parent / "s", where="session IS NULL", subsets=("conversations",))
    assert sum(build_snapshot(str(root), plan).rows["conversations"].values()) == 25


@pytest.mark.slow
def test_snapshots_of_two_versions_are_compared(root: Path) -> None:
    new, old = _snapshot(root, "new"), _snapshot(root, "old")
    make_earlier(sorted(old.rglob("conversations/*.parquet")))
    for before, after in ((old, new), (new, old), (old, shutil.copytree(old, root.parent / "copy"))):
        manifest = before / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"sha256": "', '"sha256": "x'))
        found = compare_snapshots(before, after)["conversations"]
        assert (found.same, found.changed, found.added, found.removed) == (25, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda table: table.append_column("mine", table["application"]), "mine", id="a column more"
        ),
        pytest.param(
            lambda table: table.set_column(2, "revision", table["revision"].cast(pa.int64())),
            "types differ",
            id="another type",
        ),
        pytest.param(
            lambda table: table.rename_columns({"session": "sessions"}),
            "session, sessions",
            id="another name",
        ),
    ],
)
def test_a_schema_that_never_was_is_refused(root: Path, change: Any, message: str) -> None:
    path = min((root / "v1/conversations").rglob("*.parquet"))
    metadata = pq.read_schema(path).metadata
    changed = change(pq.ParquetFile(path).read())
    pq.write_table(changed.replace_schema_metadata(metadata), path)
    with pytest.raises(SourceFileError, match=f"another schema.*{message}"):
        _snapshot(root, "snapshot")


@pytest.mark.slow
@pytest.mark.parametrize("subset", SUBSETS)
def test_a_table_is_completed_with_nulls(root: Path, subset: Subset) -> None:
    earlier = earlier_schema(SCHEMAS[subset])
    assert is_earlier(earlier, SCHEMAS[subset])
    assert not is_earlier(SCHEMAS[subset], earlier)
    found = completed_table(subset, _one_row(earlier))
    assert found.schema.equals(SCHEMAS[subset])
    assert all(found[name].null_count == 1 for name in LATER & set(found.column_names))


def _one_row(schema: Any) -> Any:
    return pa.table([pa.nulls(1, column.type) for column in schema], schema=schema)
