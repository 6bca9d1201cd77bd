"""Which events make items of a rubric, and why. Pure.

What was selected stays selected: an event is judged by itself, and a later event takes no item away.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    START_CONVERSATION,
    UPDATE_CONVERSATION,
    UPDATE_MESSAGE,
)
from plaudit_schemas.review.changes import NewItem, Reason
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.selection import (
    asks_for_feedback,
    control_targets,
    fits,
    needs_facts,
    reasons_of_feedback,
    reasons_of_target,
    target_of,
)
from plaudit_schemas.review.targets import ReviewTarget, item_id

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.review_queue.acceptance import AcceptedEvent
from plaudit_stream_processors.review_queue.context import context_of
from plaudit_stream_processors.review_queue.seen import facts_of, seen_message

Body = dict[str, Any]

HOUR_MS: Final = 3_600_000
_URGENCY_MS: Final[Mapping[Reason, int]] = {
    "sent": 7 * 24 * HOUR_MS,
    "disagreement": 24 * HOUR_MS,
    "disliked": 24 * HOUR_MS,
    "unsure": 12 * HOUR_MS,
}
"""By how much an item goes before those that came with it."""


class ItemFinder:
    """Finds the items of one rubric.

    Attributes:
        rubric: what selects.
        sent: targets that people have sent to the queue.
    """

    def __init__(self, rubric: Rubric, salt: bytes | None, sent: Collection[ReviewTarget] = ()) -> None:
        """`salt` is None if the rubric has no random share."""
        self.rubric, self.sent = rubric, frozenset(sent)
        self._salt = salt
        self._controls = frozenset(control_targets(rubric))
        self._finders: dict[str, Callable[[AcceptedEvent, Body], Iterable[_Found]]] = {
            ADD_MESSAGE: self._of_message,
            UPDATE_MESSAGE: self._of_feedback,
            START_CONVERSATION: self._of_facts,
            UPDATE_CONVERSATION: self._of_facts,
        }

    def find(self, accepted: AcceptedEvent) -> Iterator[tuple[ReviewTarget, tuple[Reason, ...]]]:
        """The targets that an event makes items, with the reasons; a target may come more than once."""
        name, body = accepted.event["body"]
        if name in self._finders and not accepted.state.erased:
            yield from (
                (target, reasons) for target, reasons in self._finders[name](accepted, body) if reasons
            )

    def reasons_to_exist(self, state: ConversationState, target: ReviewTarget) -> tuple[Reason, ...]:
        """Why a target is an item by its mere existence: random, everything, sent, control."""
        fitting = fits(self.rubric.select.filter, facts_of(state, target))
        reasons = reasons_of_target(self.rubric, target, self._salt) if fitting else ()
        named: list[Reason] = []
        if target in self.sent:
            named.append("sent")
        if target in self._controls:
            named.append("control")
        return (*reasons, *named)

    def targets_of_message(self, state: ConversationState, message_id: str) -> Iterator[ReviewTarget]:
        """The targets that a message belongs to as the selection has them."""
        message = state.messages.get(message_id)
        if message is None:
            return
        for one in (message, state.messages.get(message["parent_id"])):
            # What a prompt's filter asks for comes with the answer to it.
            if one is not None and (one is message or self.rubric.target == "prompt"):
                target = target_of(self.rubric, seen_message(state, one))
                if target is not None:
                    yield target
        named = ReviewTarget(self.rubric.target, state.conversation_id, message_id)
        if named in self._controls:  # such as an answer that a reviewer wrote
            yield named

    def _of_message(self, accepted: AcceptedEvent, body: Body) -> Iterator["_Found"]:
        state = accepted.state
        for target in self.targets_of_message(state, body["message_id"]):
            yield target, self.reasons_to_exist(state, target)
        if asks_for_feedback(self.rubric.select):
            # Feedback may come before its message, or before its message is complete.
            for slot in state.slots_of.get(body["message_id"], ()):
                yield from self._by_feedback(state, body["message_id"], state.feedback[slot]["feedback"])

    def _of_facts(self, accepted: AcceptedEvent, _body: Body) -> Iterator["_Found"]:
        if not needs_facts(self.rubric):
            return
        for message_id in accepted.state.messages:
            yield from self._of_message(accepted, {"message_id": message_id})

    def _of_feedback(self, accepted: AcceptedEvent, body: Body) -> Iterator["_Found"]:
        if asks_for_feedback(self.rubric.select):
            yield from self._by_feedback(accepted.state, body.get("message_id", ""), body["feedback"])

    def _by_feedback(self, state: ConversationState, message_id: str, feedback: Body) -> Iterator["_Found"]:
        slots = state.slots_of.get(message_id, ())
        reasons = reasons_of_feedback(
            self.rubric, feedback, [state.feedback[slot]["feedback"] for slot in slots]
        )
        if not reasons:
            return
        for target in self._judged_targets(state, message_id):
            if fits(self.rubric.select.filter, facts_of(state, target)):
                yield target, reasons

    def _judged_targets(self, state: ConversationState, message_id: str) -> list[ReviewTarget]:
        """The targets that feedback on a message is about; an empty id is the whole conversation."""
        if self.rubric.target != "conversation":
            return list(self.targets_of_message(state, message_id))
        found = (target_of(self.rubric, seen_message(state, one)) for one in state.messages.values())
        return [target for target in found if target is not None][:1]


_Found = tuple[ReviewTarget, tuple[Reason, ...]]


class FoundItems:
    """The items that a batch makes, each once."""

    def __init__(self, rubric: Rubric) -> None:
        self._rubric = rubric
        self._found: dict[ReviewTarget, tuple[ConversationState, dict[Reason, None], int]] = {}

    def add(
        self, target: ReviewTarget, reasons: Iterable[Reason], state: ConversationState, arrived_ms: int
    ) -> None:
        """Add an item, or reasons to one."""
        _, known, first_ms = self._found.get(target, (state, {}, arrived_ms))
        self._found[target] = state, known | dict.fromkeys(reasons), min(first_ms, arrived_ms)

    def items(self) -> list[NewItem]:
        """All that were added, with their contexts."""
        return [
            NewItem(
                item_id(self._rubric.application, self._rubric.name, target),
                target,
                tuple(reasons),
                arrived_ms - max(_URGENCY_MS.get(reason, 0) for reason in reasons),
                context_of(state, target),
            )
            for target, (state, reasons, arrived_ms) in self._found.items()
            if not state.erased
        ]


def topic_items(rubric: Rubric, targets: Iterable[ReviewTarget], now_ms: int) -> list[NewItem]:
    """The items of a rubric for writing."""
    return [
        NewItem(item_id(rubric.application, rubric.name, target), target, ("everything",), now_ms, b"{}")
        for target in targets
    ]
