"""Looks whether what is judged exists: a verdict under a wrong id would be a conversation of its own."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import ADD_MESSAGE
from plaudit_schemas.errors import NotFoundError, SettingsError

from plaudit_producers.importers.model import Batch
from plaudit_producers.live_reader import ConversationReader

_REMEMBERED: Final = 1000  # conversations


class LiveCheck:
    """Asks a reader of live conversations, and remembers the last 1,000 of them.

    Its methods raise ServiceUnavailableError if Redis does not answer.
    """

    def __init__(self, reader: ConversationReader, runner: asyncio.Runner) -> None:
        self._reader, self._runner = reader, runner
        self._messages: OrderedDict[tuple[str, str], frozenset[str] | None] = OrderedDict()

    def problem_of(self, batch: Batch) -> str | None:
        """What of the events of a batch is not there; None if all is."""
        for record in batch.records:
            application, conversation = record["application"], record["conversation_id"]
            known = self._messages_of(application, conversation)
            if known is None:
                return (
                    f"there is no live conversation {conversation} of application {application}; correct its "
                    "id, or leave out --check if it has expired"
                )
            gone = [name for name in _named(record) if name not in known]
            if gone:
                return f"conversation {conversation} has no message {gone[0]}; correct its id"
        return None

    def _messages_of(self, application: str, conversation: str) -> frozenset[str] | None:
        key = (application, conversation)
        if key in self._messages:
            self._messages.move_to_end(key)
            return self._messages[key]
        try:
            document = self._runner.run(self._reader.get(application, conversation))
            found = frozenset(message["message_id"] for message in document["messages"])
            known = None if document.get("erased") else found
        except NotFoundError:
            known = None
        self._messages[key] = known
        if len(self._messages) > _REMEMBERED:
            self._messages.popitem(last=False)
        return known


@contextmanager
def live_check(reader: ConversationReader | None) -> Iterator[LiveCheck]:
    """A check, until the block ends.

    Raises:
        SettingsError: no installed member reads conversations.
    """
    if reader is None:
        raise SettingsError("--check reads live conversations; install plaudit-stream-processors, too")
    with asyncio.Runner() as runner:
        try:
            yield LiveCheck(reader, runner)
        finally:
            runner.run(reader.aclose())


def _named(record: Record) -> list[str]:
    """The messages that an event names."""
    name, body = record["body"]
    if name == ADD_MESSAGE:
        return [body["parent_id"]] if body.get("parent_id") else []
    return [each for each in (body.get("message_id"), *body.get("candidates", ())) if each]
