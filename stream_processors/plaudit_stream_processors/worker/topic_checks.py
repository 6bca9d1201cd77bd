"""Looks at a worker's topics, when it starts and while it runs."""

import logging
import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from confluent_kafka.admin import AdminClient
from plaudit_schemas.errors import TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED
from plaudit_schemas.topics.admin import admin_of
from plaudit_schemas.topics.live import live_topics
from plaudit_schemas.topics.problems import (
    LINE,
    RecordedLine,
    TopicProblem,
    find_changes,
    find_problems,
    kept_ms,
    retention_ms,
    risk_sentences,
)

from plaudit_stream_processors.worker.settings import WorkerSettings

log = logging.getLogger("plaudit.worker")

_KNOWN_WITHIN_S: Final = 5.0  # after a topic was created, until each broker has heard of it
_PAUSE_S: Final = 0.2
_ANSWER_S: Final = 5.0


class LineTopics(NamedTuple):
    """What a worker must know of its topics.

    Attributes:
        partitions: of the events topic; 0 if there is none.
        keeps_ms: how long a record may stay in the events topic, in ms; 0 is forever.
        ids: the ids of the events and the finished topic, by name without prefix.
        letters_keep_ms: how long the dead-letter topic surely keeps a letter, in ms; 0 is forever.
    """

    partitions: int
    keeps_ms: int
    ids: Mapping[str, str]
    letters_keep_ms: int = 0

    @property
    def recorded(self) -> RecordedLine:
        """The same, as the state in Redis remembers it."""
        return RecordedLine(self.partitions, self.ids)


class TopicLook(NamedTuple):
    """The topics at one moment, and everything that is wrong with them."""

    topics: LineTopics
    problems: list[TopicProblem]


def check_topics(connection: ConnectionSettings, settings: WorkerSettings) -> LineTopics:
    """Check all topics of a worker before it starts, and return what it must know of them.

    Raises:
        TopicError: a topic is missing, or its settings would break a promise. It names all of them.
        ServiceUnavailableError: Kafka does not answer.
    """
    admin, known_by = admin_of(connection), time.monotonic() + _KNOWN_WITHIN_S
    look = look_at_topics(admin, connection, settings)
    while any(each.setting == "existence" for each in look.problems) and time.monotonic() < known_by:
        time.sleep(_PAUSE_S)
        look = look_at_topics(admin, connection, settings)
    refused = [str(problem) for problem in look.problems if problem.effect != "risk"]
    for risk in risk_sentences(look.problems):
        log.warning("%s", risk)
    if refused:
        raise TopicError(". ".join(refused))
    return look.topics


def look_at_topics(
    admin: AdminClient,
    connection: ConnectionSettings,
    settings: WorkerSettings,
    recorded: RecordedLine | None = None,
) -> TopicLook:
    """Look at the topics now. Blocks for some seconds if Kafka does not answer.

    Args:
        recorded: the topics that the state was made from, to compare with; None if that is not known.

    Raises:
        TopicError: Kafka does not allow it.
        ServiceUnavailableError: Kafka does not answer.
    """
    prefix = connection.topic_prefix
    live = live_topics(admin, [prefix + name for name in LINE], timeout_s=_ANSWER_S)
    problems = find_problems(
        live, prefix, settings.needed_retention_ms, allow_one_replica=settings.allow_one_replica
    )
    if recorded is not None:
        problems += find_changes(live, prefix, recorded)
    events, letters = live.get(prefix + EVENTS), live.get(prefix + DEAD_LETTERS)
    ids = {name: live[prefix + name].id for name in (EVENTS, FINISHED) if prefix + name in live}
    if events is None:
        return TopicLook(LineTopics(0, 0, ids), problems)
    letters_keep_ms = retention_ms(letters.config) if letters is not None else 0
    return TopicLook(LineTopics(events.partitions, kept_ms(events.config), ids, letters_keep_ms), problems)
