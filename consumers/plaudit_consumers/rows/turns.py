"""The order of the speakers in a prompt: whether they alternate, and turns that can be joined. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

JOINT: Final = "\n\n"
"""What stands between the texts of turns that are joined."""


class OrderedTurn(NamedTuple):
    """One turn, as far as its order matters.

    Attributes:
        calls: whether the assistant calls tools in it.
    """

    role: str
    calls: bool = False


def alternates(turns: Sequence[OrderedTurn]) -> bool:
    """Whether user and assistant alternate, starting with the user, after an optional system turn.

    Calls of tools and the tools' answers are left out of account, as in the chat templates that refuse
    everything else.
    """
    rest = turns[1:] if turns and turns[0].role == "system" else turns
    speakers = [turn.role for turn in rest if turn.role != "tool" and not turn.calls]
    return all(role == ("user", "assistant")[at % 2] for at, role in enumerate(speakers))


def joined_groups(turns: Sequence[OrderedTurn]) -> list[range]:
    """The places of turns that are joined into one: neighbours of one role.

    Turns of tools stay apart, because each answers its own call. So does what follows a call, because the
    call's answer is missing.
    """
    groups: list[range] = []
    for at, turn in enumerate(turns):
        before = turns[at - 1] if at else None
        joins = before is not None and before.role == turn.role != "tool" and not before.calls
        groups.append(range(groups.pop().start, at + 1) if joins else range(at, at + 1))
    return groups
