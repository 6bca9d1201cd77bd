"""The watchdog on signs of life made up."""

from typing import Any

from plaudit_stream_processors.running.watchdog import Watchdog


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _watched(*moments: dict[str, Any]) -> list[str | None]:
    """What it says at each moment, ten seconds apart."""
    clock = _Clock()
    watchdog = Watchdog(25, clock)
    said = []
    for moment in moments:
        usual = {
            "rebalancing": False,
            "fetched_at": clock.now,
            "waits_since": None,
            "away": False,
        }
        said.append(watchdog.find_hang(**{**usual, **moment}))
        clock.now += 10
    return said


def test_a_quiet_worker_is_well_for_ever() -> None:
    assert _watched(*[{}] * 10) == [None] * 10


def test_each_hang_is_told_after_its_time() -> None:
    assert _watched(*[{"rebalancing": True}] * 4) == [None] * 3 + ["the rebalance has not ended for 30 s"]
    assert _watched(*[{"fetched_at": 1.0}] * 4) == [None] * 3 + ["nothing was fetched for 30 s"]
    assert _watched(*[{"waits_since": 1.0}] * 4)[3] == "fetched batches were not committed for 30 s"


def test_a_batch_after_a_long_rest_has_its_own_time() -> None:
    assert _watched(*[{}] * 9, {"waits_since": 90.0}, {"waits_since": 90.0}) == [None] * 11


def test_progress_starts_the_time_anew() -> None:
    moments = [{"waits_since": float(number // 2)} for number in range(10)]
    assert _watched(*moments) == [None] * 10


def test_a_worker_that_waits_for_a_service_does_not_hang() -> None:
    assert _watched(*[{"waits_since": 1.0, "away": True}] * 9, {"waits_since": 1.0}) == [None] * 10
