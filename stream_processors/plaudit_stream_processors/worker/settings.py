"""Settings of the worker."""

from plaudit_schemas.kafka.lag import WORKER_GROUP
from plaudit_schemas.settings.retention import RetentionSettings
from pydantic import Field


class WorkerSettings(RetentionSettings):
    """How a worker folds, what it keeps, and where it serves health and metrics."""

    worker_group: str = Field(default=WORKER_GROUP, description="The consumer group that workers share")
    worker_instance: str | None = Field(
        default=None, description="A static name of this worker; a quick restart keeps its partitions"
    )
    # A batch is one script call, and Redis serves nobody else meanwhile.
    worker_batch: int = Field(
        default=4000, ge=1, le=20_000, description="At most so many records are folded and committed at once"
    )
    worker_session_s: float = Field(
        default=6.0, ge=2, description="Seconds after which a silent worker loses its partitions"
    )
    worker_stall_s: float = Field(
        default=120, gt=0, description="Seconds after which a hanging worker ends, to be started again"
    )
    topic_check_s: float = Field(
        default=10,
        gt=0,
        description="Seconds between two looks at the topics and the dead letters",
    )
    worker_cache: int = Field(
        default=400_000, ge=1000, description="Messages, feedback and the like that a worker holds in memory"
    )
    idle_timeout_s: float = Field(
        default=1800, gt=0, description="Seconds without activity after which a conversation is ended"
    )
    sweep_interval_s: float = Field(
        default=10, gt=0, description="Seconds between two searches for idle conversations"
    )
    snapshot_interval_s: float = Field(
        default=10, gt=0, description="Seconds between two publications of metric snapshots"
    )
    metric_models: str = Field(
        default="",
        description="Models with series of their own, comma-separated; if empty, the first that come",
    )
    metric_values: int = Field(
        default=200,
        ge=1,
        description="So many applications count apart, and so many models, variants, aspects, labels and "
        "scorers of each",
    )
    web_host: str = Field(
        default="127.0.0.1", description="The address that serves the worker's health and metrics"
    )
    web_port: int = Field(
        default=6066, ge=0, le=65535, description="The port of health and metrics; 0 takes a free one"
    )
