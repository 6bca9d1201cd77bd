"""When a worker that takes over is at full speed."""

import pytest

from benchmarks.cases.takeover import waits_of


def _samples(slow_s: float) -> list[tuple[float, int]]:
    """Four looks a second: nothing for 3 s, a tenth of 10,000 events/s for `slow_s`, then the whole of it."""
    samples, committed = [(0.0, 500)], 500.0
    for look in range(1, 200):
        at = look / 4
        committed += 0 if at < 3 else 250 if at < 3 + slow_s else 2500
        samples.append((at, int(committed)))
    return samples


@pytest.mark.parametrize("slow_s", [0, 2, 8], ids=["at once", "after 2 s", "after 8 s"])
def test_full_speed_counts_from_the_first_commit(slow_s: float) -> None:
    first, full, speed = waits_of(_samples(slow_s))
    assert first == 3.0
    assert full == pytest.approx(slow_s, abs=0.5)
    assert speed == pytest.approx(10_000)
