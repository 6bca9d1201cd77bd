"""A real registry that lost its ids: who reads or writes by them stops, says so, and later goes on."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from plaudit_infra.audit.run import audit
from plaudit_infra.servers.process import free_port
from plaudit_infra.servers.registry import RegistryServer
from plaudit_schemas.codec.catalog import SchemaName
from plaudit_schemas.codec.registry import RegistrySchemas
from plaudit_schemas.errors import SchemaMovedError
from plaudit_schemas.settings.connection import SecretUrl
from plaudit_schemas.topics import DEAD_LETTERS
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line
from tests.support.sinks import Sinks

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.registry, pytest.mark.slow]

_NAMES: tuple[SchemaName, ...] = (
    "conversation_event", "finished_conversation", "amendment", "metric_snapshot",
)  # fmt: skip


_STARTS_WITHIN_S = 400.0  # a JVM, on a machine that may be busy


def _patient(url: str, prefix: str = "") -> RegistrySchemas:
    """A client that waits for a registry which has just started."""
    return RegistrySchemas(url, topic_prefix=prefix, timeout_s=60)


@pytest.fixture
def forgetful(tmp_path: Path, registry: str) -> Iterator[RegistryServer]:
    """A registry of this test; the shared one stands for the files that it needs."""
    server = RegistryServer(tmp_path / "registry")
    server.start(_STARTS_WITHIN_S)
    yield server
    server.stop()


def _restart(server: RegistryServer, names: tuple[SchemaName, ...], prefix: str) -> None:
    """Restart the registry with empty memory, and register the schemas in an order."""
    server.stop()
    server.start(_STARTS_WITHIN_S)
    fresh = _patient(server.address, prefix)
    for name in names:
        fresh.id_of(name)


def _chats(line: Line, seed: int) -> Iterator[tuple[bytes, bytes]]:
    return events(600, open_conversations=20, seed=seed, start_us=time.time_ns() // 1000)


def test_a_registry_that_lost_its_ids_stops_who_reads_by_them(
    line: Callable[..., Line], sinks: Callable[..., Sinks], forgetful: RegistryServer, tmp_path: Path
) -> None:
    one, port, sink_port = line(partitions=2), free_port(), free_port()
    prefix, url = one.connection.topic_prefix, forgetful.address
    one.connection = one.connection.model_copy(update={"schema_registry_url": SecretUrl(url)})
    known = _patient(url, prefix)
    header = known.id_of("conversation_event").to_bytes(4, "big")

    def by_the_registrys_id(seed: int) -> Iterator[tuple[bytes, bytes]]:
        return ((key, b"\0" + header + value[5:]) for key, value in _chats(one, seed))

    worker = one.start_worker(schema_registry_url=url)
    one.send(by_the_registrys_id(1))
    one.wait_folded()
    assert one.end_worker(worker) != 0
    _restart(forgetful, _NAMES[::-1], prefix)
    one.start_worker(schema_registry_url=url, web_port=str(port))
    writing = sinks(one, str(tmp_path / "out"), schema_registry_url=url, sink_web_port=str(sink_port))
    sink = writing.start()
    one.send(by_the_registrys_id(2))
    for process, metric in ((port, "plaudit_moved_schemas"), (sink_port, "plaudit_sink_moved_schemas")):
        eventually(lambda process=process: "has lost its ids" in _reason(process), "it waits")  # type: ignore[misc]  # a default
        assert f"{metric} 0.0" not in httpx.get(f"http://127.0.0.1:{process}/metrics", timeout=30).text
    with pytest.raises(SchemaMovedError, match="has lost its ids"):
        audit(one.connection, WorkerSettings(), None)
    assert list(one.read(DEAD_LETTERS)) == []
    assert (one.lost_workers(), sink.poll()) == ([], None)
    _restart(forgetful, _NAMES, prefix)
    one.wait_folded()
    eventually(lambda: _reason(port) == _reason(sink_port) == "", "both are ready")
    report = audit(one.connection, WorkerSettings(), None)
    assert report.balanced
    assert report.totals()["finished"] > 20


def test_the_registry_of_compose_keeps_its_ids(kafka: str, registry: str, tmp_path: Path) -> None:
    compose = yaml.safe_load((Path(__file__).parents[2] / "infra/compose/compose.yaml").read_text())
    environ = compose["services"]["registry"]["environment"]
    server = RegistryServer(tmp_path / "registry", {**environ, "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": kafka})
    try:
        server.start(_STARTS_WITHIN_S)
        before = {name: _patient(server.address).id_of(name) for name in _NAMES}
        server.stop()
        server.start(_STARTS_WITHIN_S)
        after = {name: _patient(server.address).id_of(name) for name in _NAMES[::-1]}
    finally:
        server.stop()
    assert after == before


def _reason(port: int) -> str:
    """Why a process is not ready; empty if it is, or does not listen yet."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=30).json()["reason"] or ""
    except httpx.TransportError:
        return ""
