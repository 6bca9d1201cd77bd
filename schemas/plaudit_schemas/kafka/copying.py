"""Copy the events into topics with another number of partitions (docs/decisions/0038).

Each record goes to the partition of its key, with its key, value, headers and time of arrival. The records of
a key keep the order in which the broker took them, even if the number of partitions was changed in between. A
transaction holds the copied records and the positions after them, so a copy that was cut off goes on where
it was, and nothing is copied twice.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from plaudit_schemas.contract.keys import PARTITIONER
from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.kafka.copy_source import CopySource
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options
from plaudit_schemas.settings.retention import RetentionSettings
from plaudit_schemas.topics import EVENTS, LiveTopic, definition
from plaudit_schemas.topics.admin import BROKERS_DEFAULT, admin_of, create_topic, ensure, replicas_for
from plaudit_schemas.topics.live import live_topics
from plaudit_schemas.topics.visibility import wait_known

_ANSWER_S: Final = 60.0
_AT_ONCE: Final = 5000  # records in one transaction
_ROUNDS: Final = 5
_FOREVER_MS: Final = 2**63 - 1
_OPTIONS: Final = {
    "partitioner": PARTITIONER,
    "compression.type": "lz4",
    "linger.ms": 20,
    "message.max.bytes": 1_000_000_000,  # whatever the topics take
    "log_level": 0,
}


class CopyResult(NamedTuple):
    """What one run has copied.

    Attributes:
        records: copied by this run.
        is_finished: whether workers may use the new topics.
    """

    records: int
    is_finished: bool


def copy_events(
    connection: ConnectionSettings,
    target: ConnectionSettings,
    rules: RetentionSettings | None = None,
    *,
    finish: bool,
    on_progress: Callable[[int], None] = lambda _records: None,
) -> CopyResult:
    """Copy what the new events topic lacks; create the new topics first, if they are missing.

    Args:
        target: the same, with another topic prefix and the new number of partitions.
        rules: what the new topics must promise, as `ensure` takes it.
        finish: the last run, after producers and workers have stopped. The new topic then gets its settings,
            and workers take it.
        on_progress: called with the number of records copied so far.

    Raises:
        TopicError: the topics do not allow it; the text says why.
        ServiceUnavailableError: Kafka does not answer, or did not take the records. Run it again.
    """
    admin = admin_of(connection)
    old, new = connection.topic_prefix + EVENTS, target.topic_prefix + EVENTS
    live = live_topics(admin, [old, new], timeout_s=_ANSWER_S)
    if old not in live:
        raise TopicError(f"the topic {old} does not exist, so there is nothing to copy")
    if new not in live:
        _create(admin, target, new, live[old], rules)
        live = live_topics(admin, [old, new], timeout_s=_ANSWER_S)
    source = CopySource(connection, old, f"plaudit-copy-{new}", live[old].partitions)
    try:
        if live[new].config.get("message.timestamp.type") != "CreateTime":
            raise TopicError(_finished(new, source))
        if not source.load_positions() and _has_records(connection, live[new]):
            raise TopicError(
                f"{new} has records that no copy wrote; delete it, or choose another --to-prefix"
            )
        copied = _copy(source, connection, live[new], on_progress, rounds=_ROUNDS if finish else 1)
    finally:
        source.close()
    if finish:
        _finish(admin, live[old], new)
    return CopyResult(copied, is_finished=finish)


def _copy(
    source: CopySource,
    connection: ConnectionSettings,
    new: LiveTopic,
    on_progress: Callable[[int], None],
    *,
    rounds: int,
) -> int:
    """Copy up to the end of the log; with several rounds, until the end stays where it is."""
    writer = _Writer(connection, new)
    copied = 0
    for _ in range(rounds):
        ends = source.ends()
        records = source.records(ends)
        while writer.write(islice(records, _AT_ONCE), source):
            on_progress(copied + writer.written)
        copied, writer.written = copied + writer.written, 0
        if rounds == 1 or source.ends() == ends:
            return copied
    raise TopicError(
        "events still arrive in the old topic; stop producers, gateways and workers, and try again"
    )


class _Writer:
    """Writes records to the new topic, in transactions that hold the source's positions too."""

    def __init__(self, connection: ConnectionSettings, new: LiveTopic) -> None:
        self._new, self.written = new, 0
        self._failed: Any = None
        options = connection.kafka(**{**_OPTIONS, "transactional.id": f"copy-{new.name}"})
        with refused_options():
            self._producer: Any = Producer(options)
        try:
            self._producer.init_transactions(_ANSWER_S)
        except KafkaException as error:
            raise ServiceUnavailableError(f"Kafka begins no transaction: {error.args[0].str()}") from None

    def write(self, messages: Iterable[Any], source: CopySource) -> bool:
        """Write some messages and the positions after them. Returns whether there were any."""
        try:
            self._producer.begin_transaction()
            count = 0
            for message in messages:
                self._produce(message)
                count += 1
            self._producer.send_offsets_to_transaction(source.places(), source.group_metadata(), _ANSWER_S)
            self._producer.commit_transaction(_ANSWER_S)
        except KafkaException as error:
            reason = (self._failed or error.args[0]).str()
            raise ServiceUnavailableError(
                f"Kafka did not take the copied records ({reason}); run it again, and it goes on where it was"
            ) from None
        self.written += count
        return count > 0

    def _produce(self, message: Any) -> None:
        key = message.key()
        # A record without a key is refused by the workers wherever it lies.
        place = {} if key is not None else {"partition": message.partition() % self._new.partitions}
        while True:
            try:
                self._producer.produce(
                    self._new.name, message.value(), key, headers=message.headers() or [],
                    timestamp=message.timestamp()[1], on_delivery=self._note, **place,
                )  # fmt: skip
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _note(self, error: Any, _message: Any) -> None:
        self._failed = self._failed or error


