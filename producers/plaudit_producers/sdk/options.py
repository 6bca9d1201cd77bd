"""The options of a producer."""

from pathlib import Path
from typing import Any, Literal, TypedDict

from plaudit_schemas.contract.field_types import Source
from plaudit_schemas.errors import SettingsError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

WhenFull = Literal["drop", "raise", "block"]
SpoolSync = Literal["never", "interval", "always"]
MessageIds = Literal["short", "with_conversation"]
WhenInvalid = Literal["repair", "drop"]
Compression = Literal["none", "gzip", "snappy", "lz4", "zstd"]


class ProducerKeywords(TypedDict, total=False):
    """Keyword arguments of the producers. `ProducerOptions` documents them and their defaults."""

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
    message_ids: MessageIds
    strict: bool
    when_invalid: WhenInvalid


class ProducerOptions(BaseModel):
    """Options of one producer.

    Attributes:
        source: where the events come from. Alerts ignore events with source `import`.
        when_full: what a call does when the buffer is full. `drop` counts and logs the event and returns,
            `raise` raises BufferFullError, `block` waits for `block_timeout_s` and then raises.
        block_timeout_s: seconds; None waits forever.
        max_buffer_events, max_buffer_bytes: limits of the buffer in memory.
        linger_ms: how long an event may wait for others to share a request with.
        compression: how librdkafka compresses batches.
        delivery_timeout_s: without a spool, an event that Kafka has not taken after this time has failed.
        exit_timeout_s: how long the end of a `with` block or of the process waits for Kafka.
        spool_dir: a folder on a local disk, which several processes may share if they send to one cluster.
            Without one, events that wait for Kafka are only in memory, and are lost with the process.
        spool_max_bytes: the limit for all files, including those taken over. Beyond it `when_full` applies.
        spool_sync: what a power cut may lose. `never`: whatever the system has not written yet.
            `interval`: up to the last second. `always`: nothing, at the price of an fsync for each event.
            A killed process loses nothing with any of them.
        message_ids: the ids of new messages. With `with_conversation` they carry their conversation's id, if
            that has at most 98 characters, so that `producer.message(message_id)` works anywhere later.
        strict: raise when the content of a chat breaks the contract. Without it such an event is repaired or
            rejected, as `when_invalid` says, and no call raises because of what a chat holds.
        when_invalid: `repair` cuts a text that is too long, converts and leaves out what does not fit, and
            rejects an event of which too little is left. `drop` rejects every event that does not fit. Ids
            of what is new are repaired with both. `stats()` counts what was repaired and rejected.
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
    message_ids: MessageIds = "short"
    strict: bool = False
    when_invalid: WhenInvalid = "repair"

    @classmethod
    def of(cls, options: Any) -> "ProducerOptions":
        """Validate keyword arguments.

        Raises:
            SettingsError: a keyword is unknown, or its value is out of range.
        """
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            first = error.errors()[0]
            name = first["loc"][0] if first["loc"] else "options"
            raise SettingsError(f"{name}: {first['msg']}") from None

    def kafka(self) -> dict[str, Any]:
        """Return librdkafka's settings. The user's `kafka_options` override them."""
        return {
            "queue.buffering.max.messages": self.max_buffer_events,
            "queue.buffering.max.kbytes": self.max_buffer_bytes >> 10,
            "linger.ms": self.linger_ms,
            "compression.type": self.compression,
            "message.max.bytes": 2_097_152,  # as max.message.bytes of the topic
            # 0 is no timeout: the spool keeps an event until Kafka answers.
            "message.timeout.ms": 0 if self.spool_dir else round(self.delivery_timeout_s * 1000),
            "reconnect.backoff.max.ms": 2_000,
            "topic.metadata.refresh.interval.ms": 30_000,  # how soon a new topic is found
        }
