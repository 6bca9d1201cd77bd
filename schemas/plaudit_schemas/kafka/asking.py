"""Asks for offsets, and again while a partition has no leader.

For a moment after a topic is made or a broker starts, a partition has no leader, or the broker that is named
as its leader does not know it yet.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # public, not declared as such

T = TypeVar("T")

_PAUSE_S: Final = 0.2
_NOT_YET: Final = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001  # public codes despite their names
    KafkaError._NOENT,  # noqa: SLF001  # "No leaders found", of an admin client
)


def ask_again(client: Any, topic: str, ask: Callable[[float], T], timeout_s: float) -> T:
    """What `ask` returns, which is told how long it may take. Asked again while a partition has no leader.

    Args:
        client: the consumer or admin client that `ask` uses.
        topic: with the topic prefix.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return ask(max(_PAUSE_S, deadline - time.monotonic()))
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        # librdkafka remembers for minutes that there was no leader, and does not ask a broker again itself.
        with suppress(KafkaException):
            client.list_topics(topic, timeout=max(_PAUSE_S, deadline - time.monotonic()))


def listed_offsets(
    admin: Any, topic: str, specs: Mapping[int, OffsetSpec], timeout_s: float
) -> dict[int, tuple[int, int]]:
    """Offset and timestamp that the broker answers for each partition; -1 for one that there is not.

    Records of open transactions count.

    Args:
        topic: with the topic prefix.
        specs: what is asked of each partition.

    Raises:
        KafkaException: Kafka refuses to tell.
        TimeoutError: Kafka does not answer in time.
    """

    def ask(left_s: float) -> dict[int, tuple[int, int]]:
        wanted = {TopicPartition(topic, number): spec for number, spec in specs.items()}
        asked = admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=left_s
        )
        found = {place.partition: future.result(left_s + _PAUSE_S) for place, future in asked.items()}
        return {number: (int(each.offset), int(each.timestamp)) for number, each in found.items()}

    return ask_again(admin, topic, ask, timeout_s) if specs else {}
