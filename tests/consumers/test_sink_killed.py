"""kill -9 at every step of a commit: a next sink makes of it what a calm one would have made."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from plaudit_consumers.rows.schemas import SUBSETS

from tests.support.offline_sink import feed, log, mixed_log, sink
from tests.support.services import ROOT
from tests.support.sinks import rows

RECORDS = 25
SINK = "plaudit_consumers.sink"
PUBLISH = f"{SINK}.outputs.local:LocalOutput.publish"
CLAIM = f"{SINK}.commit.partition:SinkPartition._claim_range"
MARKER = f"{SINK}.commit.partition:SinkPartition._move_marker"
STEPS = {
    "before anything is written": (f"{SINK}.commit.open_file:OpenFile.spill", "before", 2),
    "half-way through the files": (f"{SINK}.files.subset_writer:SubsetWriter.write_table", "after", 3),
    "half-way through closing them": (f"{SINK}.files.subset_writer:SubsetWriter.finish", "after", 2),
    "before the claim": (CLAIM, "before", 2),
    "after the claim, before the link": (PUBLISH, "before", 1),
    "between canonical and derived": (PUBLISH, "after", 1),
    "between two derived": (PUBLISH, "after", 2),
    "before the marker moves": (MARKER, "before", 2),
    "before the offset commit": (MARKER, "after", 2),
    "before the readme": (f"{SINK}.outputs.root:RootReadme.add_subsets", "before", 1),
}
# The first range publishes 5 files: amendments, conversations, sft, preference and kto. The second publishes
# amendments alone, and the third again both.
MIXED_STEPS = {
    "after the claim, before the amendments": (PUBLISH, "before", 1),
    "between amendments and canonical": (PUBLISH, "after", 1),
    "between canonical and derived, with amendments": (PUBLISH, "after", 2),
    "before the marker moves past both": (MARKER, "before", 1),
    "before the claim of amendments alone": (CLAIM, "before", 2),
    "after the claim of amendments alone": (PUBLISH, "before", 6),
    "between amendments alone and the marker": (PUBLISH, "after", 6),
    "after the marker of amendments alone": (MARKER, "after", 2),
    "between the last amendments and their canonical": (PUBLISH, "after", 7),
    "before the readme names amendments": (f"{SINK}.outputs.root:RootReadme.add_subsets", "before", 1),
}


def _killed(folder: Path, log: str, steps: dict[str, tuple[str, str, int]]) -> Path:
    """An output for each step, as the kill left it."""
    command = [sys.executable, "-m", "tests.support.killed", "forked", log, json.dumps(steps)]
    done = subprocess.run(
        [*command, str(folder), str(RECORDS)], cwd=ROOT, check=True, timeout=300, capture_output=True
    )
    assert json.loads(done.stdout) == dict.fromkeys(steps, -signal.SIGKILL)
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _killed(tmp_path_factory.mktemp("killed"), "finished", STEPS)


@pytest.fixture(scope="module")
def killed_mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _killed(tmp_path_factory.mktemp("killed_mixed"), "mixed", MIXED_STEPS)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calm")
    feed(sink(folder), log(RECORDS))
    return folder


@pytest.fixture(scope="module")
def calm_mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calm_mixed")
    feed(sink(folder), mixed_log(RECORDS))
    return folder


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_nothing_out_and_doubles_nothing(step: str, killed: Path, calm: Path) -> None:
    root = killed / step
    _assert_whole_files(root)
    feed(sink(root), log(RECORDS))
    _assert_same(root, calm)


@pytest.mark.parametrize(
    "lost", [pytest.param(False, id="the marker stays"), pytest.param(True, id="the marker is lost")]
)
@pytest.mark.parametrize("rotate_rows", [10, 4], ids=["the same limits", "other limits"])
@pytest.mark.parametrize("step", MIXED_STEPS)
def test_a_kill_leaves_no_amendment_out_and_doubles_none(
    step: str, rotate_rows: int, lost: bool, killed_mixed: Path, calm_mixed: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(killed_mixed / step, root)
    _assert_whole_files(root)
    if lost:
        (root / ".plaudit/markers/id-1/0000.json").unlink(missing_ok=True)
    for end in (12, RECORDS):
        feed(sink(root, rotate_rows=rotate_rows), mixed_log(end))
    _assert_same(root, calm_mixed)
    assert {row["source_offset"] for row in rows(root, "amendments")} == {1, 4, 7, *range(10, 20), 22}


def _assert_whole_files(root: Path) -> None:
    for path in root.glob("v1/*/*/*.parquet"):
        assert path.read_bytes()[-4:] == b"PAR1"


def _assert_same(root: Path, calm: Path) -> None:
    for subset in SUBSETS:
        assert rows(root, subset) == rows(calm, subset)
    assert (root / "README.md").read_text() == (calm / "README.md").read_text()
    assert not [path for path in root.glob(".plaudit/aside/*/*") if path.name != "lock"]
