"""Topics on a real Kafka: created once, differences told, limits as defined, partitions as Java's."""

import uuid
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from hypothesis import given
from hypothesis import strategies as st
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK
from plaudit_schemas.contract.keys import PARTITIONER, conversation_key, murmur2, partition_of, split_key
from plaudit_schemas.errors import ServiceUnavailableError, SettingsError, TopicError
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS, FINISHED, definitions
from plaudit_schemas.topics.admin import ensure, live_config, live_partitions, summary
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.topic_checks import check_topics


def _settings(kafka: str, **changes: Any) -> ConnectionSettings:
    prefix = f"t{uuid.uuid4().hex[:8]}."
    return ConnectionSettings(
        **{"bootstrap_servers": kafka, "topic_prefix": prefix, "partitions": 3, **changes}
    )


@pytest.mark.kafka
def test_topics_are_created_once_and_as_defined(kafka: str) -> None:
    settings = _settings(kafka)
    first = ensure(settings)
    assert [report.created for report in first] == [True] * len(definitions())
    again = ensure(settings)
    assert [(report.created, report.differences) for report in again] == [(False, ())] * len(definitions())
    assert "exists" in summary(again)
    one_order = {report.name.rpartition(".")[2] for report in first if report.partitions == 1}
    assert one_order == {"api-keys", "models", "rubrics", "schema-ids"}


@pytest.mark.kafka
def test_a_difference_is_told_and_nothing_is_changed(kafka: str) -> None:
    settings = _settings(kafka)
    ensure(settings)
    wanted = settings.model_copy(update={"partitions": 4})
    reports = ensure(wanted)
    other = [report for report in reports if report.partitions > 1]
    assert all(report.differences == ("partitions: 3, the definition has 4",) for report in other)
    admin = AdminClient(settings.kafka())
    assert live_partitions(admin, settings)[settings.topic_prefix + EVENTS] == 3
    assert live_config(admin, settings.topic_prefix + EVENTS)["message.timestamp.type"] == "LogAppendTime"


def test_a_kafka_that_is_away_is_named() -> None:
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:9.*plaudit up"):
        ensure(ConnectionSettings(bootstrap_servers="127.0.0.1:9"), timeout_s=0.5)


def test_an_option_that_librdkafka_refuses_is_a_wrong_setting() -> None:
    settings = load(ConnectionSettings, None, {"PLAUDIT_KAFKA_OPTIONS": '{"no.such.option": "1"}'})
    with pytest.raises(SettingsError, match=r"PLAUDIT_KAFKA_OPTIONS: .*no\.such\.option"):
        ensure(settings)


@pytest.mark.kafka
def test_a_topic_that_kafka_refuses_is_named(kafka: str) -> None:
    with pytest.raises(TopicError, match=r"did not create .*plaudit\."):
        ensure(_settings(kafka, topic_prefix="x" * 260))


