"""One librdkafka client after another: what a failed one does, and that no report of it is lost."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.kafka.producer import FatalClientError, Report, connector
from plaudit_schemas.kafka.replaceable import ReplaceableClient

from tests.support.librdkafka import fail_for_good, mocked


class FakeClient:
    """Holds every record until it is purged; fails as librdkafka does."""

    def __init__(self) -> None:
        self.reports: list[Callable[[Any, Any], None]] = []
        self.fails = False

    def produce(self, topic: str, value: Any, key: Any, **options: Any) -> None:
        if self.fails:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        self.reports.append(options["on_delivery"])

    def poll(self, timeout: float) -> int:
        return self.flush(0)

    def flush(self, timeout: float) -> int:
        if self.fails:
            raise KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))
        return 0

    def purge(self) -> None:
        reports, self.reports = self.reports, []
        for report in reports:
            report(KafkaError(KafkaError._PURGE_QUEUE), None)

    def __len__(self) -> int:
        return len(self.reports)


def ignore(_error: KafkaError | None, _message: Any) -> None:
    """A report that nobody asks for."""


def listener(told: list[str]) -> Report:
    def listen(error: KafkaError | None, _message: Any) -> None:
        told.append("acked" if error is None else error.name())

    return listen


def clients() -> tuple[ReplaceableClient, list[FakeClient]]:
    made: list[FakeClient] = []

    def connect() -> FakeClient:
        made.append(FakeClient())
        return made[-1]

    return ReplaceableClient(connect), made


def test_it_connects_with_the_first_record_and_keeps_the_client_while_it_is_idle() -> None:
    client, made = clients()
    assert not client.connected
    for _ in range(2):
        client.produce("t", b"v", b"k", ignore)
        made[0].purge()
    assert (len(made), client.connected, client.waiting()) == (1, True, 0)


@pytest.mark.parametrize("call", ["produce", "poll", "flush"])
def test_whichever_call_meets_the_fatal_error_says_so(call: str) -> None:
    client, made = clients()
    client.connect()
    made[0].fails = True
    calls: dict[str, Callable[[], object]] = {
        "produce": lambda: client.produce("t", b"v", b"k", ignore),
        "poll": lambda: client.poll(0),
        "flush": lambda: client.flush(0),
    }
    with pytest.raises(FatalClientError):
        calls[call]()
    assert client.failed


def test_a_failed_client_is_replaced_and_reports_what_it_held() -> None:
    told: list[str] = []
    client, made = clients()
    client.produce("t", b"old", b"k", listener(told))
    client.replace()
    assert len(made) == 1  # one that has not failed stays
    made[0].fails = True
    with pytest.raises(FatalClientError):
        client.poll(0)
    client.replace()
    client.produce("t", b"new", b"k", listener(told))
    assert (client.failed, client.waiting(), told) == (False, 2, [])
    client.serve_retired()
    assert (client.waiting(), told) == (1, ["_PURGE_QUEUE"])
    assert len(made[1].reports) == 1


def test_settings_that_are_wrong_now_leave_the_failed_client() -> None:
    client, made = clients()
    client.connect()
    made[0].fails = True
    with pytest.raises(FatalClientError):
        client.poll(0)

    def refuse() -> Any:
        raise SettingsError("the file of the CA is gone")

    client._connect = refuse
    with pytest.raises(SettingsError):
        client.replace()
    assert client.failed


def test_a_retired_client_takes_nothing_until_the_next_connect() -> None:
    client, made = clients()
    client.connect()
    client.retire()
    assert (client.connected, client.poll(0)) == (False, 0)
    client.serve_retired()
    client.connect()
    assert len(made) == 2


def test_librdkafkas_own_client_reports_what_waits_when_it_fails() -> None:
    told: list[str] = []
    client = ReplaceableClient(connector(mocked(), {"linger.ms": 5000}))
    client.produce("plaudit.conversation-events", b"v", b"k", listener(told))
    fail_for_good(client.connect())
    with pytest.raises(FatalClientError):
        client.produce("plaudit.conversation-events", b"v", b"k", ignore)
    client.replace()
    client.serve_retired()
    assert len(told) == 1
    client.retire()
    client.serve_retired()
