"""What an operator does to the state in Redis: look at it, give up lost events, or delete it."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import ConsumerGroupState
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import TopicError
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.groups import GroupReader
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.service.recorded_line import read_recorded
from plaudit_schemas.service.redis import RedisClient
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS
from plaudit_schemas.topics.admin import admin_of

from plaudit_stream_processors.state.identity import folded_up_to
from plaudit_stream_processors.state.losses import (
    AcceptedLoss,
    LossRefusedError,
    accept_loss,
    accepted_losses,
)
from plaudit_stream_processors.state.reset import begin_reset, cancel_reset, delete_state, measure_state
from plaudit_stream_processors.state.store import StateError

_LETTER_OPTIONS: Final = {"message.timeout.ms": 60_000}


class WorkersRunError(StateError):
    """Workers are running; the state may not be deleted under them."""


async def describe_state(client: RedisClient, connection: ConnectionSettings) -> tuple[list[str], bool]:
    """The state in lines of text, and whether Kafka has deleted events that it still needs.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
    """
    prefix = connection.redis_prefix
    recorded = await read_recorded(client, prefix, connection.topic_prefix)
    if recorded.partitions is None:
        return ["there is no state: no worker has started yet"], False
    lines = [f"begun with {recorded.partitions} partitions"]
    lines += [
        f"{connection.topic_prefix}{name} has the id {topic_id}" for name, topic_id in recorded.ids.items()
    ]
    folded = await folded_up_to(client, prefix, range(recorded.partitions))
    bounds = await asyncio.to_thread(_bounds, connection)
    lost = False
    for partition, (position, _) in folded.items():
        first, end = bounds.get(partition, (0, 0))
        lines.append(f"partition {partition}: folded up to {position}, the log has {first} to {end}")
        for each in await accepted_losses(client, prefix, partition):
            lines.append(f"  {each}")
        if position < first:
            lost = True
            lines.append(
                f"  LOST: {position} to {first - 1}; `plaudit state accept-loss --partition {partition} "
                f"--from {position} --to {first}` gives them up"
            )
    return lines, lost


async def give_up(
    client: RedisClient, connection: ConnectionSettings, partition: int, first: int, end: int
) -> str:
    """Give up a range of events, and say so in the dead letters. Returns what was done, in words.

    Raises:
        LossRefusedError: it is not just the range that Kafka has deleted.
        ServiceUnavailableError: Kafka does not answer.
    """
    bounds = await asyncio.to_thread(_bounds, connection)
    if partition not in bounds:
        raise LossRefusedError(f"{connection.topic_prefix}{EVENTS} has no partition {partition}")
    begins = bounds[partition][0]
    if not first < end == begins:
        raise LossRefusedError(
            f"partition {partition} begins at offset {begins}, so it has lost what lies between its position "
            f"and {begins}; `plaudit state show` lists the ranges"
        )
    position = (await folded_up_to(client, connection.redis_prefix, [partition])).get(partition)
    if position is None or position.next_offset != first:
        reached = "nothing" if position is None else f"offset {position.next_offset}"
        raise LossRefusedError(
            f"partition {partition} is folded up to {reached}, not {first}; `plaudit state show` lists "
            "what is lost"
        )
    now = datetime.now(UTC)
    loss = AcceptedLoss(partition, first, end, now.isoformat(timespec="seconds"))
    # The letter first: it also tells of the range after Redis was lost. A second one does no harm.
    await asyncio.to_thread(_send_letter, connection, loss, int(now.timestamp() * 1000))
    await accept_loss(client, connection.redis_prefix, loss)
    return (
        f"partition {partition}: offsets {first} to {end - 1} are given up ({end - first} of them); its "
        "worker goes on within seconds"
    )


async def reset_state(
    client: RedisClient, connection: ConnectionSettings, group: str, *, confirmed: bool
) -> str:
    """Delete the state. Returns what was or would be deleted, in words.

    Args:
        group: the workers' consumer group, with its prefix.

    Raises:
        WorkersRunError: the group has members.
        ServiceUnavailableError: Kafka does not answer.
    """
    prefix = connection.redis_prefix
    size = await measure_state(client, prefix)
    what = f"{size.keys} keys of the state with prefix {prefix!r}, {size.conversations} of them conversations"
    if not confirmed:
        await asyncio.to_thread(_refuse_while_running, connection, group)
        return (
            f"this would delete {what}. Workers then fold the log again from its start; with the finished "
            "topic as it is, sinks drop what they have. Add --yes to delete"
        )
    # The mark first: a worker that joins after the look at the group finds it, and takes no partition.
    await begin_reset(client, prefix)
    try:
        await asyncio.to_thread(_refuse_while_running, connection, group)
    except BaseException:
        await cancel_reset(client, prefix)
        raise
    await delete_state(client, prefix)
    return f"deleted {what}"


def _refuse_while_running(connection: ConnectionSettings, group: str) -> None:
    described = GroupReader(lambda: admin_of(connection)).describe(group)
    if described is None:
        return
    if described.state not in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD) or described.members:
        raise WorkersRunError(
            f"{len(described.members)} workers are in the group {group}; stop all of them first"
        )


def _bounds(connection: ConnectionSettings) -> dict[int, tuple[int, int]]:
    with TopicReader(connection, EVENTS) as reader:
        return {partition: reader.ends(partition) for partition in reader.partitions()}


def _send_letter(connection: ConnectionSettings, loss: AcceptedLoss, now_ms: int) -> None:
    record = KafkaRecord(loss.partition, loss.first, now_ms, None, None)
    letter = DeadLetter.of(record, connection.topic_prefix + EVENTS, Refusal("lost", str(loss)))
    producer = AckedProducer(connection, _LETTER_OPTIONS)
    try:
        unsent = producer.send_records_blocking([letter.to_send(connection.topic_prefix + DEAD_LETTERS)])
    finally:
        producer.close()
    if unsent:
        raise TopicError(
            f"Kafka did not take the dead letter ({unsent[0].error.str()}), so nothing is given up; try again"
        )
