"""kill -9 at every step of a commit: a next sink makes of it what a calm one would have made."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from plaudit_consumers.rows.schemas import RECORDS

from tests.support.offline_sink import feed, log, mixed_log, sink
from tests.support.services import ROOT
from tests.support.sinks import rows

COUNT = 25
SINK = "plaudit_consumers.sink"
PUBLISH = f"{SINK}.outputs.local:LocalOutput.publish"
CLAIM = f"{SINK}.commit.partition:SinkPartition._claim_range"
MARKER = f"{SINK}.commit.partition:SinkPartition._move_marker"
STEPS = {
    "before anything is written": (f"{SINK}.commit.open_file:OpenFile.spill", "before", 2),
    "half-way through the files": (f"{SINK}.files.subset_writer:SubsetWriter.write_table", "after", 2),
    "half-way through closing them": (f"{SINK}.files.subset_writer:SubsetWriter.finish", "after", 2),
    "before the claim": (CLAIM, "before", 2),
    "after the claim, before the link": (PUBLISH, "before", 1),
    "after the link": (PUBLISH, "after", 1),
    "before the marker moves": (MARKER, "before", 2),
    "before the offset commit": (MARKER, "after", 2),
    "before the readme": (f"{SINK}.outputs.root:RootReadme.note_files", "before", 2),
}
# The first range publishes amendments and conversations, the second amendments alone, the third again both.
MIXED_STEPS = {
    "half-way through closing both files": (f"{SINK}.files.subset_writer:SubsetWriter.finish", "after", 1),
    "after the claim, before the amendments": (PUBLISH, "before", 1),
    "between amendments and canonical": (PUBLISH, "after", 1),
    "between canonical and the marker": (PUBLISH, "after", 2),
    "before the marker moves past both": (MARKER, "before", 1),
    "before the claim of amendments alone": (CLAIM, "before", 2),
    "after the claim of amendments alone": (PUBLISH, "before", 3),
    "between amendments alone and the marker": (PUBLISH, "after", 3),
    "after the marker of amendments alone": (MARKER, "after", 2),
    "between the last amendments and their canonical": (PUBLISH, "after", 4),
    "before the readme names amendments": (f"{SINK}.outputs.root:RootReadme.note_files", "before", 2),
}


def _killed(folder: Path, log: str, steps: dict[str, tuple[str, str, int]]) -> Path:
    """An output for each step, as the kill left it."""
    command = [sys.executable, "-m", "tests.support.killed", "forked", log, json.dumps(steps)]
    done = subprocess.run(
        [*command, str(folder), str(COUNT)], cwd=ROOT, check=True, timeout=300, capture_output=True
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
    feed(sink(folder), log(COUNT))
    return folder


@pytest.fixture(scope="module")
def calm_mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calm_mixed")
    feed(sink(folder), mixed_log(COUNT))
    return folder


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_nothing_out_and_doubles_nothing(step: str, killed: Path, calm: Path) -> None:
    root = killed / step
    _assert_whole_files(root)
    feed(sink(root), log(COUNT))
    _assert_same(root, calm)


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost", [pytest.param(False, id="the marker stays"), pytest.param(True, id="the marker is lost")]
)
@pytest.mark.parametrize(
    "rotate_rows", [10, pytest.param(4, marks=pytest.mark.slow)], ids=["the same limits", "other limits"]
)
@pytest.mark.parametrize("step", MIXED_STEPS)
def test_a_kill_leaves_no_amendment_out_and_doubles_none(
    step: str, rotate_rows: int, lost: bool, killed_mixed: Path, calm_mixed: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(killed_mixed / step, root)
    _assert_whole_files(root)
    if lost:
        (root / ".plaudit/markers/id-1/0000.json").unlink(missing_ok=True)
    for end in (12, COUNT):
        feed(sink(root, rotate_rows=rotate_rows), mixed_log(end))
    _assert_same(root, calm_mixed)
    assert {row["source_offset"] for row in rows(root, "amendments")} == {1, 4, 7, *range(10, 20), 22}


def _configs(root: Path) -> list[str]:
    """What the README says, without the name of the state."""
    lines = (root / "README.md").read_text().splitlines()
    return [line for line in lines if "description: state" not in line]


def _assert_whole_files(root: Path) -> None:
    for path in root.glob("v1/*/*/*.parquet"):
        assert path.read_bytes()[-4:] == b"PAR1"


def _assert_same(root: Path, calm: Path) -> None:
    for subset in RECORDS:
        assert rows(root, subset) == rows(calm, subset)
    assert _configs(root) == _configs(calm)
    assert not [path for path in root.glob(".plaudit/aside/*/*") if path.name != "lock"]
