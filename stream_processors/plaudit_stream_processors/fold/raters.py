"""Who rates: slots of raters, and the conversation's user under two names."""

from typing import Any

from plaudit_schemas.contract.words import rater_slot, slot_name

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.rules import CLOCKS_VERSION

Feedback = dict[str, Any]


def slot_of(state: ConversationState, message_id: str, feedback: Feedback, version: int) -> str:
    """The name of the slot that a feedback fills (`contract.words.rater_slot`).

    Under rules version 1 it has the rater as named, without the version of a judge.
    """
    rater = feedback["rater"]
    if version < CLOCKS_VERSION:
        return slot_name(message_id, rater["kind"], rater.get("id", ""), feedback)
    slot = rater_slot(message_id, feedback, state.facts.get("user_id"))
    judge = rater.get("version", "")
    if rater["kind"] != "model" or not judge:
        return slot
    plain = slot_name(message_id, "model", rater.get("id", ""), feedback)
    known = state.feedback.get(plain)
    # A slot of rules version 1 that this version of the judge filled goes on.
    if known is not None and known["feedback"]["rater"].get("version", "") == judge:
        return plain
    return slot


def slots_of_user(state: ConversationState, user_id: str) -> list[str]:
    """The slots of raters of kind user that name this user by id."""
    return [
        slot
        for slot, entity in state.feedback.items()
        if entity["feedback"]["rater"]["kind"] == "user"
        and entity["feedback"]["rater"].get("id", "") == user_id
        and not entity.get("joined")
    ]
