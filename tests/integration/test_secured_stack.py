"""One line of processes on servers with TLS, passwords and access lists, with no more than the docs grant."""

import asyncio
import re
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers import Delivery, FeedbackProducer
from plaudit_schemas.errors import AccessError, TopicError
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.service.redis import AWAY, connect, connect_blocking, execute
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

from harness.environ import environ_with
from harness.waiting import come_true, eventually
from tests.support.line import Line
from tests.support.secured import (
    NOBODY,
    SECRET,
    WITHOUT_GROUP,
    Certificates,
    ExpiredDoor,
    SecuredKafka,
    SecuredValkey,
    plaudit,
)

Make = Callable[..., Line]
pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.redis]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.issue()
    return made


@pytest.fixture(scope="module")
def secured_kafka(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, kafka_files: None
) -> Iterator[SecuredKafka]:
    made = SecuredKafka.make(tmp_path_factory.mktemp("secured-kafka"), certificates)
    yield made
    made.server.kill()


@pytest.fixture(scope="module")
def secured_valkey(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[SecuredValkey]:
    made = SecuredValkey.make(tmp_path_factory.mktemp("secured-valkey"), certificates)
    yield made
    made.close()


def test_a_chat_goes_through_a_stack_with_no_more_access_than_is_granted(
    line: Make, secured_kafka: SecuredKafka, secured_valkey: SecuredValkey, tmp_path: Path
) -> None:
    one = line(kafka=secured_kafka.server.address, redis=secured_valkey.server.address)
    names = {"topic_prefix": one.connection.topic_prefix, "redis_prefix": one.connection.redis_prefix}
    secured_kafka.admit(one.connection.topic_prefix)

    def settings(role: str) -> dict[str, str]:
        return {**secured_kafka.options(role), "redis_url": secured_valkey.url(role), **names}

    made = plaudit("topics", "create", **{**settings("operator"), "partitions": "4"})
    assert made.returncode == 0, made.stdout + made.stderr
    connection = ConnectionSettings.model_validate(settings("sdk"))
    with FeedbackProducer("shop", connection=connection, exit_timeout_s=60) as producer:
        chat = producer.start_conversation("c")
        answer = chat.add_message("assistant", "It arrives tomorrow.")
        chat.like(answer)
        chat.end()
        assert producer.flush(60) == 0
        assert producer.stats().delivered == 4
    given: Any = settings("worker")
    one.start_worker(**given)
    one.wait_folded()
    one.check_exact()
    root = tmp_path / "rows"
    log = (tmp_path / "sink.log").open("wb")
    with log:
        sink = subprocess.Popen(
            [sys.executable, "-m", "plaudit_infra.main", "sink"],
            env=environ_with(**settings("sink"), output=str(root), rotate_minutes="0.05", web_port="0"),
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        eventually(lambda: any(root.rglob("*.parquet")), "a row is written", 120)
    finally:
        sink.kill()
        sink.wait(60)
        print((tmp_path / "sink.log").read_text()[-3000:])
    shown = plaudit("conversation", "c", "--application", "shop", **settings("operator"))
    assert "It arrives tomorrow." in shown.stdout, shown.stderr
    logs = one.logs()
    assert SECRET not in logs


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority that signed none of the servers' certificates."""
    return Certificates(tmp_path_factory.mktemp("stranger"))


def test_kafka_that_does_not_let_in_is_told_from_one_that_is_away(
    secured_kafka: SecuredKafka, stranger: Certificates
) -> None:
    secured_kafka.admit("")
    for options, said in (
        (secured_kafka.options("operator", "wrong"), "Authentication failed"),
        (secured_kafka.options("operator", ca=stranger.ca), "certificate"),
    ):
        connection = ConnectionSettings.model_validate(options)
        with pytest.raises(AccessError, match=said):
            live_partitions(admin_of(connection), connection, timeout_s=20)
        with TopicReader(connection, EVENTS, timeout_s=5) as reader, pytest.raises(AccessError, match=said):
            reader.partitions()


def test_a_missing_right_is_told_from_a_missing_topic(line: Make, secured_kafka: SecuredKafka) -> None:
    one = line(kafka=secured_kafka.server.address, redis="redis://127.0.0.1:9/0")
    secured_kafka.admit(one.connection.topic_prefix)
    given = {**secured_kafka.options(NOBODY), "topic_prefix": one.connection.topic_prefix}
    connection = ConnectionSettings.model_validate(given)
    with TopicReader(connection, EVENTS) as reader, pytest.raises(TopicError, match="does not allow reading"):
        reader.partitions()
    reports: list[Delivery] = []
    with FeedbackProducer("shop", connection=connection, on_delivery=reports.append) as producer:
        producer.start_conversation("c")
        producer.flush(60)
    assert "authorization failed" in str(reports[0].error).lower()


@pytest.mark.parametrize(
    ("role", "password", "said"),
    [
        pytest.param("worker", "wrong", "does not let us in .*Authentication failed", id="password"),
        pytest.param(WITHOUT_GROUP, SECRET, "does not take this process", id="group"),
    ],
)
def test_a_worker_that_is_shut_out_says_why_and_ends(
    role: str,
    password: str,
    said: str,
    line: Make,
    secured_kafka: SecuredKafka,
    secured_valkey: SecuredValkey,
) -> None:
    one = line(kafka=secured_kafka.server.address, redis=secured_valkey.server.address)
    secured_kafka.admit(one.connection.topic_prefix)
    given: Any = {**secured_kafka.options(role, password), "redis_url": secured_valkey.url(role)}
    worker = one.start_worker(**given)
    assert one.wait_ended(worker) != 0
    assert re.search(said, one.logs()), one.logs()
    assert SECRET not in one.logs()


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory, secured_valkey: SecuredValkey) -> Iterator[ExpiredDoor]:
    """A door to Valkey, or to any server, whose certificate has expired."""
    door = ExpiredDoor.make(tmp_path_factory.mktemp("expired"), secured_valkey.server.ports["valkey"])
    yield door
    door.close()


def test_an_expired_certificate_is_named(
    expired: ExpiredDoor, secured_kafka: SecuredKafka, secured_valkey: SecuredValkey
) -> None:
    address = f"127.0.0.1:{expired.door.port}"
    given = secured_kafka.options("operator", ca=expired.certificates.ca, address=address)
    connection = ConnectionSettings.model_validate(given)
    with pytest.raises(AccessError, match="certificate"):  # librdkafka says no more
        live_partitions(admin_of(connection), connection, timeout_s=20)
    url = secured_valkey.url("worker", ca=expired.certificates.ca, port=expired.door.port)
    with pytest.raises(AWAY, match="expired"):
        connect_blocking(url).ping()


@pytest.mark.parametrize("asyncio_client", [False, True], ids=["blocking", "asyncio"])
def test_redis_that_does_not_let_in_says_why(
    asyncio_client: bool, secured_valkey: SecuredValkey, stranger: Certificates
) -> None:
    selector = selectors.DefaultSelector()

    async def ask(url: str) -> None:
        try:
            async with connect(url) as client:
                await execute(client, "FLUSHALL")
        finally:
            # redis-py does not wait for the goodbye of TLS after an error.
            await come_true(lambda: len(selector.get_map()) == 1, "only the loop's own socket is open")
            await asyncio.sleep(0)  # what was unregistered is closed

    cases = (
        (secured_valkey.url("worker", "wrong"), "invalid username-password pair"),
        (secured_valkey.url("worker", ca=stranger.ca), "CERTIFICATE_VERIFY_FAILED|certificate verify failed"),
        (secured_valkey.url("worker"), "no permissions to run the 'flushall'"),
    )
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        for url, said in cases:
            with pytest.raises(AWAY, match=said):
                runner.run(ask(url)) if asyncio_client else connect_blocking(url).flushall()
