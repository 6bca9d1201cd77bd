"""The finished topic as the broker describes it: its id, and whether its settings fit."""

import threading
from typing import Final

from confluent_kafka.admin import AdminClient
from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import FINISHED
from plaudit_schemas.topics.admin import admin_of, live_config, live_partitions
from plaudit_schemas.topics.live import NO_ID, described_topics

from plaudit_consumers.sink.commit.context import FinishedTopic
from plaudit_consumers.sink.errors import LogChangedError
from plaudit_consumers.sink.loop.topic_settings import settings_problem

_ANSWER_S: Final = 5.0
_PAUSE_S: Final = 1.0


def find_topic(connection: ConnectionSettings) -> FinishedTopic:
    """Look up the finished topic.

    Raises:
        TopicError: it does not exist, or has settings that lose or distort conversations.
        ServiceUnavailableError: Kafka does not answer.
    """
    name = connection.topic_prefix + FINISHED
    admin = admin_of(connection)
    if name not in live_partitions(admin, connection, timeout_s=_ANSWER_S):
        raise TopicError(f"the topic {name} does not exist; run `plaudit topics create`")
    problem = settings_problem(live_config(admin, name, timeout_s=_ANSWER_S))
    if problem is not None:
        raise TopicError(f"{name} {problem}")
    return FinishedTopic(name, topic_id(admin, name))


class SourceTopic:
    """Tells whether the topic is still the one that the sink began with. Safe for several threads."""

    def __init__(self, connection: ConnectionSettings, topic: FinishedTopic, stop: threading.Event) -> None:
        """`stop` ends the waiting for a Kafka that does not answer."""
        self._admin, self._topic, self._stop = admin_of(connection), topic, stop

    def check_id(self) -> None:
        """Check that the topic was not made anew.

        Raises:
            LogChangedError: it was.
            TopicError: it is gone.
            ServiceUnavailableError: Kafka does not answer.
        """
        now = topic_id(self._admin, self._topic.name)
        if now != self._topic.id:
            raise LogChangedError(
                f"{self._topic.name} was deleted and made anew while the sink ran (its id was "
                f"{self._topic.id} and is {now}): give the sink a new --output"
            )

    def confirm(self) -> None:
        """`check_id`, but wait while Kafka does not answer.

        Raises:
            LogChangedError, TopicError: as `check_id`.
            ServiceUnavailableError: the sink was stopped before Kafka answered.
        """
        while True:
            try:
                return self.check_id()
            except ServiceUnavailableError:
                if self._stop.wait(_PAUSE_S):
                    raise

    def settings_problem(self) -> str | None:
        """Why the topic's settings lose or distort conversations now; None if they do not.

        Raises:
            TopicError: Kafka did not return them.
        """
        problem = settings_problem(live_config(self._admin, self._topic.name, timeout_s=_ANSWER_S))
        return None if problem is None else f"{self._topic.name} {problem}"


def topic_id(admin: AdminClient, name: str) -> str:
    """The id that Kafka gave a topic, as its own tools print it, but safe in a path.

    Raises:
        TopicError: there is no such topic.
        ServiceUnavailableError: Kafka does not answer.
    """
    found = described_topics(admin, [name], timeout_s=_ANSWER_S).get(name)
    if found is None:
        raise TopicError(f"the topic {name} is gone; run `plaudit topics create`")
    return found.id or NO_ID
