"""Settings of the worker."""

from plaudit_schemas.kafka.lag import WORKER_GROUP
from plaudit_schemas.settings import Settings
from pydantic import Field

HOUR_MS = 3_600_000


class WorkerSettings(Settings):
    """How a worker folds, what it keeps and where it answers."""

    worker_group: str = Field(default=WORKER_GROUP, description="The consumer group that workers share")
    worker_instance: str | None = Field(
        default=None, description="A static name of this worker: a restart keeps its partitions"
    )
    worker_batch: int = Field(
        default=4000, ge=1, le=20_000, description="Records folded and committed at once"
    )
    worker_session_s: float = Field(
        default=6.0, ge=2, description="A silent worker loses its partitions after this"
    )
    worker_stall_s: float = Field(
        default=120, gt=0, description="A worker that hangs for so long ends, so that it is started again"
    )
    worker_cache: int = Field(default=400_000, ge=1000, description="Entities that a worker holds in memory")
    state_retention_hours: float = Field(
        default=72, gt=0, description="How long an ended conversation takes events"
    )
    longest_open_hours: float = Field(default=168, gt=0, description="How long a conversation may stay open")
    idle_timeout_s: float = Field(default=1800, gt=0, description="Quiet conversations end after this")
    sweep_interval_s: float = Field(default=10, gt=0, description="How often to look for quiet conversations")
    snapshot_interval_s: float = Field(
        default=10, gt=0, description="How often metric snapshots are published"
    )
    metric_models: str = Field(
        default="", description="Models with series of their own, comma-separated; else the first"
    )
    metric_values: int = Field(
        default=200, ge=1, description="At most so many models, variants, applications"
    )
    web_host: str = Field(default="127.0.0.1", description="Where the worker's health and metrics are served")
    web_port: int = Field(default=6066, ge=0, le=65535, description="Their port; 0 takes a free one")

    @property
    def state_retention_ms(self) -> int:
        """`state_retention_hours` in milliseconds."""
        return int(self.state_retention_hours * HOUR_MS)

    @property
    def needed_retention_ms(self) -> int:
        """What the events topic must keep at least, so that a replay finds every live conversation whole."""
        return self.state_retention_ms + int(self.longest_open_hours * HOUR_MS)
