"""Settings of the dashboard."""

from plaudit_schemas.kafka.lag import WORKER_GROUP
from plaudit_schemas.settings import Settings
from pydantic import Field


class DashboardSettings(Settings):
    """The alert limits and the consumer group that the dashboard shows."""

    dashboard_profile: str = Field(
        default="production",
        description="Profile of the alert limits, from plaudit_schemas/alerts/alerts.yaml",
    )
    dashboard_worker_group: str = Field(
        default=WORKER_GROUP, description="Consumer group of the workers, whose lag is shown"
    )
