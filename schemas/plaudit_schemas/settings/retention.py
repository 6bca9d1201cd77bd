"""What the topics must promise: how long, and on how many brokers. Workers and `plaudit topics` check it."""

from typing import Final

from pydantic import Field

from plaudit_schemas.settings.model import Settings

HOUR_MS: Final = 3_600_000


class RetentionSettings(Settings):
    """For how long conversations take events. Both times together must be in the log for a replay.

    Also whether a topic may have no second copy.
    """

    state_retention_hours: float = Field(
        default=72, gt=0, description="Hours for which an ended conversation still takes events"
    )
    longest_open_hours: float = Field(
        default=168, gt=0, description="Hours for which a conversation may stay open"
    )
    allow_one_replica: bool = Field(
        default=False,
        description="Take topics whose records one broker alone may lose, as on a laptop or in a test",
    )

    @property
    def state_retention_ms(self) -> int:
        """`state_retention_hours` in milliseconds."""
        return int(self.state_retention_hours * HOUR_MS)

    @property
    def needed_retention_ms(self) -> int:
        """The least retention of the events topic with which a replay finds every live conversation whole."""
        return self.state_retention_ms + int(self.longest_open_hours * HOUR_MS)
