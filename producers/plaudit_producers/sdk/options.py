"""How a producer behaves."""

from pathlib import Path
from typing import Any, Literal, TypedDict

from plaudit_schemas.contract.field_types import Source
from plaudit_schemas.errors import SettingsError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

WhenFull = Literal["drop", "raise", "block"]
SpoolSync = Literal["never", "interval", "always"]
Compression = Literal["none", "gzip", "snappy", "lz4", "zstd"]


class ProducerKeywords(TypedDict, total=False):
    """The keywords of the producers; `ProducerOptions` documents them and their defaults."""

    source: Source
    when_full: WhenFull
    block_timeout_s: float | None
    max_buffer_events: int
    max_buffer_bytes: int
    linger_ms: float
    compression: Compression
    delivery_timeout_s: float
    exit_timeout_s: float
    spool_dir: str | Path | None
    spool_max_bytes: int
    spool_sync: SpoolSync


class ProducerOptions(BaseModel):
    """Settings of one producer.

    Attributes:
        source: the way the events came; `import` stays out of alerts.
        when_full: what a call does when there is no room. `drop` counts and logs the event and goes
            on, `raise` raises BufferFullError, `block` waits `block_timeout_s` and then raises.
        block_timeout_s: None waits for ever.
        max_buffer_events, max_buffer_bytes: the bounds of what waits in memory for Kafka.
        linger_ms: how long an event may wait for others to share a request.
        delivery_timeout_s: without a spool, an event that Kafka has not taken by then has failed.
        exit_timeout_s: how long leaving a `with` block, and the end of the process, wait for Kafka.
        spool_dir: a folder on a local disk; several processes may share it. Without one, events
            that wait for Kafka are in memory only, and lost with the process.
        spool_max_bytes: the size of all files, those taken over included; beyond it `when_full` decides.
        spool_sync: what a power cut costs: with `never` what the system had not written, with `interval`
            up to the last second, with `always` (an fsync for each event) nothing. A killed process costs
            nothing with any of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Source = "sdk"
    when_full: WhenFull = "drop"
    block_timeout_s: float | None = Field(default=5.0, ge=0)
    max_buffer_events: int = Field(default=100_000, ge=1, le=10_000_000)
    max_buffer_bytes: int = Field(default=64 << 20, ge=4 << 20, le=2 << 30)
    linger_ms: float = Field(default=20.0, ge=0, le=900_000)
    compression: Compression = "lz4"
    delivery_timeout_s: float = Field(default=120.0, gt=0, le=2_000_000)
    exit_timeout_s: float = Field(default=5.0, ge=0)
    spool_dir: Path | None = None
    spool_max_bytes: int = Field(default=1 << 30, ge=4 << 20)
    spool_sync: SpoolSync = "interval"

    @classmethod
    def of(cls, options: Any) -> "ProducerOptions":
        """Validate keywords.

        Raises:
            SettingsError: a keyword is unknown or its value does not fit.
        """
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            first = error.errors()[0]
            name = first["loc"][0] if first["loc"] else "options"
            raise SettingsError(f"{name}: {first['msg']}") from None

    def kafka(self) -> dict[str, Any]:
        """librdkafka's settings. The user's `kafka_options` override them."""
        return {
            "queue.buffering.max.messages": self.max_buffer_events,
            "queue.buffering.max.kbytes": self.max_buffer_bytes >> 10,
            "linger.ms": self.linger_ms,
            "compression.type": self.compression,
            "message.max.bytes": 2_097_152,
            "message.timeout.ms": 0 if self.spool_dir else round(self.delivery_timeout_s * 1000),
            "reconnect.backoff.max.ms": 2_000,
            "topic.metadata.refresh.interval.ms": 30_000,  # so soon a topic that was missing is found
        }
