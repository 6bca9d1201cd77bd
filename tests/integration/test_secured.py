"""A worker against a broker that wants a name and a password."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.process import free_port
from plaudit_schemas.errors import SettingsError
from plaudit_stream_processors.running.credentials import credentials

from tests.integration.test_faults import _message, _record
from tests.support.line import Line

Make = Callable[..., Line]
_OPTIONS = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "worker",
}


@pytest.fixture
def secured(tmp_path: Path, kafka_files: None) -> Iterator[tuple[KafkaServer, str]]:
    """A broker and the address at which it wants a password."""
    server, port = KafkaServer(tmp_path / "secured", heap_mb=384, short_lived=True), free_port()
    server.reserve_ports()
    inner, controller = server.ports["broker"], server.ports["controller"]
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    server._properties |= {
        "listeners": f"BROKER://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{controller},GUARDED://127.0.0.1:{port}",
        "advertised.listeners": f"BROKER://127.0.0.1:{inner},GUARDED://127.0.0.1:{port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": f'{module} required user_worker="let me in";',
    }
    server.start()
    yield server, f"127.0.0.1:{port}"
    server.kill()


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_a_worker_folds_from_a_broker_that_wants_a_password(
    line: Make, secured: tuple[KafkaServer, str]
) -> None:
    server, guarded = secured
    one = line(kafka=server.address)
    one.send(
        [
            _record("StartConversation", {}),
            _message(1, "hello"),
            _record("EndConversation", {"reason": "closed"}),
        ]
    )
    options = json.dumps(_OPTIONS)
    wrong = one.start_worker(bootstrap_servers=guarded, kafka_options=options, kafka_password="wrong")  # noqa: S106
    assert one.wait_ended(wrong) == 1, "to wait would not help"
    assert "plaudit: Kafka does not let us in" in one.logs()
    assert "PLAUDIT_KAFKA_PASSWORD" in one.logs()
    one.start_worker(bootstrap_servers=guarded, kafka_options=options, kafka_password="let me in")  # noqa: S106
    one.wait_folded()
    one.check_exact()
    assert "let me in" not in one.logs()


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_a_worker_that_redis_does_not_let_in_ends(line: Make, valkey_server: Callable[[], Any]) -> None:
    server = valkey_server()
    with server.client() as client:
        client.config_set("requirepass", "let me in")
    one = line()
    wrong = one.start_worker(redis_url=server.address.replace("redis://", "redis://:wrong@"))
    assert one.wait_ended(wrong) == 1, "to wait would not help"
    assert "plaudit: Redis does not let us in" in one.logs()
    assert "wrong@" not in one.logs()


def test_what_the_consumer_cannot_follow_is_said(tmp_path: Path) -> None:
    for options, word in (
        ({"ssl.crl.location": "x"}, "ssl.crl.location"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "GSSAPI"),
        ({"security.protocol": "KERBEROS"}, "KERBEROS"),
        ({"security.protocol": "SSL", "ssl.ca.location": str(tmp_path / "none.pem")}, "ssl"),
    ):
        with pytest.raises(SettingsError, match=word):
            credentials(options)
    assert credentials({"linger.ms": "5"}) is None
    assert credentials({"security.protocol": "ssl"}) is not None
