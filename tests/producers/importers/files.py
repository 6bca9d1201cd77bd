"""Importing a file into a fake producer, and looking at what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from plaudit_producers.importers import ImportOptions, find_format
from plaudit_producers.importers.replay import ReplaySummary
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.run import Pace, replay_file
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import (
    AddMessage,
    CompareMessages,
    ConversationEvent,
    StartConversation,
    UpdateMessage,
)


@dataclass
class Imported:
    """A conversation as its events tell it."""

    events: list[ConversationEvent]

    @property
    def start(self) -> StartConversation:
        body = self.events[0].body
        assert isinstance(body, StartConversation)
        return body

    @property
    def messages(self) -> dict[str, AddMessage]:
        return {body.message_id: body for body in self._bodies(AddMessage)}

    @property
    def feedback(self) -> list[UpdateMessage]:
        return list(self._bodies(UpdateMessage))

    @property
    def comparisons(self) -> list[CompareMessages]:
        return list(self._bodies(CompareMessages))

    def path_to(self, message_id: str) -> list[tuple[str, str]]:
        """Role and text of every message from the root to this one."""
        found: list[tuple[str, str]] = []
        messages = self.messages
        while message_id:
            message = messages[message_id]
            found.append((message.role, message.content))
            assert message.parent_id is not None
            message_id = message.parent_id
        return found[::-1]

    def _bodies(self, kind: type[Any]) -> Iterator[Any]:
        return (event.body for event in self.events if isinstance(event.body, kind))


@dataclass
class Outcome:
    """Everything that one import did."""

    producer: InMemoryProducer
    summary: ReplaySummary
    report: ImportReport

    @cached_property
    def events(self) -> list[ConversationEvent]:
        return self.producer.events

    @cached_property
    def chats(self) -> list[Imported]:
        found: dict[str, list[ConversationEvent]] = {}
        for event in self.events:
            found.setdefault(event.conversation_id, []).append(event)
        return [Imported(events) for events in found.values()]


def import_file(
    path: Path, name: str, *, report: Path | None = None, pace: Pace | None = None, **options: Any
) -> Outcome:
    """Import with the file's own times, so that two imports can be compared to the byte."""
    producer, told = InMemoryProducer(max_buffer_events=1_000_000), ImportReport(report)
    summary = replay_file(
        path,
        find_format(name),
        producer,
        options=ImportOptions(**options),
        pace=pace or Pace(times="original"),
        report=told,
    )
    return Outcome(producer, summary, told)
