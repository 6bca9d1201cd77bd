"""Settings of the page."""

from plaudit_schemas.settings import Settings
from pydantic import Field


class SnapshotSettings(Settings):
    """Which snapshots the page shows."""

    snapshots: str = Field(
        default="",
        description="A folder of snapshots that the console shows, beside those with a name in the root",
    )
