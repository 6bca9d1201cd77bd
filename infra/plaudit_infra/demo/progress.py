"""How far the line has come: what is in the log, folded, and on disk."""

import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
from confluent_kafka import KafkaException
from plaudit_consumers.rows.schemas import RECORDS
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.kafka.lag import LagReader
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.service.redis import AWAY, connect_blocking
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import FINISHED
from plaudit_stream_processors.state.keys import partition_keys


class Progress:
    """Asks Kafka for the log's end, Redis for positions, and the folder for files. Servers may be away."""

    def __init__(self, connection: ConnectionSettings, output: Path) -> None:
        self._redis = connect_blocking(connection.redis_url.get_secret_value(), timeout_s=2)
        self._connection = connection
        partitions = range(connection.partitions or 1)
        self._keys = [partition_keys(connection.redis_prefix, partition) for partition in partitions]
        self._lag = LagReader(connection)
        self._rows = RowCounter(output)
        self.first_row_at: float | None = None

    def open_conversations(self) -> int | None:
        """The number of conversations that have not ended; None if Redis does not answer."""
        try:
            return sum(int(str(self._redis.zcard(keys.open))) for keys in self._keys)
        except AWAY:
            return None

    def folded(self) -> bool:
        """Whether everything in the log now is folded into Redis. False if Kafka or Redis does not answer."""
        try:
            found = self._lag.read()
            positions = [int(str(self._position(keys.position) or 0)) for keys in self._keys]
        except (KafkaException, *AWAY):
            return False
        return found is not None and sum(positions) >= found[0]

    def written(self) -> bool:
        """Whether there is a row for each record in the log of finished ones. False if Kafka is away."""
        try:
            with TopicReader(self._connection, FINISHED, timeout_s=5) as reader:
                ends = [reader.ends(partition) for partition in reader.partitions()]
        except (KafkaException, PlauditError):
            return False
        return sum(self.rows().values()) >= sum(end - first for first, end in ends)

    def rows(self) -> Mapping[str, int]:
        """Subset -> rows in published files. Sets `first_row_at` (`time.monotonic`) at the first row."""
        counts = self._rows.read()
        if counts and self.first_row_at is None:
            self.first_row_at = time.monotonic()
        return counts

    def close(self) -> None:
        """Close the connections to Kafka and Redis."""
        self._lag.close()
        self._redis.close()

    def _position(self, key: str) -> str | None:
        value = self._redis.hget(key, "next")
        return value.decode() if isinstance(value, bytes) else None


class RowCounter:
    """Counts rows of the Parquet files below `<root>/v1/<subset>`. It reads the footer of each file once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, int] = {}

    def read(self) -> dict[str, int]:
        """Subset -> rows; subsets without a file are left out."""
        counts: dict[str, int] = {}
        for subset in RECORDS:
            files = sorted((self._root / "v1" / subset).glob("date=*/*.parquet"))
            for path in files:
                if path not in self._known:
                    self._known[path] = pq.read_metadata(path).num_rows
            if files:
                counts[subset] = sum(self._known[path] for path in files)
        return counts
