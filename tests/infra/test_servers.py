"""Kafka and Valkey as single servers: data, ports, faults, and errors that say why."""

import gc
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from plaudit_infra.servers.errors import ServerStartError
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.process import free_port
from plaudit_infra.servers.valkey import ValkeyServer

from harness.waiting import eventually


@pytest.mark.redis
def test_valkey_keeps_its_data_and_its_port(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    address = server.address
    with server.client() as client:
        client.set("key", "value")
    server.stop()
    server.start()
    assert server.address == address
    with server.client() as client:
        assert client.get("key") == b"value"
    server.stop()


@pytest.mark.redis
def test_no_other_server_gets_the_port_of_one_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setattr("plaudit_infra.servers.process._PORTS", [port])
    server = ValkeyServer(tmp_path / "one")
    for end in (server.stop, server.kill):
        server.start()
        end()
        with pytest.raises(ServerStartError, match="no free port"):
            ValkeyServer(tmp_path / "two").start()
    server.start()
    assert server.ports == {"valkey": port}
    server.stop()
    del server, end
    gc.collect()
    assert free_port() == port, "the port is given back with the object"


@pytest.mark.redis
def test_a_port_that_was_taken_meanwhile_is_left_to_the_other(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    server.stop()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        stranger.bind(("127.0.0.1", server.ports["valkey"]))
        stranger.listen()
        taken = server.ports["valkey"]
        server.start()
        assert server.ports["valkey"] != taken
        assert server.answers()
    server.stop()


@pytest.mark.redis
def test_a_stranger_on_the_port_is_not_taken_for_the_server(tmp_path: Path, valkey: str) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    own = dict(server.ports)
    server.ports["valkey"] = int(valkey.rpartition(":")[2].partition("/")[0])
    assert not server.answers()
    server.ports = own
    server.stop()


@pytest.mark.slow
@pytest.mark.redis
def test_valkey_keeps_what_it_acknowledged_through_a_kill_and_a_pause(
    valkey_server: Callable[[], ValkeyServer],
) -> None:
    server = valkey_server()
    with server.client() as client:
        client.set("key", "value")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
    server.kill()
    assert not server.answers()
    server.start()
    server.pause()
    with redis.Redis(port=server.ports["valkey"], socket_timeout=0.2) as client:
        with pytest.raises(redis.TimeoutError):
            client.get("key")
        server.resume()
        eventually(server.answers, "it goes on")
    with server.client() as client:
        assert client.get("key") == b"value"


@pytest.mark.slow
@pytest.mark.kafka
def test_kafka_keeps_its_data_through_a_kill_in_a_folder_of_any_name(
    tmp_path: Path, kafka_files: None
) -> None:
    """Over a half-formatted folder too, and with messages of 64 MiB."""
    folder = tmp_path / "dätä, \\ and more"
    (folder / "log").mkdir(parents=True)
    (folder / "log" / "bootstrap.checkpoint.tmp").write_bytes(b"half")
    (folder / "log.new").mkdir()
    server = KafkaServer(folder, heap_mb=512)
    server.start()
    address, large = server.address, b"x" * (64 * 1024 * 1024)
    limit = str(len(large) + 1024)
    topic = NewTopic("large", num_partitions=1, config={"max.message.bytes": limit})
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([topic])["large"].result(60)
    producer = Producer({"bootstrap.servers": address, "message.max.bytes": limit})
    producer.produce("large", large)
    assert producer.flush(120) == 0
    server.kill()
    server.start()
    assert server.address == address
    assert _only_value(address, "large") == large
    server.stop()


def _only_value(address: str, topic: str) -> bytes | None:
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "g", "fetch.message.max.bytes": 70_000_000}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        message = consumer.poll(120)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


def test_kafka_never_formats_over_data(tmp_path: Path, kafka_files: None) -> None:
    data = tmp_path / "log" / "events-0" / "00000000000000000000.log"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"records")
    with pytest.raises(ServerStartError, match="holds data"):
        KafkaServer(tmp_path).start()
    assert data.read_bytes() == b"records"


@pytest.mark.slow
@pytest.mark.kafka
def test_why_kafka_did_not_start_is_in_the_error(tmp_path: Path, kafka_files: None) -> None:
    server = KafkaServer(tmp_path)
    server.start()
    server.kill()
    # A property that the format accepts but the broker does not.
    broken = KafkaServer(tmp_path, properties={"authorizer.class.name": "no.such.Authorizer"})
    with pytest.raises(ServerStartError, match=r"no\.such\.Authorizer"):
        broken.start()
    assert not broken.is_running()
    eventually(partial(_is_quiet, broken), "nobody listens")


def _is_quiet(server: KafkaServer) -> bool:
    return not server.answers()
