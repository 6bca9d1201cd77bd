"""Settings of the process that keeps the review queues."""

from typing import Final

from plaudit_schemas.settings import Settings
from pydantic import Field

REVIEW_QUEUE_GROUP: Final = "plaudit.review-queue"


class ReviewQueueSettings(Settings):
    """How the queues are kept, and where health and metrics of that are served."""

    review_queue_group: str = Field(
        default=REVIEW_QUEUE_GROUP, description="The consumer group that the processes share"
    )
    review_queue_batch: int = Field(
        default=500, ge=1, le=20_000, description="Most records in a batch; a script call in Redis takes one"
    )
    review_queue_session_s: float = Field(
        default=6.0, ge=2, description="Seconds after which a silent process loses its partitions"
    )
    review_queue_stall_s: float = Field(
        default=300, gt=0, description="Seconds after which a hanging process ends, to be started again"
    )
    review_queue_look_s: float = Field(
        default=3.0, gt=0, description="Seconds between two looks for published rubrics"
    )
    review_queue_keep_hours: float = Field(
        default=24.0, ge=0, description="Hours for which the queue of a replaced or withdrawn version is kept"
    )
    review_queue_web_host: str = Field(
        default="127.0.0.1", description="The address that serves health and metrics of the review queues"
    )
    review_queue_web_port: int = Field(
        default=6069, ge=0, le=65535, description="The port of that; 0 takes a free one"
    )
