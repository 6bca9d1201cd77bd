"""Whole transcripts that begin alike and then differ, as branches of one conversation."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from plaudit_producers.importers.chat import Chat


class BranchTurn(NamedTuple):
    """A message of a transcript, and the further fields of `Chat.add_message`."""

    role: str
    content: str
    fields: Mapping[str, Any] = {}


def add_branches(chat: Chat, branches: Sequence[Sequence[BranchTurn]]) -> list[str]:
    """Add transcripts below the newest message. Returns the id of each one's last message.

    Turns with which all begin alike are one message. The last turn of each is always a message of its own,
    since it is what was judged. A message that all share has no model, unless all have the same.

    Raises:
        ValueError: a transcript is empty.
    """
    if not all(branches):
        raise ValueError("a conversation must hold at least one message")
    shared = _shared(branches)
    for turns in zip(*(branch[:shared] for branch in branches), strict=True):
        models = {str(turn.fields.get("model")) for turn in turns}
        fields = {**turns[0].fields, **({"model": None} if len(models) > 1 else {})}
        chat.add_message(turns[0].role, turns[0].content, **fields)
    fork, ends = chat.last, []
    for branch in branches:
        chat.last = fork
        for turn in branch[shared:]:
            chat.add_message(turn.role, turn.content, **turn.fields)
        ends.append(chat.last)
    return ends


def _shared(branches: Sequence[Sequence[BranchTurn]]) -> int:
    """The number of turns with which all begin, without the last turn of any."""
    most = min(len(branch) for branch in branches) - 1
    for number in range(most):
        turns = {(branch[number].role, branch[number].content) for branch in branches}
        if len(turns) > 1:
            return number
    return most
