"""The README of a root, and what Hugging Face `datasets` makes of it: it has to see each new file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from plaudit_consumers.sink.outputs.local import LocalOutput
from plaudit_consumers.sink.outputs.root import RootReadme

from tests.support.offline_sink import feed, log, mixed_log, sink, take_records

LOADS = """
import json, sys
from datasets import load_dataset
root, kinds = sys.argv[1], sys.argv[2:]
found = [[row["source_offset"] for row in load_dataset(root, kind, split="train")] for kind in kinds]
print(json.dumps(found))
"""


def _loaded(root: Path, *subsets: str, cache: Path) -> list[list[int]]:
    """The source offsets of the rows that a new process finds."""
    environ = {**os.environ, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", LOADS, str(root), *subsets]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=300)
    found: list[list[int]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_a_root_that_has_grown_is_loaded_as_it_is_now(tmp_path: Path) -> None:
    root, cache = tmp_path / "root", tmp_path / "cache"
    feed(sink(root), mixed_log(10))
    before = _loaded(root, "conversations", "amendments", cache=cache)
    assert before == [[0, 2, 3, 5, 6, 8, 9], [1, 4, 7]]
    feed(sink(root), mixed_log(22))
    after = _loaded(root, "conversations", "amendments", cache=cache)
    assert after == [[*before[0], 20, 21], [*before[1], *range(10, 20)]]
    other = tmp_path / "other" / "root"
    feed(sink(other), log(3))
    assert _loaded(other, "conversations", cache=cache) == [[0, 1, 2]], "not the root of the same name"


def _state(root: Path) -> set[str]:
    lines = (root / "README.md").read_text().splitlines()
    return {line.strip() for line in lines if "description: state " in line}


def _configs(root: Path) -> list[str]:
    lines = (root / "README.md").read_text().splitlines()
    return [line.removeprefix("- config_name: ") for line in lines if line.startswith("- config_name")]


def test_the_readme_names_the_subsets_that_have_files(tmp_path: Path) -> None:
    sink(tmp_path)
    assert not (tmp_path / "README.md").exists()
    feed(sink(tmp_path), log(3))
    assert _configs(tmp_path) == ["conversations"]
    feed(sink(tmp_path), mixed_log(12))
    assert _configs(tmp_path) == ["conversations", "amendments"]
    assert len(_state(tmp_path)) == 1


def test_each_commit_gives_the_readme_another_state_and_repeats_do_not(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(10))
    one = sink(tmp_path)
    one.open_partitions([0])
    one.refresh_readme(at_once=True)
    states = [_state(tmp_path)]
    for records in (log(20)[10:], [record._replace(offset=record.offset + 20) for record in log(5)]):
        take_records(one, records)
        one.commit_partition(0)
        one.refresh_readme(at_once=True)
        states.append(_state(tmp_path))
    assert states[0] != states[1] == states[2]


def test_many_commits_in_a_second_write_the_readme_once_more_at_its_end(tmp_path: Path) -> None:
    now = [100.0]
    feed(sink(tmp_path), log(3))
    readme = RootReadme(LocalOutput(tmp_path), {"conversations"}, clock=lambda: now[0])
    first = _state(tmp_path)
    for now[0] in (100.1, 100.9):
        readme.note_files({"conversations"})
        readme.refresh()
    assert _state(tmp_path) == first
    now[0] = 101.0
    readme.refresh()
    second = _state(tmp_path)
    assert second != first
    now[0] = 103.0
    readme.refresh()
    assert _state(tmp_path) == second, "there was no file since"


def test_a_sink_that_takes_a_partition_over_writes_what_its_owner_did_not(tmp_path: Path) -> None:
    other = sink(tmp_path, writer="w2")
    dying = sink(tmp_path, writer="w1")
    dying.open_partitions([0])
    take_records(dying, mixed_log(11))  # it is killed before it writes the README
    assert not (tmp_path / "README.md").exists()
    other.open_partitions([0])
    other.refresh_readme(at_once=True)
    assert _configs(tmp_path) == ["conversations", "amendments"]


def test_commits_of_several_sinks_never_give_the_readme_a_state_of_before(tmp_path: Path) -> None:
    sinks = [sink(tmp_path, writer=f"w{number}") for number in range(2)]
    logs = [log(20, partition=number) for number in range(2)]
    states: list[set[str]] = []
    for number, one in enumerate(sinks):
        one.open_partitions([number])
    for first in (0, 10):
        for number, one in enumerate(sinks):
            take_records(one, logs[number][first : first + 10])
            one.commit_partition(number)
            one.refresh_readme(at_once=True)
            states.append(_state(tmp_path))
    assert [states.index(each) for each in states] == [0, 1, 2, 3]


@pytest.mark.parametrize("first", ["conversations", "amendments"])
def test_two_sinks_that_overwrite_the_readme_name_both_subsets(tmp_path: Path, first: str) -> None:
    output = LocalOutput(tmp_path)
    for subset in ("conversations", "amendments"):
        path = tmp_path / f"v1/{subset}/date=2026-01-01/0000-000000000000-000000000001.parquet"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"PAR1PAR1PAR1")
    RootReadme(output, {first})  # type: ignore[arg-type]  # the parameters are subsets
    assert _configs(tmp_path) == ["conversations", "amendments"]
