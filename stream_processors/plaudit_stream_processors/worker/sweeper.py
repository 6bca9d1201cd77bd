"""The sweeper ends conversations that have been idle too long, by an event in the log."""

import logging
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from plaudit_schemas.codec.wire import Encoder, Record
from plaudit_schemas.contract.keys import partition_of, split_key
from plaudit_schemas.contract.names import END_CONVERSATION
from plaudit_schemas.contract.ulid import encode_ulid
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.service.wait_notice import WaitNotice
from redis.exceptions import RedisError

from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.state.store import ConversationStore

log = logging.getLogger(__name__)
_notice = WaitNotice(log, "waiting to end idle conversations")

ENDS_PER_PARTITION: Final = 1000
"""At most so many ends are sent in one sweep."""


class EventsTopic(NamedTuple):
    """The topic that the ends go to, with its prefix."""

    name: str
    partitions: int


def idle_end(key: str, last_activity_ms: int, now_ms: int) -> Record:
    """The end of an idle conversation."""
    application, conversation_id = split_key(key.encode())
    # The same silence gives the same id, so an end that is sent twice is dropped as a duplicate.
    event_id = encode_ulid(last_activity_ms, sha256(f"{key} {last_activity_ms}".encode()).digest()[:10])
    return {
        "event_id": event_id,
        "application": application,
        "conversation_id": conversation_id,
        "occurred_at": now_ms * 1000,
        "held_ms": 0,
        "source": "sweeper",
        "body": (END_CONVERSATION, {"reason": "idle", "last_activity_at": last_activity_ms * 1000}),
    }


async def end_idle_conversations(
    store: ConversationStore,
    output: GaplessOutput,
    encoder: Encoder,
    lag: Mapping[int, int],
    *,
    topic: EventsTopic,
    idle_timeout_s: float,
    now_ms: int,
) -> int:
    """Send an end for each conversation that has been idle too long. Returns how many.

    Args:
        now_ms: the broker's time; a conversation is idle by the broker's timestamps of its events.
        lag: partition to look at -> records that are not folded yet. Where there are some, the time of the
            last folded record counts as now: what looks idle in an old state may go on later in the log.
    """
    records = []
    for partition, waiting in sorted(lag.items()):
        try:
            partition_ms = await store.reached_ms(partition) if waiting else now_ms
            before_ms = partition_ms - int(idle_timeout_s * 1000)
            idle = await _idle_here(store, partition, before_ms, topic.partitions)
        except RedisError as error:
            _notice.note(str(error))
            return 0
        for key, last_activity_ms in idle:
            value = encoder.encode(idle_end(key, last_activity_ms, now_ms))
            records.append(ProducerRecord(topic.name, key.encode(), value))
    _notice.note(None)
    await output.send_records(records)
    return len(records)


async def _idle_here(
    store: ConversationStore, partition: int, before_ms: int, partitions: int
) -> list[tuple[str, int]]:
    """Idle conversations of a partition, without those that belong to another one.

    Earlier rules took events in wrong partitions. An end goes to the partition of its key, so it would never
    reach such a state, and would be sent again with each sweep.
    """
    found: list[tuple[str, int]] = []
    skip = 0
    while len(found) < ENDS_PER_PARTITION:
        idle = await store.idle_conversations(partition, before_ms, ENDS_PER_PARTITION, skip)
        found += [each for each in idle if partition_of(each[0].encode(), partitions) == partition]
        if len(idle) < ENDS_PER_PARTITION:
            break
        skip += len(idle)
    return found[:ENDS_PER_PARTITION]
