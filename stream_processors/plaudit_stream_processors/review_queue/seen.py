"""Messages of a conversation as the selection of items looks at them. Pure."""

from collections.abc import Iterator
from typing import Any

from plaudit_schemas.review.answers import ITEM_KEY
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.selection import ItemFacts, SeenMessage, control_targets, target_of
from plaudit_schemas.review.targets import ReviewTarget, item_id

from plaudit_stream_processors.fold import ConversationState

Entity = dict[str, Any]


def seen_message(state: ConversationState, message: Entity) -> SeenMessage:
    """A message of the state."""
    return SeenMessage(
        state.conversation_id,
        message["message_id"],
        message["role"],
        message["status"],
        message["parent_id"],
        complete_answers(state, message["parent_id"]) if message["role"] == "assistant" else (),
        ITEM_KEY in message.get("metadata", ()),
    )


def complete_answers(state: ConversationState, parent_id: str) -> tuple[str, ...]:
    """The ids of the complete answers to a message, in the log's order."""
    answers = (state.messages[answer] for answer in state.children.get(parent_id, ()))
    return tuple(answer["message_id"] for answer in answers if answer["status"] == "complete")


def messages_of_target(state: ConversationState, target: ReviewTarget) -> list[Entity]:
    """The messages that a target asks about, those that the state knows."""
    if target.kind == "conversation":
        return list(state.messages.values())
    ids = complete_answers(state, target.message_id) if target.kind == "answers" else (target.message_id,)
    return [state.messages[message_id] for message_id in ids if message_id in state.messages]


def facts_of(state: ConversationState, target: ReviewTarget) -> ItemFacts:
    """What a filter asks of a target: who answered, in which arms, and the tags."""
    if target.kind == "prompt":
        about = [state.messages[answer] for answer in state.children.get(target.message_id, ())]
    else:
        about = messages_of_target(state, target)
    answers = [message for message in about if message["role"] == "assistant"]
    default = state.facts.get("model")
    models = [message.get("model", default) for message in answers]
    variants = dict(state.facts.get("variants", {}))
    for answer in answers:
        variants |= answer.get("variants", {})
    return ItemFacts([model["id"] for model in models if model], variants, state.facts.get("tags", {}))


def targets_in(state: ConversationState, rubric: Rubric) -> Iterator[ReviewTarget]:
    """All targets of a conversation, some more than once. Targets of controls that it could hold too."""
    for message in state.messages.values():
        target = target_of(rubric, seen_message(state, message))
        if target is not None:
            yield target
    for target in control_targets(rubric):
        if target.conversation_id == state.conversation_id:
            yield target


def targets_by_item(state: ConversationState, rubric: Rubric) -> dict[str, ReviewTarget]:
    """Item id -> target, of all targets of a conversation."""
    return {item_id(rubric.application, rubric.name, target): target for target in targets_in(state, rubric)}
