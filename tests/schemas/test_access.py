"""Who is shut out hears that, and not that a service is away."""

import pytest
from confluent_kafka import KafkaError
from plaudit_schemas.errors import AccessError
from plaudit_schemas.service.redis import refuse_shut_out
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import admin_client
from plaudit_schemas.topics.admin_client import KafkaAdmin, refuse_if_shut_out
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.exceptions import ConnectionError as RedisConnectionError


@pytest.mark.parametrize(
    "code", [KafkaError._AUTHENTICATION, KafkaError._SSL], ids=["a wrong password", "a wrong certificate"]
)
def test_an_admin_client_remembers_why_kafka_shut_it_out(code: int) -> None:
    admin = KafkaAdmin({"bootstrap.servers": "127.0.0.1:9", "log_level": 0})
    admin.refuse_shut_out()
    admin._note(KafkaError(KafkaError._TRANSPORT, "refused"))
    admin.refuse_shut_out()
    admin._note(KafkaError(code, "handshake\n failed"))
    with pytest.raises(AccessError, match=r"does not let us in \(handshake failed\).*PLAUDIT_KAFKA_PASSWORD"):
        admin.refuse_shut_out()
    admin.refuse_shut_out()  # told once; the next request tells anew


def test_a_kafka_that_nobody_can_reach_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_client, "_ASK_S", float("inf"))
    refuse_if_shut_out(ConnectionSettings(bootstrap_servers="127.0.0.1:9,127.0.0.1:1"))


@pytest.mark.kafka
def test_who_is_let_in_is_refused_nothing(monkeypatch: pytest.MonkeyPatch, kafka: str) -> None:
    monkeypatch.setattr(admin_client, "_ASK_S", float("inf"))
    refuse_if_shut_out(ConnectionSettings(bootstrap_servers=kafka))


@pytest.mark.parametrize("error", [AuthenticationError("no"), NoPermissionError("no")], ids=["login", "acl"])
def test_a_refusal_of_redis_is_told_from_its_absence(error: Exception) -> None:
    with pytest.raises(AccessError, match="PLAUDIT_REDIS_URL"):
        refuse_shut_out(error)
    wrapped = RedisConnectionError("cluster")
    wrapped.__cause__ = error
    with pytest.raises(AccessError):
        refuse_shut_out(wrapped)
    refuse_shut_out(RedisConnectionError("away"))
