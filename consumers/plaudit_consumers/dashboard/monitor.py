"""Figures, lag and alerts of one pipeline, for `plaudit top`, the demo and the dashboard of the console."""

import time
from collections import deque
from typing import Final

from plaudit_schemas.alerts import definitions, seconds
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.lag import Lag, LagReader
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import METRICS

from plaudit_consumers.dashboard.broker_time import BrokerTime
from plaudit_consumers.dashboard.conditions import ActiveAlert, AlertTracker, age_conditions, conditions
from plaudit_consumers.dashboard.following import TopicFollower
from plaudit_consumers.dashboard.history import SnapshotHistory
from plaudit_consumers.dashboard.line_watch import LineWatch
from plaudit_consumers.dashboard.snapshots import from_record

PAST_S: Final = 3 * 3600
AT_ONCE: Final = 2000
"""Snapshots read in one `poll`, at most."""
_LAG_EVERY_S: Final = 1.0
_ROUND_US: Final = 30_000_000
"""After so long without a newer round none is to come: three times the usual interval."""
_RATE_READINGS: Final = 5


class LineMonitor:
    """Watches a pipeline through Kafka alone, without a consumer group, so every monitor sees everything.

    While Kafka does not answer, nothing is raised: the client tries again, and the figures grow old. Not
    thread-safe.

    Attributes:
        history: the snapshots. Its past is what compaction has left of the last hours.
        aspects: those that applications declare.
        line_expected: whether topics and workers should be there. Whoever starts them itself sets it then.
        alerts: the conditions that hold now, and since when by the broker's time.
        lag: None if Kafka does not answer.
    """

    def __init__(
        self, connection: ConnectionSettings, *, profile: str, group: str, past_s: float = PAST_S
    ) -> None:
        """Connects with the first `poll`.

        Args:
            profile: the profile of the alert limits.
            group: the consumer group of the workers.
            past_s: how far back the history begins, in seconds.

        Raises:
            SettingsError: there is no such profile, or the file of aspects is wrong.
        """
        self._limits = definitions().limits(profile)
        self.aspects = read_aspects(connection.aspects)
        self._follower = TopicFollower(connection, METRICS, past_s)
        self._decoder = Decoder("metric_snapshot", schemas_of(connection))
        self._lag_reader = LagReader(connection, group)
        self._watch = LineWatch(connection, group)
        self.line_expected = True
        self._lag_read_at = 0.0
        self._readings: deque[tuple[float, int]] = deque(maxlen=_RATE_READINGS)
        self._broker = BrokerTime()
        self._tracker = AlertTracker(seconds(self._limits.hold))
        self.history = SnapshotHistory()
        self.alerts: list[ActiveAlert] = []
        self.lag: Lag | None = None

    def poll(self, timeout_s: float = 0.2) -> int:
        """Read new snapshots, and update lag and alerts. Returns how many snapshots came.

        Blocks for about `timeout_s` seconds.

        Raises:
            TopicError: the topic of metric snapshots does not exist.
        """
        if self.line_expected:
            self._watch.start()
        try:
            added = self._read_snapshots(timeout_s)
        finally:  # without a topic too: that is an alert
            self._update_alerts()
        return added

    def now_us(self) -> int:
        """The broker's time in microseconds since 1970. Until it is known, that of this machine."""
        return self._broker.now_us()

    @property
    def is_complete(self) -> bool:
        """Whether a whole round of figures is known, or all that Kafka has and no newer round is to come."""
        if not self._follower.caught_up:
            return False
        age_us = self.now_us() - self.history.newest_at
        return self.history.has_whole_round or (self.history.newest_at > 0 and age_us > _ROUND_US)

    def events_per_second(self) -> float | None:
        """Events per second over the last readings of the lag; None before the second reading."""
        if len(self._readings) < 2 or self._readings[-1][0] <= self._readings[0][0]:
            return None
        (began, first), (ended, last) = self._readings[0], self._readings[-1]
        return (last - first) / (ended - began)

    def close(self) -> None:
        """Disconnect from Kafka; the next `poll` connects again."""
        self._watch.stop()
        self._follower.close()
        self._lag_reader.close()

    def _read_snapshots(self, timeout_s: float) -> int:
        added = 0
        for record in self._follower.poll(AT_ONCE, timeout_s):
            self._broker.note_record(record.timestamp)
            try:
                self.history.add_snapshot(from_record(self._decoder.decode(record.value or b"")))
            except CodecError:
                continue  # a newer writer's; readers are upgraded first, so this does not last
            added += 1
        return added

    def _update_alerts(self) -> None:
        self._read_lag()
        found = conditions(self.history.current(), self._limits, self.aspects)
        waiting = None if self.lag is None else self.lag.waiting
        now_us, now = self.now_us(), time.monotonic()
        found += age_conditions(self.history.newest_at, waiting, now_us, self._limits)
        found += self._watch.conditions
        self.alerts = [
            active._replace(since=now_us / 1e6 - (now - active.since))
            for active in self._tracker.update(found, now)
        ]

    def _read_lag(self) -> None:
        # Each reading asks Kafka for the offsets of all partitions, so not at every `poll`.
        if time.monotonic() - self._lag_read_at < _LAG_EVERY_S:
            return
        self._lag_read_at = time.monotonic()
        self.lag = self._lag_reader.read()
        if self.lag is not None:
            self._readings.append((time.monotonic(), self.lag.events))
