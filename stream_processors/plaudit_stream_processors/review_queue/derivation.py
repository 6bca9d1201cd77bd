"""What one batch does to the queue of one rubric. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from plaudit_schemas.contract.names import ERASE_CONVERSATION
from plaudit_schemas.review.changes import LoggedDecline, LoggedVerdict, QueueChanges
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ReviewTarget, item_id

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.review_queue.acceptance import AcceptedEvent
from plaudit_stream_processors.review_queue.items import FoundItems, ItemFinder
from plaudit_stream_processors.review_queue.seen import targets_by_item
from plaudit_stream_processors.review_queue.verdicts import machine_words, said_of_item


@dataclass
class Derivation:
    """What a batch does to a queue, event by event.

    Attributes:
        unmatched: words on items that are no targets of their conversation, as far as it is known.
    """

    finder: ItemFinder
    unmatched: int = 0
    _verdicts: list[LoggedVerdict] = field(default_factory=list)
    _adjudications: list[LoggedVerdict] = field(default_factory=list)
    _declines: list[LoggedDecline] = field(default_factory=list)
    _erased: dict[str, None] = field(default_factory=dict)
    _targets: dict[str, Mapping[str, ReviewTarget]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rubric = self.finder.rubric
        self._items = FoundItems(self._rubric)

    def add_events(self, events: Iterable[AcceptedEvent]) -> QueueChanges:
        """Take the events of a batch, in order, and return what they do."""
        for accepted in events:
            if accepted.event["application"] == self._rubric.application:
                self._add(accepted)
        erased = self._erased
        items = [item for item in self._items.items() if item.target.conversation_id not in erased]
        return QueueChanges(items, self._verdicts, self._adjudications, self._declines, tuple(erased))

    def _add(self, accepted: AcceptedEvent) -> None:
        if accepted.event["body"][0] == ERASE_CONVERSATION:
            self._erased[accepted.event["conversation_id"]] = None
            return
        for target, reasons in self.finder.find(accepted):
            self._items.add(target, reasons, accepted.state, accepted.arrived_ms)
        self._add_words(accepted)

    def _add_words(self, accepted: AcceptedEvent) -> None:
        said = said_of_item(self._rubric, accepted)
        if said is None:
            return
        target = self._target(accepted, said.item)
        if target is not None and target.kind != "topic" and not accepted.state.erased:
            self._items.add(target, ("answered",), accepted.state, accepted.arrived_ms)
        self.unmatched += target is None
        if isinstance(said.words, LoggedDecline):
            self._declines.append(said.words)
        elif said.words is not None:
            verdict = said.words._replace(machine=machine_words(accepted.state, target))
            (self._adjudications if said.settles else self._verdicts).append(verdict)

    def _target(self, accepted: AcceptedEvent, item: str) -> ReviewTarget | None:
        """The target of an item of the event's conversation; None if the item is not of it."""
        state = accepted.state
        if self._rubric.target == "topic":
            return ReviewTarget("topic", "", "")  # the rubric alone makes these items
        if state.key not in self._targets or item not in self._targets[state.key]:
            self._targets[state.key] = targets_by_item(state, self._rubric)
        return self._targets[state.key].get(item) or self._guessed(state, accepted, item)

    def _guessed(self, state: ConversationState, accepted: AcceptedEvent, item: str) -> ReviewTarget | None:
        """The target of an item whose messages are not known, by what the event names."""
        message_id = accepted.event["body"][1].get("message_id", "")
        for named in {message_id, ""}:
            target = ReviewTarget(self._rubric.target, state.conversation_id, named)
            if item_id(self._rubric.application, self._rubric.name, target) == item:
                return target
        return None


def cares(rubrics: Collection[Rubric], application: str) -> bool:
    """Whether an event of this application can do anything to the queue of one of the rubrics."""
    return any(rubric.application == application for rubric in rubrics)
