"""Whether the events topic is still the one that a process began with."""

from typing import NamedTuple

from plaudit_schemas.errors import TopicError
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS, LiveTopic
from plaudit_schemas.topics.admin import admin_of
from plaudit_schemas.topics.live import described_topics

_ANSWER_S = 5.0


class RemadeTopicError(TopicError):
    """The events topic was deleted and made anew while the process ran."""


class EventsLog(NamedTuple):
    """The events topic.

    Attributes:
        name: with the topic prefix.
        id: changes when the topic is made anew; empty if the broker has no topic ids.
    """

    name: str
    id: str
    partitions: int

    @property
    def described(self) -> LiveTopic:
        """The same as the checks of topics take it."""
        return LiveTopic(self.name, self.id, self.partitions, 0, {})


def events_log(connection: ConnectionSettings) -> EventsLog:
    """The events topic as it is now. Blocks for up to a request.

    Raises:
        TopicError: there is none, or Kafka does not allow to look at it.
        ServiceUnavailableError: Kafka does not answer.
    """
    name = connection.topic_prefix + EVENTS
    found = described_topics(admin_of(connection), [name], timeout_s=_ANSWER_S).get(name)
    if found is None:
        raise TopicError(f"the topic {name} does not exist; run `plaudit topics create`")
    return EventsLog(name, found.id, found.partitions)


def events_bounds(connection: ConnectionSettings) -> dict[int, tuple[int, int]]:
    """Partition -> the first offset of the events topic now, and the offset after its last record. Blocks.

    Raises:
        TopicError: there is no such topic.
        ServiceUnavailableError: Kafka does not answer.
    """
    with TopicReader(connection, EVENTS) as reader:
        return {partition: reader.ends(partition) for partition in reader.partitions()}


def refuse_remade(began: EventsLog, now: EventsLog) -> None:
    """Refuse another topic of the same name: its offsets begin anew.

    Raises:
        RemadeTopicError: it is another one.
    """
    if began.id and now.id and began.id != now.id:
        raise RemadeTopicError(
            f"{began.name} was made anew; run `plaudit state reset`, then start workers, scorers and review "
            "queues again"
        )
