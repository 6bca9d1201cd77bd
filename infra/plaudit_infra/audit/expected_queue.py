"""What the queue of a rubric must hold by the log: the random share, and who has judged what. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    ERASE_CONVERSATION,
    START_CONVERSATION,
    UPDATE_CONVERSATION,
)
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.review.changes import LoggedVerdict
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.selection import fits, in_random_share, needs_facts, target_of
from plaudit_schemas.review.targets import ReviewTarget, item_id
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.review_queue.acceptance import AcceptedEvent
from plaudit_stream_processors.review_queue.seen import facts_of, seen_message
from plaudit_stream_processors.review_queue.verdicts import said_of_item


class ExpectedQueue:
    """One partition's part of a queue, from the events that the fold took.

    Attributes:
        drawn: items of the random share -> their targets.
        unsure: conversations that are not compared: their tags were changed, and the rubric asks for tags.
    """

    def __init__(self, rubric: Rubric, salt: bytes | None) -> None:
        """`salt` is None if the rubric has no random share."""
        self.rubric, self._salt = rubric, salt
        self.drawn: dict[str, ReviewTarget] = {}
        self.unsure: set[str] = set()
        self._answers: dict[tuple[str, str], dict[str, Any]] = {}
        self._conversations: dict[str, set[str]] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def observe(self, record: KafkaRecord, event: Record, state: ConversationState) -> None:
        """Take an accepted event, with the state after it."""
        name, body = event["body"]
        if event["application"] != self.rubric.application:
            return
        if name == ERASE_CONVERSATION:
            self._erase(state.conversation_id)
            return
        if name == ADD_MESSAGE:
            self._draw(state, [body["message_id"]])
        elif name in (START_CONVERSATION, UPDATE_CONVERSATION) and needs_facts(self.rubric):
            self._note_tags(state, body.get("tags", {}))
            self._draw(state, state.messages)
        self._add_words(AcceptedEvent(record.offset, record.timestamp, event, state))

    def judged(self) -> set[tuple[str, str]]:
        """Item and reviewer, of all answers that are not withdrawn."""
        return {
            place
            for place, answers in self._answers.items()
            if any(answer is not None for answer in answers.values())
        }

    def _draw(self, state: ConversationState, message_ids: Iterable[str]) -> None:
        if self._salt is None:
            return
        for message in (state.messages.get(each) for each in list(message_ids)):
            # What a prompt's filter asks for comes with the answer to it.
            parent = None if message is None else state.messages.get(message["parent_id"])
            for one in (message, parent if self.rubric.target == "prompt" else None):
                target = None if one is None else target_of(self.rubric, seen_message(state, one))
                if target is not None and self._belongs(state, target):
                    self.drawn[item_id(self.rubric.application, self.rubric.name, target)] = target

    def _belongs(self, state: ConversationState, target: ReviewTarget) -> bool:
        drawn = self._salt is not None and in_random_share(self._salt, self.rubric, target)
        return drawn and fits(self.rubric.select.filter, facts_of(state, target))

    def _note_tags(self, state: ConversationState, tags: Mapping[str, str]) -> None:
        if not self.rubric.select.filter.tags:
            return
        known = self._tags.setdefault(state.conversation_id, {})
        if any(known.get(tag, text) != text for tag, text in tags.items()):
            self.unsure.add(state.conversation_id)
        known.update(tags)

    def _add_words(self, accepted: AcceptedEvent) -> None:
        said = said_of_item(self.rubric, accepted)
        if said is None or said.settles or not isinstance(said.words, LoggedVerdict):
            return
        self._answers.setdefault((said.item, said.words.reviewer), {}).update(said.words.answers)
        self._conversations.setdefault(accepted.state.conversation_id, set()).add(said.item)

    def _erase(self, conversation_id: str) -> None:
        self.drawn = {
            item: target for item, target in self.drawn.items() if target.conversation_id != conversation_id
        }
        gone = self._conversations.pop(conversation_id, set())
        if self.rubric.target != "topic":  # the item of a topic stays, and so does what was said of it
            self._answers = {place: said for place, said in self._answers.items() if place[0] not in gone}


def queue_differences(
    expected: ExpectedQueue, items: Mapping[str, ReviewedItem], unsure: Iterable[str]
) -> Iterator[str]:
    """How a queue differs from what the log makes of one partition, a sentence for each difference.

    Args:
        items: of the partition's conversations, and those of no conversation.
        unsure: further conversations that cannot be compared.
    """
    skipped = expected.unsure.union(unsure)
    drawn = {item for item, target in expected.drawn.items() if target.conversation_id not in skipped}
    held = {
        each.id
        for each in items.values()
        if "random" in each.reasons and each.target.conversation_id not in skipped
    }
    for item in sorted(drawn - held):
        yield f"{_named(expected.drawn[item])} belongs to the random share, and is not in the queue ({item})"
    for item in sorted(held - drawn):
        what = _named(items[item].target)
        yield f"{what} is in the queue for the random share, and does not belong to it ({item})"
    known = judged_in(items.values())
    for item, reviewer in sorted(expected.judged() - known):
        if item in items:
            yield f"{reviewer} has judged {item}, and the queue does not know it"


def judged_in(items: Iterable[ReviewedItem]) -> set[tuple[str, str]]:
    """Item and reviewer, of all answers in a queue."""
    return {(each.id, reviewer) for each in items for reviewer in (*each.verdicts, *each.surplus)}


def _named(target: ReviewTarget) -> str:
    return f"{target.kind} {target.conversation_id}/{target.message_id}".rstrip("/")
