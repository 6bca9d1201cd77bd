"""Claims of ranges of which retention has deleted records."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.offline_sink import feed, log, sink, take_records
from tests.support.sinks import sources


def _files(root: Path) -> list[tuple[int, int]]:
    names = sorted(path.stem for path in root.glob("v1/conversations/*/*.parquet"))
    return [(int(name.split("-")[1]), int(name.split("-")[2])) for name in names]


def _sleeping(root: Path) -> Callable[[], bool]:
    """Leaves the claim 10-19 unpublished. Returns what the sink does when it wakes up: it publishes."""
    sleeper = sink(root, writer="w1")
    sleeper.open_partitions([0])
    take_records(sleeper, log(20))
    publish = sleeper._output.publish
    held: list[tuple[Path, str]] = []

    def sleeping(file: Path, path: str) -> bool:
        held.append((file, path))
        raise KeyboardInterrupt

    sleeper._output.publish = sleeping  # type: ignore[method-assign]  # it falls asleep there
    with pytest.raises(KeyboardInterrupt):
        sleeper.commit_partition(0)
    return lambda: publish(*held[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("low", "expected"),
    [
        pytest.param(15, [(0, 9), (10, 19), (20, 29), (30, 39)], id="a part is left"),
        pytest.param(19, [(0, 9), (10, 19), (20, 29), (30, 39)], id="the last record is left"),
        pytest.param(20, [(0, 9), (20, 29), (30, 39)], id="nothing is left"),
        pytest.param(25, [(0, 9), (20, 34), (35, 39)], id="more is gone"),
    ],
)
@pytest.mark.parametrize("stopped_after", [1, 100], ids=["stopped at once", "to the end"])
def test_a_claimed_range_holds_its_own_records_only(
    tmp_path: Path, low: int, expected: list[tuple[int, int]], stopped_after: int
) -> None:
    wake_up = _sleeping(tmp_path)
    left = log(40)[low:]
    feed(sink(tmp_path, writer="w2"), left[:stopped_after])
    feed(sink(tmp_path, writer="w3"), left)
    feed(sink(tmp_path, writer="w4"), left)
    if stopped_after == 100:
        assert _files(tmp_path) == expected
    assert sources(tmp_path) == {(0, offset): 1 for offset in [*range(10), *range(low, 40)]}
    for path in tmp_path.glob("v1/conversations/*/*.parquet"):
        first, last = (int(part) for part in path.stem.split("-")[1:])
        assert all(first <= record <= last for record in _records(path))
    published = wake_up()
    assert published == (low >= 20)  # these records are gone from the log, and nobody else has written them
    written = [*range(10), *range(10 if published else low, 20), *range(max(20, low), 40)]
    assert sources(tmp_path) == {(0, offset): 1 for offset in written}


def _records(path: Path) -> list[int]:
    return list(pq.read_table(path)["record_offset"].to_pylist())
