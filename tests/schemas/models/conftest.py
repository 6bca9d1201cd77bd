"""A model's folder for tests that change it, and topics of its own for each test."""

import shutil
import uuid
from pathlib import Path

import pytest
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import ensure

from tests.support.tiny_models import write_model


@pytest.fixture
def connection(kafka: str) -> ConnectionSettings:
    settings = ConnectionSettings(
        bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=2
    )
    ensure(settings)
    return settings


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "polite"
    write_model(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A sound folder that the test may spoil."""
    return Path(shutil.copytree(written, tmp_path / "polite"))
