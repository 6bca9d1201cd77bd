"""Keeps the latest snapshot of each series and window, and the past points for charts."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from plaudit_schemas.contract.names import AGREEMENT_ACCURACY, ASPECT_FIGURE, LABEL_SCALE, agreement_parts

from plaudit_consumers.dashboard.snapshots import FigureId, FigureValue, Series, Snapshot

POINTS: Final = 180
"""For each series and window. They are a sixtieth of the window apart, so three windows of time."""
LARGEST_SERIES: Final = 50
CHARTED: Final = frozenset(
    {
        "satisfaction",
        "satisfied",
        "accuracy",
        "precision",
        "coverage",
        "ignore_rate",
        "regeneration_rate",
        "response_latency_ms_p50",
        "response_latency_ms_p95",
        "response_latency_ms_p99",
        "messages_assistant",
    }
)

CHARTED_ASPECTS: Final = 10
"""Figures of aspects that a past point keeps: those with the most votes of users, without labels."""

CHARTED_SCORERS: Final = 10
"""How often so many scorers agree with people is kept too: of those with the most judged messages."""

Key = tuple[int, Series]
Point = tuple[int, dict[FigureId, FigureValue]]


class SnapshotHistory:
    """Collects snapshots, in any order across series. Not thread-safe.

    Memory is bounded: past points are kept for the first `LARGEST_SERIES` series without variant, and at most
    `POINTS` of them for each window.

    Attributes:
        taken: how many snapshots were kept so far. A round may come in several readings.
    """

    def __init__(self) -> None:
        self.taken = 0
        self._latest: dict[Key, Snapshot] = {}
        self._past: dict[Key, deque[Point]] = {}
        self._rounds: tuple[int, int] = (0, 0)

    @property
    def newest_at(self) -> int:
        """The time of the newest snapshot in microseconds; 0 before the first."""
        return self._rounds[1]

    @property
    def has_whole_round(self) -> bool:
        """Whether a round is known that a newer one follows, so that it has come in completely."""
        return self._rounds[0] > 0

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, unless a newer one of its series and window is known."""
        key = (snapshot.window, snapshot.series)
        known = self._latest.get(key)
        if known is not None and known.at > snapshot.at:
            return
        self._latest[key] = snapshot
        self.taken += 1
        if snapshot.at > self._rounds[1]:
            self._rounds = (self._rounds[1], snapshot.at)
            self._forget()
        self._remember(key, snapshot)

    def current(self) -> list[Snapshot]:
        """The latest snapshots, without series that are no longer published."""
        # The last two rounds count, because a round is still coming in while its newest snapshot is known.
        return [snapshot for _, snapshot in sorted(self._latest.items()) if snapshot.at >= self._rounds[0]]

    def past(self) -> Iterator[tuple[Key, list[Point]]]:
        """The past points of each current series and window, oldest first."""
        shown = {(snapshot.window, snapshot.series) for snapshot in self.current()}
        for key, points in self._past.items():
            if key in shown:
                yield key, list(points)

    def _remember(self, key: Key, snapshot: Snapshot) -> None:
        if snapshot.series.variant:
            return
        points = self._past.get(key)
        if points is None:
            if len({series for _, series in self._past}) >= LARGEST_SERIES:
                return
            points = self._past[key] = deque(maxlen=POINTS)
        if points and snapshot.at - points[-1][0] < snapshot.window * 1_000_000 // 60:
            return
        points.append((snapshot.at, _charted(snapshot)))

    def _forget(self) -> None:
        """Drop series that have not been published for two days, twice the longest window."""
        before = self._rounds[1] - 2 * 86_400_000_000
        for key in [key for key, snapshot in self._latest.items() if snapshot.at < before]:
            del self._latest[key]
            self._past.pop(key, None)


def _charted(snapshot: Snapshot) -> dict[FigureId, FigureValue]:
    kept = {which: value for which, value in snapshot.figures.items() if which.name in CHARTED}
    for is_kept, most in ((_is_aspect, CHARTED_ASPECTS), (_is_agreement, CHARTED_SCORERS)):
        found = [(-value.count, which) for which, value in snapshot.figures.items() if is_kept(which)]
        for _, which in sorted(found)[:most]:
            kept[which] = snapshot.figures[which]
    return kept


def _is_aspect(which: FigureId) -> bool:
    return (
        which.name.startswith(ASPECT_FIGURE)
        and which.rater_kind == "user"
        and not which.scale.startswith(LABEL_SCALE)
    )


def _is_agreement(which: FigureId) -> bool:
    parts = agreement_parts(which.name)
    return parts is not None and parts[0] == AGREEMENT_ACCURACY
