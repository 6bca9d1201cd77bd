"""Build one conversation of an imported file with the methods of the SDK's handles."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, Unpack

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.feedback import Rater
from plaudit_schemas.contract.field_types import ValueKind
from plaudit_schemas.contract.names import ADD_MESSAGE, START_CONVERSATION
from plaudit_schemas.contract.records import check_id, refuse
from plaudit_schemas.contract.times import range_problem

from plaudit_producers.importers.ids import DerivedIds, invented_start
from plaudit_producers.importers.model import Batch, ImportOptions, Place
from plaudit_producers.sdk.bodies import (
    CompareOptions,
    MessageOptions,
    NamedRecord,
    StartOptions,
    micros_of_zoned,
    start_body,
    take_event_options,
)
from plaudit_producers.sdk.conversation import ConversationHandle

DERIVED: Final = "derived by the import: "
"""The prefix of the rubric of feedback that the file implies but does not state."""

_SECOND: Final = 1_000_000
# For each character of a message, when the file has no times.
_READING_MICROS: Final = 20_000
_WRITING_MICROS: Final = 100_000
_LONGEST_TURN: Final = 120 * _SECOND


class Chat(ConversationHandle[str]):
    """Collects one conversation's events. Ids, order and invented times are derived from the record alone.

    It has the methods of the SDK's `Conversation`, with the same keywords. Each returns an id. The parent of
    a message is the message added before it, unless `parent_id` is given. An event without `occurred_at`
    gets a time that follows from the length of its text.

    Args:
        format_name: part of every id, so that two formats never make the same id.
        identity: the record's own bytes. The ids are derived from them and from the record's number.

    Attributes:
        last: the id of the newest message; empty before the first.
        now: the time of the last event, in microseconds since 1970.
    """

    __slots__ = (
        "_id",
        "_invented",
        "_notes",
        "_options",
        "_pause",
        "_place",
        "_records",
        "last",
        "now",
    )

    def __init__(self, place: Place, options: ImportOptions, format_name: str, identity: bytes) -> None:
        self.now = invented_start(place.number)
        self._id = DerivedIds(self.now, format_name, str(place.number), identity)
        self._place, self._options = place, options
        self._records: list[Record] = []
        self._notes: list[str] = []
        self._invented = 0
        self._pause: int | None = None
        self.last = ""
        super().__init__(options.application or "import", self._id("conversation"))

    def start(self, **fields: Unpack[StartOptions]) -> None:
        """Start the conversation, with the import's tags and consent. Else the first event starts it."""
        given: dict[str, Any] = {**fields}
        options = take_event_options(given)
        self._options.complete(given)
        self._append_event(start_body(given), options)

    def add_message(self, role: str, content: str, **fields: Unpack[MessageOptions]) -> str:
        """Add a message. Returns its id, which `last` keeps as the parent of the next message."""
        self._begin()
        given: dict[str, Any] = {"parent_id": self.last, **fields}
        given.setdefault("message_id", self._id(f"message {len(self._records)}"))
        self.last = given["message_id"]
        return super().add_message(role, content, **given)

    def compare(
        self,
        candidates: Sequence[str],
        ranking: Sequence[str | Sequence[str]],
        **fields: Unpack[CompareOptions],
    ) -> str:
        """Compare messages. Returns the comparison's id. See `ConversationHandle.compare`."""
        self._begin()
        given: dict[str, Any] = {**fields}
        given.setdefault("comparison_id", self._id(f"comparison {len(self._records)}"))
        return super().compare(candidates, ranking, **given)

    def compare_answers(
        self, best_first: Sequence[str], *, role: str = "assistant", rater: Rater | None = None
    ) -> list[str]:
        """Add rival answers to the last message, and their ranking. Returns their ids, best first.

        The answers are added in an order that the seed shuffles, since files list the winner first. Their ids
        depend on their rank, not on that order, so a second import with another seed adds nothing.
        """
        order = list(range(len(best_first)))
        # Seeded for each conversation, so that the order does not depend on the records before it.
        Random(f"{self._options.seed}/{self.conversation_id}").shuffle(order)
        parent, ids = self.last, [self._id(f"candidate {rank}") for rank in range(len(best_first))]
        for rank in order:
            event_id = self._id(f"event of candidate {rank}")
            self.add_message(
                role, best_first[rank], message_id=ids[rank], event_id=event_id, parent_id=parent
            )
        self.last = parent
        self.compare([ids[rank] for rank in order], ids, rater=rater)
        return ids

    def wait(self, seconds: float) -> None:
        """Put the next event this many seconds after the last one, unless it has its own time."""
        self._pause = round(seconds * _SECOND)

    def note(self, text: str) -> None:
        """Add a note on this record to the import's report."""
        self._notes.append(text)

    def batch(self) -> Batch:
        """Return all events so far."""
        return Batch(self._place, self._records, self._invented, tuple(self._notes), enveloped=True)

    def _emit_feedback(
        self,
        message_id: str | None,
        aspect: str,
        value: NamedRecord | None,
        kind: ValueKind,
        given: dict[str, Any],
    ) -> str:
        self._begin()
        given.setdefault("feedback_id", self._id(f"feedback {len(self._records)}"))
        return super()._emit_feedback(message_id, aspect, value, kind, given)

    def _emit_event(self, build: Callable[[dict[str, Any]], NamedRecord], given: dict[str, Any]) -> str:
        self._begin()
        given.setdefault("event_id", self._id(f"event {len(self._records)}"))
        return super()._emit_event(build, given)

    def _emit_body(self, returned: str, body: NamedRecord, options: dict[str, Any]) -> str:
        self._append_event(body, options)
        return returned

    def _begin(self) -> None:
        # Called before any id is made: ids contain the number of events so far.
        if not self._records:
            self.start()

    def _append_event(self, body: NamedRecord, options: dict[str, Any]) -> None:
        at, event_id = options.get("occurred_at"), options.get("event_id")
        if event_id is not None:
            check_id(event_id, "event_id")  # here, as the batch promises a valid envelope
        if at is None:
            self._invented += 1
            self.now += _pause_before(*body) if self._pause is None else self._pause
            problem = range_problem(self.now)  # a file's pauses may be of any length
            if problem is not None:
                refuse("occurred_at", problem)
        else:
            self.now = micros_of_zoned(at)
        self._pause = None
        number = len(self._records)
        self._records.append(
            {
                "event_id": event_id or self._id(f"event {number}"),
                "application": self.application,
                "conversation_id": self.conversation_id,
                "occurred_at": self.now,
                "producer": "import",
                "sequence": number,
                "source": "import",
                "body": body,
            }
        )


def _pause_before(name: str, body: Record) -> int:
    if name == START_CONVERSATION:
        return 0
    if name != ADD_MESSAGE:
        return _SECOND
    slow = _WRITING_MICROS if body["role"] == "user" else _READING_MICROS
    content = body["content"]
    length = len(content) if isinstance(content, str) else 0  # anything else is refused later
    return _SECOND + min(_LONGEST_TURN, length * slow)
