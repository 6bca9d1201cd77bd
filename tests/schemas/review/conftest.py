"""Topics of its own for each test."""

import uuid

import pytest
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import ensure


@pytest.fixture
def connection(kafka: str) -> ConnectionSettings:
    settings = ConnectionSettings(
        bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=1
    )
    ensure(settings)
    return settings
