"""Asks Kafka how much has finished that is not in the root yet. Nothing depends on the answer."""

import logging
import threading
from collections.abc import Mapping
from typing import Final

import orjson
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.settings import load, origins
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.sink.loop.backlog import TopicLog
from plaudit_consumers.sink.loop.source_topic import find_topic

log = logging.getLogger("plaudit.datasets")

_PATIENCE_S: Final = 5.0
_ADDRESS: Final = "PLAUDIT_BOOTSTRAP_SERVERS"


def waiting_records(root: str, read_to: Mapping[str, int]) -> int | None:
    """How many records of the finished topic are in Kafka and not in the root.

    Args:
        read_to: partition -> the offset after the last record that the snapshot has.

    Returns:
        None if no setting names Kafka, or it does not answer within five seconds.
    """
    if not _is_named():
        return None
    found: list[int] = []

    def ask() -> None:
        try:
            found.append(_count(root, read_to))
        except Exception as error:  # the snapshot is built, whatever happens here
            log.debug("Kafka does not tell what waits: %s", error)

    # A thread that is left behind: a client of Kafka may wait for much longer than a person wants to.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE_S)
    return found[0] if found else None


def records_after(ends: Mapping[int, tuple[int, int]], positions: Mapping[int, int]) -> int:
    """How many offsets the partitions have after some positions.

    Args:
        ends: partition -> the first offset of its log, and the one after its last.
        positions: partition -> the offset after the last record that is known.
    """
    return sum(max(0, high - max(low, positions.get(number, 0))) for number, (low, high) in ends.items())


def _is_named() -> bool:
    try:
        told = {each.variable: each.origin for each in origins([ConnectionSettings])}
    except PlauditError:
        return False
    return told[_ADDRESS] != "default"


def _count(root: str, read_to: Mapping[str, int]) -> int:
    connection, live = load(ConnectionSettings), LiveRoot(root)
    positions = {int(number): offset for number, offset in read_to.items()}
    for number, marker in live.markers().items():
        positions[number] = max(positions.get(number, 0), int(orjson.loads(marker)["position"]))
    topic = find_topic(connection)
    if live.topic_id() not in (None, topic.id):
        raise LookupError(f"the root was made from another topic than {topic.name}")
    return records_after(TopicLog(connection, topic).bounds(), positions)
