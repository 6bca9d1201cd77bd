"""Follows the figures of a running line: snapshots, lag, alerts."""

import time
from collections import deque

from plaudit_producers.board.alerts import AlertBook, Firing, age_conditions, conditions
from plaudit_producers.board.board import Board
from plaudit_producers.board.feed import SnapshotFeed
from plaudit_producers.board.lag import LagReader
from plaudit_schemas.alerts import definitions, seconds
from plaudit_schemas.connection import ConnectionSettings

from plaudit_infra.terminal.state import State

_RATE_OVER = 5


class Watch:
    """What a terminal shows of the line, read from Kafka alone. Not for use by several threads."""

    def __init__(self, connection: ConnectionSettings, *, profile: str, window: int, group: str) -> None:
        self._limits = definitions().limits(profile)
        self._window = window
        self._feed, self._lag = SnapshotFeed(connection), LagReader(connection, group)
        self._board, self._book = Board(), AlertBook(seconds(self._limits.hold))
        self._seen: deque[tuple[float, int]] = deque(maxlen=_RATE_OVER)
        self.alerts: list[Firing] = []

    def read(self, timeout_s: float = 0.2) -> State:
        """Take what has come and give the state; blocks for about `timeout_s`."""
        self._feed.poll(self._board, timeout_s)
        found, now = self._lag.read(), time.time()
        events, waiting = found or (None, None)
        if events is not None:
            self._seen.append((now, events))
        newest, current = self._board.newest_at, self._board.current()
        wrong = conditions(current, self._limits)
        wrong += age_conditions(newest, waiting, int(now * 1e6), self._limits)
        self.alerts = self._book.update(wrong, now)
        return State(
            window=self._window,
            snapshots=current,
            alerts=self.alerts,
            events=events,
            rate=self._rate(),
            waiting=waiting,
            age_s=max(0.0, now - newest / 1e6) if newest else None,
        )

    def close(self) -> None:
        """Leave Kafka."""
        self._feed.close()
        self._lag.close()

    def _rate(self) -> float | None:
        if len(self._seen) < 2 or self._seen[-1][0] <= self._seen[0][0]:
            return None
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began)
