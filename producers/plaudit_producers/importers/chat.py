"""Build one conversation of an imported file with the methods of the SDK's handles."""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, SupportsFloat, Unpack

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.field_types import ValueKind
from plaudit_schemas.contract.names import ADD_MESSAGE, NUMBER, START_CONVERSATION
from plaudit_schemas.contract.records import check_id, refuse
from plaudit_schemas.contract.times import range_problem

from plaudit_producers.importers.ids import invented_start
from plaudit_producers.importers.model import Batch, ImportOptions, Place
from plaudit_producers.importers.naming import Naming, is_placeholder, placeholder
from plaudit_producers.importers.seen_chats import SeenChats
from plaudit_producers.sdk.bodies import (
    CompareOptions,
    FeedbackOptions,
    MessageOptions,
    NamedRecord,
    StartOptions,
    micros_of_zoned,
    start_body,
    take_event_options,
)
from plaudit_producers.sdk.conversation import ConversationHandle
from plaudit_producers.sdk.values import error_of_unfit

DERIVED: Final = "derived by the import: "
"""The prefix of the rubric of feedback that the file implies but does not state."""

_SECOND: Final = 1_000_000
# For each character of a message, when the file has no times.
_READING_MICROS: Final = 20_000
_WRITING_MICROS: Final = 100_000
_LONGEST_TURN: Final = 120 * _SECOND
_ROW_DIGITS: Final = 9


