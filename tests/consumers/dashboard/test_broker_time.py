"""The broker's time on a machine whose clock is wrong."""

from plaudit_consumers.dashboard.broker_time import BrokerTime

HOUR_S = 3600.0
BEGAN_MS = 1_790_000_000_000


class Clocks:
    """The broker's clock, and that of this machine, which is ahead of it."""

    def __init__(self, ahead_s: float) -> None:
        self.s, self._ahead_s = 0.0, ahead_s
        self.time = BrokerTime(lambda: 500 + self.s, lambda: BEGAN_MS / 1000 + self.s + ahead_s)

    @property
    def broker_ms(self) -> int:
        return BEGAN_MS + int(self.s * 1000)

    def ahead_s(self) -> float:
        """How far what is said is ahead of the broker."""
        return self.time.now_us() / 1e6 - self.broker_ms / 1000


def _past(clocks: Clocks) -> None:
    """An hour of rounds, read in a burst; the newest is 4 s old."""
    for second in range(3604, 3, -10):
        for _ in range(20):
            clocks.s += 0.0001
            clocks.time.note_record(BEGAN_MS - second * 1000)


def test_records_that_come_as_they_are_written_tell_the_time() -> None:
    for ahead_s in (HOUR_S, -HOUR_S, 0.0):
        clocks = Clocks(ahead_s)
        _past(clocks)
        for _ in range(3):
            clocks.s += 10
            clocks.time.note_record(clocks.broker_ms - 5)
        assert abs(clocks.ahead_s()) < 0.1, ahead_s
        clocks.s += 300
        assert abs(clocks.ahead_s()) < 0.1, "silence: the figures grow old by as much"


def test_the_past_alone_tells_only_the_least() -> None:
    clocks = Clocks(HOUR_S)
    _past(clocks)
    assert abs(clocks.ahead_s() - HOUR_S) < 0.1, "nothing better is known than the own clock"
    slow = Clocks(-HOUR_S)
    _past(slow)
    assert -6 < slow.ahead_s() <= 0, "it is not before the newest record"