@pytest.mark.kafka
def test_topics_with_one_replica_are_refused_unless_allowed(
    kafka: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = f"t{uuid.uuid4().hex[:8]}."
    words = ["topics", "create", "--bootstrap-servers", kafka, "--topic-prefix", prefix, "--partitions", "2"]
    monkeypatch.delenv("PLAUDIT_ALLOW_ONE_REPLICA")
    assert main(words) == FAILED
    assert "Kafka has one broker" in (told := capsys.readouterr().err)
    assert "PLAUDIT_ALLOW_ONE_REPLICA=true" in told
    settings = _settings(kafka, topic_prefix=prefix)
    assert not [name for name in live_partitions(AdminClient(settings.kafka()), settings) if prefix in name]
    assert main([*words, "--allow-one-replica", "true"]) == OK
    told = capsys.readouterr().out
    assert told.count("there is one replica") == 1  # and not once for each topic
    assert f"{prefix}plaudit.api-keys" in told.splitlines()[-1]
    assert "or set" not in told  # it is set
    assert main(words) == FAILED  # topics that exist are told, with what to do
    assert "kafka-reassign-partitions" in capsys.readouterr().out
    with pytest.raises(TopicError, match="there is one replica"):
        check_topics(settings, WorkerSettings())
    assert check_topics(settings, WorkerSettings(allow_one_replica=True)).partitions == 2


@pytest.mark.kafka
def test_topics_create_exits_with_1_where_a_topic_differs(
    kafka: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["topics", "create", "--bootstrap-servers", kafka, "--topic-prefix", f"t{uuid.uuid4().hex[:8]}."]
    assert main([*words, "--partitions", "2"]) == OK
    assert main([*words, "--partitions", "2"]) == OK
    assert main([*words, "--partitions", "3"]) == FAILED
    assert "partitions: 2, the definition has 3" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.parametrize(
    ("name", "mebibytes"), [(EVENTS, 2), (FINISHED, 64)], ids=["events", "finished conversations"]
)
def test_the_largest_message_is_taken_and_a_larger_one_refused(kafka: str, name: str, mebibytes: int) -> None:
    settings = _settings(kafka)
    ensure(settings)
    topic = settings.topic_prefix + name
    producer = Producer(
        settings.kafka(**{"message.max.bytes": 128 * 1024 * 1024, "acks": "all", "log_level": 0})
    )
    errors: list[Any] = []
    limit = mebibytes * 1024 * 1024
    producer.produce(
        topic, b"x" * (limit - 200), key=b"a/b", on_delivery=lambda error, _message: errors.append(error)
    )
    assert producer.flush(60) == 0
    producer.produce(
        topic, b"x" * (limit + 1), key=b"a/b", on_delivery=lambda error, _message: errors.append(error)
    )
    assert producer.flush(60) == 0
    assert errors[0] is None
    assert errors[1] is not None


class _LateAdmin:
    """Tells a topic's settings after it has not known the topic so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def describe_configs(self, resources: list[Any], **_: Any) -> dict[Any, Any]:
        answer: Future[dict[str, Any]] = Future()
        if self.left:
            self.left -= 1
            answer.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
        else:
            answer.set_result({"retention.ms": SimpleNamespace(value="1")})
        return {resources[0]: answer}


def test_a_broker_that_has_not_heard_of_a_new_topic_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    late: Any = _LateAdmin(2)
    assert live_config(late, "new") == {"retention.ms": "1"}
    monkeypatch.setattr("plaudit_schemas.topics.admin._KNOWN_WITHIN_S", 0.0)
    never: Any = _LateAdmin(1000)
    with pytest.raises(TopicError, match="settings of new"):
        live_config(never, "new")


@pytest.mark.kafka
def test_our_partitioner_is_kafkas(kafka: str) -> None:
    settings = _settings(kafka, partitions=7)
    ensure(settings)
    producer = Producer(settings.kafka(partitioner=PARTITIONER))
    placed: dict[bytes, int] = {}

    def note(error: Any, message: Any) -> None:
        if error is not None:
            raise KafkaException(error)
        placed[message.key()] = message.partition()

    keys = [conversation_key("acme", f"conversation-{number}" + "é" * (number % 5)) for number in range(200)]
    for key in keys:
        producer.produce(settings.topic_prefix + EVENTS, b"", key=key, on_delivery=note)
    producer.flush(60)
    assert placed == {key: partition_of(key, 7) for key in keys}


def test_murmur2_has_the_known_values_of_kafkas_own_tests() -> None:
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    assert {key: murmur2(key) for key in known} == {key: value & 0xFFFFFFFF for key, value in known.items()}


@given(st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True), st.text(min_size=1))
def test_keys_split_into_what_they_were_made_of(application: str, conversation_id: str) -> None:
    try:
        key = conversation_key(application, conversation_id)
    except UnicodeEncodeError:
        return
    assert split_key(key) == (application, conversation_id)


@pytest.mark.parametrize(
    "key", [b"", b"a", b"/b", b"a/"], ids=["empty", "no slash", "no application", "no conversation"]
)
def test_another_key_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="application/conversation"):
        split_key(key)
