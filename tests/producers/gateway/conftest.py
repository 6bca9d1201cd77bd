"""A gateway of one's own on the shared servers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.gateway import Gateway
from tests.support.gateway import make_gateway


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