def _create(
    admin: AdminClient,
    target: ConnectionSettings,
    name: str,
    old: LiveTopic,
    rules: RetentionSettings | None,
) -> None:
    topic = definition(EVENTS)
    # The old times of arrival are kept, and nothing is deleted by them before the copy is finished.
    config = {
        **topic.config,
        "message.timestamp.type": "CreateTime",
        "message.timestamp.before.max.ms": str(_FOREVER_MS),
        "message.timestamp.after.max.ms": str(_FOREVER_MS),
        "retention.ms": "-1",
        "max.message.bytes": str(
            max(_number(old, "max.message.bytes"), int(topic.config["max.message.bytes"]))
        ),
    }
    wanted = topic.model_copy(update={"config": config})
    replicas = BROKERS_DEFAULT if rules is None else replicas_for(admin, rules)
    create_topic(admin, name, wanted, target.partitions or topic.partitions, replicas)
    wait_known(admin, target, [name], timeout_s=_ANSWER_S)
    for report in ensure(target, rules):
        wrong = [each for each in report.differences if report.name != name or each.startswith("partitions")]
        if wrong:
            raise TopicError(f"{report.name}: {wrong[0]}; delete it, or choose another --to-prefix")


def _finished(new: str, source: CopySource) -> str:
    """Why nothing is copied into a topic that is no unfinished copy."""
    if not source.load_positions():
        return f"{new} exists already and is no copy; choose another --to-prefix"
    left = sum(end - source.positions[number] for number, end in source.ends().items())
    return (
        f"the copy {new} is finished, and {left} events arrived in the old topic after it; "
        "choose another --to-prefix for a new copy"
    )


def _has_records(connection: ConnectionSettings, new: LiveTopic) -> bool:
    reader = CopySource(connection, new.name, f"plaudit-copy-{new.name}", new.partitions)
    try:
        return any(reader.ends().values())
    finally:
        reader.close()


def _finish(admin: AdminClient, old: LiveTopic, new: str) -> None:
    """Give the new topic the settings of a topic that workers take."""
    topic = definition(EVENTS)
    kept = _number(old, "retention.ms")
    retention = kept if kept < 0 else max(kept, int(topic.config["retention.ms"]))
    wanted = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(retention)}
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in wanted.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, new, incremental_configs=entries)
    try:
        admin.incremental_alter_configs([resource])[resource].result(_ANSWER_S)
    except (KafkaException, TimeoutError) as error:
        raise ServiceUnavailableError(
            f"Kafka did not change the settings of {new} ({error}); run the copy again"
        ) from None


def _number(topic: LiveTopic, setting: str) -> int:
    return int(topic.config.get(setting, "-1"))
