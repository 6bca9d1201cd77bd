"""One conversation as it was: rebuilt from the log up to an offset or a time."""

from dataclasses import replace
from typing import NamedTuple

from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.contract.times import micros, read_moment
from plaudit_schemas.errors import NotFoundError, SettingsError
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from plaudit_stream_processors.fold import ConversationState, Effects, Rules, RulesHistory, fold_record


class Until(NamedTuple):
    """The last offset, or the last time of arrival in ms, that counts. The other one is None."""

    offset: int | None
    arrived_ms: int | None


def parse_until(text: str) -> Until:
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


def state_as_of(
    connection: ConnectionSettings,
    rules: Rules,
    history: RulesHistory,
    application: str,
    conversation_id: str,
    until: Until,
) -> ConversationState:
    """The state at a point of the log, made by the worker's own fold. Reads the partition up to that point.

    Args:
        history: of the conversation's partition, so that each event is folded as the worker folded it.

    Raises:
        NotFoundError: the log had no such conversation by then.
        TopicError: there is no events topic.
        ServiceUnavailableError: Kafka does not answer.
    """
    key = conversation_key(application, conversation_id)
    states: dict[bytes | None, ConversationState] = {}
    effects = Effects()
    decoder = Decoder("conversation_event", schemas_of(connection), sparse=True)
    with TopicReader(connection, EVENTS) as reader:
        partition = partition_of(key, len(reader.partitions()))
        first, end = reader.ends(partition)
        if until.offset is not None:
            end = min(end, until.offset + 1)
        for record in reader.records(partition, first, end):
            if until.arrived_ms is not None and record.timestamp > until.arrived_ms:
                break
            if record.key != key:
                continue
            (event,) = decoder.decode_many([record.value])
            version = history.version_at(record.offset)
            folded = fold_record(record, event, states.get, effects, replace(rules, version=version))
            if isinstance(folded, ConversationState):
                states[key] = folded
    if key not in states:
        raise NotFoundError(f"the log had no conversation {conversation_id!r} of {application!r} by then")
    return states[key]
