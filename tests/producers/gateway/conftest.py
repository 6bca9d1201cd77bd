"""A gateway of one's own on the shared servers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plaudit_schemas.connection import SecretUrl

from tests.producers.sdk.topics import own_topics
from tests.support.gateway import Gateway


@pytest.fixture(scope="module")
def gateway(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for the tests of a module: each uses applications and conversations of its own."""
    made = make_gateway(kafka, valkey, tmp_path_factory.mktemp("gateway"))
    yield made.start()
    assert made.stop() == 0


@pytest.fixture
def gateways(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Makes gateways, not started yet, with settings of a test's own."""
    made: list[Gateway] = []

    def make(*, kafka: str = kafka, redis: str = valkey, **settings: str) -> Gateway:
        folder = tmp_path / f"gateway{len(made)}"
        folder.mkdir()
        made.append(make_gateway(kafka, redis, folder, **settings))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None:
            one.stop()


def make_gateway(kafka: str, redis: str, folder: Path, **settings: str) -> Gateway:
    """A gateway that is not started yet."""
    connection = own_topics(kafka)
    connection = connection.model_copy(
        update={"redis_url": SecretUrl(redis), "redis_prefix": connection.topic_prefix}
    )
    return Gateway(connection, folder, dict(settings))
