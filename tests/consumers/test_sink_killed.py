"""kill -9 at every step of a commit: a next sink makes of it what a calm one would have made."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.offline_sink import feed, log, sink
from tests.support.services import ROOT
from tests.support.sinks import rows

RECORDS = 25
SINK = "plaudit_consumers.sink"
STEPS = {
    "before anything is written": (f"{SINK}.commit.open_file:OpenFile.spill", "before", 2),
    "half-way through the files": (f"{SINK}.files.subset_writer:SubsetWriter.write_table", "after", 3),
    "half-way through closing them": (f"{SINK}.files.subset_writer:SubsetWriter.finish", "after", 2),
    "before the claim": (f"{SINK}.commit.partition:SinkPartition._claim_range", "before", 2),
    "after the claim, before the link": (f"{SINK}.outputs.local:LocalOutput.publish", "before", 1),
    "between canonical and derived": (f"{SINK}.outputs.local:LocalOutput.publish", "after", 1),
    "between two derived": (f"{SINK}.outputs.local:LocalOutput.publish", "after", 2),
    "before the marker moves": (f"{SINK}.commit.partition:SinkPartition._move_marker", "before", 2),
    "before the offset commit": (f"{SINK}.commit.partition:SinkPartition._move_marker", "after", 2),
    "before the readme": (f"{SINK}.outputs.root:RootReadme.add_subsets", "before", 1),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output for each step, as the kill left it."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.support.killed", "forked", json.dumps(STEPS)]
    done = subprocess.run(
        [*command, str(folder), str(RECORDS)], cwd=ROOT, check=True, timeout=300, capture_output=True
    )
    assert json.loads(done.stdout) == dict.fromkeys(STEPS, -signal.SIGKILL)
    return folder


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calm")
    feed(sink(folder), log(RECORDS))
    return folder


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_nothing_out_and_doubles_nothing(step: str, killed: Path, calm: Path) -> None:
    root = killed / step
    for path in root.glob("v1/*/*/*.parquet"):
        assert path.read_bytes()[-4:] == b"PAR1"
    feed(sink(root), log(RECORDS))
    for subset in ("conversations", "sft", "preference", "kto"):
        assert rows(root, subset) == rows(calm, subset)
    assert (root / "README.md").read_text() == (calm / "README.md").read_text()
    assert not [path for path in root.glob(".plaudit/aside/*/*") if path.name != "lock"]
