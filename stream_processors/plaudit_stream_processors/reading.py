"""Reading one conversation: from the live state, or rebuilt from the log up to a point."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
from confluent_kafka import TopicPartition
from plaudit_schemas.codec import Decoder
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import (
    CodecError,
    NotFoundError,
    ServiceUnavailableError,
    SettingsError,
)
from plaudit_schemas.events import micros, moment, read_moment
from plaudit_schemas.keys import conversation_key, partition_of
from plaudit_schemas.topics import EVENTS
from redis.exceptions import RedisError

from plaudit_stream_processors.fold import Conversation, Effects, Event, Refused, Rules, fold
from plaudit_stream_processors.fold.events import check_key
from plaudit_stream_processors.log import partitions_of, read_partition, reader
from plaudit_stream_processors.state.client import connect
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.worker.settings import WorkerSettings


class Until(NamedTuple):
    """Up to an offset (included) or an arrival (included); the other is None."""

    offset: int | None
    arrived_ms: int | None


def moment_of(text: str) -> Until:
    """An offset, or an ISO 8601 time; a time without a zone is UTC.

    Raises:
        SettingsError: it is neither.
    """
    if text.isdigit():
        return Until(int(text), None)
    try:
        at = read_moment(text)
    except ValueError:
        raise SettingsError(
            f"--at {text!r} is neither an offset nor a time such as 2026-11-21T12:00:00Z"
        ) from None
    return Until(None, micros(at) // 1000)


async def live(connection: ConnectionSettings, application: str, conversation_id: str) -> Conversation:
    """The state as the worker has it.

    Raises:
        NotFoundError: there is none.
        ServiceUnavailableError: Kafka or Redis does not answer.
    """
    partition = partition_for(connection, application, conversation_id)
    client = connect(connection.redis_url.get_secret_value())
    store = ConversationStore(client, prefix=connection.redis_prefix, state_retention_ms=0)
    try:
        return await store.get(application, conversation_id, partition)
    except RedisError as error:
        raise ServiceUnavailableError(f"Redis does not answer ({error}); check PLAUDIT_REDIS_URL") from None
    finally:
        await client.aclose()


def partition_for(connection: ConnectionSettings, application: str, conversation_id: str) -> int:
    """The partition of the events topic that a conversation lies in.

    Raises:
        TopicError: the topic does not exist.
        ServiceUnavailableError: Kafka does not answer.
    """
    name = connection.topic_prefix + EVENTS
    return partition_of(conversation_key(application, conversation_id), partitions_of(connection, name))


def rebuilt(
    connection: ConnectionSettings, settings: WorkerSettings, key: tuple[str, str], until: Until
) -> Conversation:
    """The state as of a point of the log, by the worker's own fold. Reads the partition up to there.

    Raises:
        NotFoundError: the log had no such conversation by then.
        ServiceUnavailableError: Kafka does not answer.
    """
    wanted = conversation_key(*key)
    partition = partition_for(connection, *key)
    state, effects = Conversation(*key), Effects()
    rules = Rules(settings.state_retention_ms)
    decoder = Decoder("conversation_event", connection.schemas(), sparse=True)
    for message in _read(connection, partition, until):
        if message.key() != wanted:
            continue
        value = message.value() or b""
        try:
            record = decoder.decode(value)
            check_key(record, wanted)
            fold(
                state,
                Event(record, partition, message.offset(), message.timestamp()[1], len(value)),
                effects,
                rules,
            )
        except (Refused, CodecError):
            continue  # a dead letter: it has no part in the state
    if state.is_new():
        raise NotFoundError(f"the log had no conversation {key[1]!r} of {key[0]!r} by then")
    return state


def _read(connection: ConnectionSettings, partition: int, until: Until) -> Iterator[Any]:
    place = TopicPartition(connection.topic_prefix + EVENTS, partition)
    with reader(connection) as consumer:
        for message in read_partition(consumer, place, until.offset):
            if until.arrived_ms is not None and message.timestamp()[1] > until.arrived_ms:
                return
            yield message


def document(state: Conversation) -> dict[str, Any]:
    """A state as one JSON object."""
    return {
        "application": state.application,
        "conversation_id": state.conversation_id,
        "open": state.is_open,
        "erased": state.erased,
        "revision": state.revision,
        "started_at": state.started,
        "end": state.end,
        "events": state.events,
        "missing_events": state.missing_events(),
        **state.facts,
        "messages": list(state.messages.values()),
        "feedback": list(state.feedback.values()),
        "comparisons": list(state.comparisons.values()),
    }


def shown(state: Conversation, *, as_json: bool) -> str:
    """A state for a program or for a person."""
    if as_json:
        return orjson.dumps(document(state), option=orjson.OPT_INDENT_2).decode()
    status = "erased" if state.erased else "open" if state.is_open else "ended"
    lines = [f"{state.key}: {status}, revision {state.revision}, {state.events} events"]
    if state.started is not None:
        lines.append(f"started {moment(state.started):%Y-%m-%d %H:%M:%S} UTC")
    lines += [f"{name}: {value}" for name, value in state.facts.items()]
    for message in state.messages.values():
        lines.append(f"[{message['message_id']}] {message['role']}: {message['content']!r}")
        lines += [
            f"    {_judgement(state.feedback[slot])}"
            for slot in state.slots_of.get(message["message_id"], ())
        ]
    lines += [_judgement(state.feedback[slot]) for slot in state.slots_of.get("", ())]
    lines += [f"ranking {item['ranking']} of {item['candidates']}" for item in state.comparisons.values()]
    return "\n".join(lines)


def _judgement(slot: dict[str, Any]) -> str:
    feedback = slot["feedback"]
    value = feedback["value"][1] if "value" in feedback else "withdrawn"
    return f"{feedback['rater']['kind']} {feedback['rater'].get('id', '')} {feedback['aspect']}: {value}"
