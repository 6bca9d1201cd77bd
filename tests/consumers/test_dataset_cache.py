"""Hugging Face `datasets` notices a snapshot that was built again, in a new process too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.content import content_id
from plaudit_consumers.datasets.manifest import SnapshotFile
from plaudit_consumers.datasets.plan import SnapshotPlan

from tests.consumers.live_root import Root

_LOAD = (
    "import sys; from datasets import load_dataset; "
    "rows = load_dataset(sys.argv[1], 'conversations', split='train', cache_dir=sys.argv[2]); "
    "print(*sorted(rows['conversation_id']))"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["the same path", pytest.param("another folder of the same name", marks=pytest.mark.slow)]
)
def test_a_snapshot_with_other_rows_is_loaded_anew(tmp_path: Path, place: str) -> None:
    first, second = tmp_path / "a" / "snapshot", tmp_path / "b" / "snapshot"
    _build(tmp_path / "one", first, "c1")
    assert _loaded(first, tmp_path) == "c1"
    if place == "the same path":
        shutil.rmtree(first)
        second = first
    _build(tmp_path / "two", second, "c2")
    assert _loaded(second, tmp_path) == "c2"


@pytest.mark.slow
def test_the_same_snapshot_comes_from_the_cache(tmp_path: Path) -> None:
    _build(tmp_path / "one", tmp_path / "snapshot", "c1")
    assert _loaded(tmp_path / "snapshot", tmp_path) == "c1"
    shutil.rmtree(tmp_path / "snapshot" / "conversations")
    _build(tmp_path / "one", tmp_path / "again" / "snapshot", "c1")
    before = sorted((tmp_path / "cache").rglob("*.arrow"))
    assert _loaded(tmp_path / "again" / "snapshot", tmp_path) == "c1"
    assert sorted((tmp_path / "cache").rglob("*.arrow")) == before


def test_an_id_follows_names_and_contents_in_any_order() -> None:
    a, b = SnapshotFile("sft/a", 1, "00"), SnapshotFile("sft/b", 1, "01")
    assert content_id([a, b]) == content_id([b, a])
    others = [SnapshotFile("sft/a", 1, "01"), SnapshotFile("sft/c", 1, "00")]
    assert len({content_id(files) for files in ([a], [b], [a, b], *([other] for other in others))}) == 5


def _build(live: Path, output: Path, name: str) -> None:
    root = Root(live)
    if not live.exists():
        root.add(name)
        root.publish()
    build_snapshot(str(live), SnapshotPlan(output=output, shares=(100, 0, 0)))


def _loaded(snapshot: Path, folder: Path) -> str:
    command = [sys.executable, "-c", _LOAD, str(snapshot), str(folder / "cache")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "ignored" not in done.stderr
    return done.stdout.strip()