class Chat(ConversationHandle[str]):
    """Collects one conversation's events. Ids and invented times are derived from the record alone.

    It has the methods of the SDK's `Conversation`, with the same keywords. Each returns an id, which stands
    for the final one until `batch` is called: pass it to other methods, and into no text. The parent of a
    message is the message added before it, unless `parent_id` is given. An event without `occurred_at` gets a
    time that follows from the length of its text.

    Ids follow from what is said (docs/decisions/0052). Call `identify` if the file has an id for the chat;
    otherwise the texts of all messages identify it. Pass `message_id` if the file has ids for messages.

    Args:
        format_name: part of every id, so that two formats never make the same id.
        seen: what the import has seen before; None for a chat on its own.

    Attributes:
        last: the id of the newest message; empty before the first.
        now: the time of the last event, in microseconds since 1970.
    """

    __slots__ = (
        "_answers",
        "_calls",
        "_identity",
        "_invented",
        "_made",
        "_more",
        "_name",
        "_notes",
        "_options",
        "_pause",
        "_place",
        "_records",
        "_same",
        "_seen",
        "_version",
        "_versions",
        "last",
        "now",
    )

    def __init__(
        self, place: Place, options: ImportOptions, format_name: str, seen: SeenChats | None = None
    ) -> None:
        self.now = invented_start(place.number)
        self._place, self._options, self._name = place, options, format_name
        self._seen = seen or SeenChats()
        self._identity: tuple[str, ...] = ()
        self._records: list[Record] = []
        self._answers: dict[str, int] = {}
        self._same: Counter[tuple[str, ...]] = Counter()
        self._more: list[Chat] = []
        self._notes: list[str] = []
        self._invented = self._made = self._calls = 0
        self._pause: int | None = None
        self._version = ""
        self._versions: dict[str, str] = {}
        self.last = ""
        super().__init__(options.application or "import", placeholder("conversation", 0))

    def identify(self, *own: Any) -> None:
        """Say the file's own id of this chat, in one or several parts. Two records of one id share one chat.

        A None or an empty text among the parts means that the file has none here. So does a single row
        number, such as 7: the next file has it, too, for another chat. The first call holds.
        """
        if self._identity or any(part in (None, "") for part in own) or _is_row_number(own):
            return
        self._identity = tuple(map(str, own))

    def identify_by_field(self, value: Any) -> None:
        """Say the id that the user pointed to with `ImportOptions.id_field`. Any value is one.

        Raises:
            ValueError: it is empty.
        """
        if value in (None, ""):
            raise ValueError("the field that identifies the chat is empty")
        self._identity = ("field", repr(value))

    def another(self) -> "Chat":
        """Return a further chat of the same record. Like this one, it is left out if it stays empty."""
        chat = Chat(self._place, self._options, self._name, self._seen)
        self._more.append(chat)
        return chat

    def start(self, **fields: Unpack[StartOptions]) -> None:
        """Start the conversation, with the import's tags and consent. Else the first event starts it."""
        given: dict[str, Any] = {**fields}
        options = take_event_options(given)
        self._options.complete(given)
        self._append_event(start_body(given), options)

    def add_message(self, role: str, content: str | None, **fields: Unpack[MessageOptions]) -> str:
        """Add a message. Returns its id, which `last` keeps as the parent of the next message.

        Raises:
            ValueError: there is no content; an empty text is one.
        """
        self._begin()
        if content is None:
            count = sum(record["body"][0] == ADD_MESSAGE for record in self._records)
            raise ValueError(f"message {count + 1}, of role {role}, has no content")
        given: dict[str, Any] = {"parent_id": self.last, **fields}
        given.setdefault("message_id", self._make("message"))
        self.last = given["message_id"]
        return super().add_message(role, content, **given)

    def add_answer(self, role: str, content: str | None, **fields: Unpack[MessageOptions]) -> str:
        """Add one of several answers to `parent_id`, by default to `last`, which stays. Returns its id.

        Without a `message_id` it is named by its text, so the order of the answers does not matter.
        """
        parent = self.last
        given: dict[str, Any] = {"parent_id": parent, **fields}
        given.setdefault(
            "message_id", self._name_answer(given["parent_id"], role, content, given.get("tool_calls"))
        )
        try:
            return self.add_message(role, content, **given)
        finally:
            self.last = parent

    def rate(
        self,
        message_id: str | None,
        number: SupportsFloat,
        *,
        minimum: SupportsFloat = 1,
        maximum: SupportsFloat = 5,
        aspect: str = "satisfaction",
        raters: int | None = None,
        **fields: Unpack[FeedbackOptions],
    ) -> str:
        """Give a number from `minimum` to `maximum`. Returns the feedback's id.

        Whether the minimum is the worst follows from the direction of a declared aspect.

        Args:
            raters: of how many raters the number is the mean; None is one rater's own number.
        """
        value: dict[str, Any] = {"number": number, "minimum": minimum, "maximum": maximum}
        if raters is not None:
            value["raters"] = raters
        return self._emit_feedback(message_id, aspect, (NUMBER, value), "number", {**fields})

    def compare(
        self,
        candidates: Sequence[str],
        ranking: Sequence[str | Sequence[str]],
        **fields: Unpack[CompareOptions],
    ) -> str:
        """Compare messages. Returns the comparison's id. See `ConversationHandle.compare`."""
        self._begin()
        given: dict[str, Any] = {**fields}
        given.setdefault("comparison_id", self._make("comparison"))
        return super().compare(candidates, ranking, **given)

    def compare_answers(
        self,
        best_first: Sequence[str],
        *,
        role: str = "assistant",
        **fields: Unpack[CompareOptions],
    ) -> list[str]:
        """Add rival answers to the last message, and their ranking. Returns their ids, best first.

        The answers are added in an order that the seed shuffles, since files list the winner first. They are
        named by their texts, so a second import with another seed or another ranking adds no message.
        """
        ids = [self._name_answer(self.last, role, answer) for answer in best_first]
        order = self.shuffled(best_first)
        for rank in order:
            self.add_answer(role, best_first[rank], message_id=ids[rank])
        self.compare([ids[rank] for rank in order], ids, **fields)
        return ids

    def shuffled(self, answers: Sequence[Any]) -> list[int]:
        """Return the positions of answers in an order that follows from the seed and the answers alone.

        The order in which the file has them does not matter, as that may tell which one is best.
        """
        texts = list(map(repr, answers))
        order = sorted(range(len(texts)), key=texts.__getitem__)
        # Seeded for each chat, so that the order does not depend on the records before it.
        Random(f"{self._options.seed}/{sorted(texts)}").shuffle(order)
        return order

    def new_call_id(self) -> str:
        """Return an id for a tool call that has none in the file."""
        self._calls += 1
        return f"made-call-{self._calls}"

    def wait(self, seconds: float) -> None:
        """Put the next event this many seconds after the last one, unless it has its own time."""
        self._pause = round(seconds * _SECOND)

    def speak_as_of(self, version: str) -> None:
        """Say of which version of the file's record the following events are; empty for none.

        The version is part of their ids. So what was said, changed and changed back is said again.
        """
        self._version = version

    def note(self, text: str) -> None:
        """Add a note on this record to the import's report."""
        self._notes.append(text)

    def batch(self) -> Batch:
        """Name and return all events. Nothing can be added afterwards."""
        naming = Naming(self._records, self._answers, self._versions)
        self.conversation_id = naming.name_all(self._name, self._identity, self._seen, self._options.again)
        if self._identity:
            self._notes += self._seen.notes_on(self._place.line, self.conversation_id, naming.contents)
        return Batch(self._place, self._records, self._invented, tuple(self._notes), enveloped=True)

    def batches(self) -> list[Batch]:
        """Return the batches of this chat and of its `another` ones, without those that are empty."""
        return [chat.batch() for chat in (self, *self._more) if not chat.is_empty()]

    def is_empty(self) -> bool:
        """Whether nothing was added so far."""
        return not self._records

    def _emit_feedback(
        self,
        message_id: str | None,
        aspect: str,
        value: NamedRecord | None,
        kind: ValueKind,
        given: dict[str, Any],
    ) -> str:
        self._begin()
        given.setdefault("feedback_id", self._make("feedback"))
        return super()._emit_feedback(message_id, aspect, value, kind, given)

    def _emit_event(self, build: Callable[[dict[str, Any]], NamedRecord], given: dict[str, Any]) -> str:
        self._begin()
        given.setdefault("event_id", self._make("event"))
        return super()._emit_event(build, given)

    def _own_id(self, value: Any, field: str) -> Any:  # noqa: ARG002  # an import repairs nothing
        return value

    def _emit_body(self, returned: str, body: NamedRecord, options: dict[str, Any]) -> str:
        self._append_event(body, options)
        return returned

    def _begin(self) -> None:
        if not self._records:
            self.start()

    def _make(self, kind: str) -> str:
        self._made += 1
        return placeholder(kind, self._made)

    def _name_answer(self, parent_id: str | None, role: str, content: str | None, calls: Any = None) -> str:
        made = self._make("answer")
        which = (str(parent_id), role, str(content), repr(calls or []))
        self._answers[made] = self._same[which]
        self._same[which] += 1
        return made

    def _append_event(self, body: NamedRecord, options: dict[str, Any]) -> None:
        unfit = error_of_unfit((body, options))
        if unfit is not None:
            raise unfit
        at, event_id = options.get("occurred_at"), options.get("event_id")
        if event_id is not None and not is_placeholder(event_id):
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
        event_id = event_id or self._make("event")
        if self._version:
            self._versions[event_id] = self._version
        self._records.append(
            {
                "event_id": event_id,
                "application": self.application,
                "conversation_id": self.conversation_id,
                "occurred_at": self.now,
                # No sequence: of two imports of a changed file, what the later one says must hold.
                "producer": "import",
                "source": "import",
                "body": body,
            }
        )


def _is_row_number(own: tuple[Any, ...]) -> bool:
    return len(own) == 1 and len(str(own[0])) <= _ROW_DIGITS and str(own[0]).isdecimal()


def _pause_before(name: str, body: Record) -> int:
    if name == START_CONVERSATION:
        return 0
    if name != ADD_MESSAGE:
        return _SECOND
    slow = _WRITING_MICROS if body["role"] == "user" else _READING_MICROS
    content = body["content"]
    length = len(content) if isinstance(content, str) else 0  # anything else is refused later
    return _SECOND + min(_LONGEST_TURN, length * slow)
