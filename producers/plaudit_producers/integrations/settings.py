"""Settings of the integrations."""

from plaudit_schemas.contract.field_types import Application
from plaudit_schemas.settings import Settings
from pydantic import Field


class IntegrationSettings(Settings):
    """How integrations send what they record, unless they are given a producer."""

    application: Application = Field(
        default="default", description="The application that integrations record for"
    )
    spool_dir: str = Field(
        default="",
        description="A folder on a local disk, in which integrations keep events that wait for Kafka; "
        "empty: they wait in memory",
    )
    langchain: bool = Field(
        default=False, description="Record all runs of LangChain, once the integration is imported"
    )
