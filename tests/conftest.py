"""Fixtures and options that all tests share. A server starts when a test first asks for it."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest
from plaudit_infra.servers.artifacts import fetch
from plaudit_infra.servers.errors import DownloadError
from plaudit_infra.servers.kafka import KafkaCluster, KafkaServer
from plaudit_infra.servers.registry import RegistryServer
from plaudit_infra.servers.server import Server
from plaudit_infra.servers.valkey import ValkeyCluster, ValkeyServer

from tests.support.case_ids import refuse_nameless_cases
from tests.support.children import left_running
from tests.support.services import unavailable, under_ci

S = TypeVar("S", bound=Server)

# LiteLLM would look for prices on the internet when it is imported, and again some seconds later.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell makes its background jobs ignore Ctrl-C. The processes that tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# An example may take any time: on a crowded machine even the smallest takes seconds now and then.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too, as CI does")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    refuse_nameless_cases(items)
    whole = config.getoption("--slow") or under_ci()
    if not whole:
        skip = pytest.mark.skip(reason="slow: it takes long; --slow or CI runs it")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)
    # `make test` deals out the files to several processes. So that no long one starts last, the slow ones go
    # first under CI, and elsewhere those that wait for Kafka.
    long = {item.path for item in items if ("slow" if whole else "kafka") in item.keywords}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    # The tests and what they import stay. The collector need not walk through their million objects.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # A variable of whoever runs the tests would change what they test.
    for name in list(os.environ):
        if name.startswith("PLAUDIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PLAUDIT_ALLOW_ONE_REPLICA", "true")  # the test's Kafka is a single broker
    # Settings also come from a stack that runs in the working folder; tests must not use that one.
    monkeypatch.setenv("PLAUDIT_DATA", str(tmp_path_factory.getbasetemp() / "no-stack"))


@pytest.fixture(scope="session", autouse=True)
def _no_child_is_left_behind() -> Iterator[None]:
    # It is the first fixture of the session, so it ends last, after all servers.
    yield
    assert left_running() == []


@pytest.fixture(scope="session")
def servers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def kafka_files() -> None:
    try:
        fetch("kafka")
    except DownloadError as error:
        unavailable(f"Kafka: {error}")


@pytest.fixture(scope="session")
def kafka_node(servers_folder: Path, kafka_files: None) -> Iterator[KafkaServer]:
    """The broker that most tests share. No test stops it."""
    # Under CI it lives for an hour and pays the thorough compiler back.
    yield from _running(KafkaServer(servers_folder / "kafka", short_lived=not under_ci()))


@pytest.fixture(scope="session")
def kafka(kafka_node: KafkaServer) -> str:
    """`bootstrap.servers` of a real Kafka that all tests share. Each test uses its own topic prefix."""
    return kafka_node.address


@pytest.fixture(scope="session")
def valkey(servers_folder: Path) -> Iterator[str]:
    """The URL of a real Valkey that all tests share. Each test uses its own key prefix."""
    for server in _running(ValkeyServer(servers_folder / "valkey")):
        yield server.address


@pytest.fixture(scope="session")
def kafka_cluster(servers_folder: Path, kafka_files: None) -> Iterator[str]:
    """`bootstrap.servers` of a cluster of three brokers."""
    cluster = KafkaCluster(servers_folder / "kafka-cluster")
    try:
        cluster.start()
        yield cluster.address
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def redis_nodes(servers_folder: Path) -> Iterator[ValkeyCluster]:
    """A three-node Valkey cluster. No test stops it; one that moves slots leaves none half moved."""
    cluster = ValkeyCluster(servers_folder / "valkey-cluster")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def redis_cluster(redis_nodes: ValkeyCluster) -> str:
    """The URL of the three-node Valkey cluster."""
    return redis_nodes.address


@pytest.fixture(scope="session")
def registry(servers_folder: Path) -> Iterator[str]:
    """The URL of the Confluent API of a real schema registry."""
    try:
        fetch("registry")
    except DownloadError as error:
        unavailable(f"the schema registry: {error}")
    for server in _running(RegistryServer(servers_folder / "registry")):
        yield server.address


@pytest.fixture
def kafka_server(tmp_path: Path, kafka_files: None) -> Iterator[Callable[[], KafkaServer]]:
    """Makes brokers for one test, which may stop, kill, pause and restart them."""
    made: list[KafkaServer] = []

    def make() -> KafkaServer:
        server = KafkaServer(tmp_path / f"kafka{len(made)}", heap_mb=384, short_lived=True)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def valkey_server(tmp_path: Path) -> Iterator[Callable[[], ValkeyServer]]:
    """Makes Valkey servers for one test, which may stop, kill, pause and restart them."""
    made: list[ValkeyServer] = []

    def make() -> ValkeyServer:
        server = ValkeyServer(tmp_path / f"valkey{len(made)}")
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.kill()


def _running(server: S) -> Iterator[S]:
    server.start()
    yield server
    server.stop()
