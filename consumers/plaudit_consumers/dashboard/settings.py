"""Settings of the dashboard."""

from plaudit_schemas.kafka.lag import WORKER_GROUP
from plaudit_schemas.settings import Settings
from pydantic import Field


class DashboardSettings(Settings):
    """What counts as an alert, and whose lag is shown."""

    dashboard_profile: str = Field(
        default="production", description="Whose alert limits, of plaudit_schemas/alerts/alerts.yaml"
    )
    dashboard_worker_group: str = Field(
        default=WORKER_GROUP, description="The workers' consumer group, whose lag is shown"
    )
