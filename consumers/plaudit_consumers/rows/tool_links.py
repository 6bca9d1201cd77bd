"""Ties the calls of tools to the tools' answers, and gives ids to those that lack one. Pure."""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple


class ToolTurn(NamedTuple):
    """A turn of a chat, as far as tools are concerned.

    Attributes:
        calls: the id of each call; empty or None if it has none.
        answers: the id of the call that a tool's turn answers; empty or None if it names none.
    """

    role: str
    calls: Sequence[str | None] = ()
    answers: str | None = None


class Link(NamedTuple):
    """What a turn has after linking.

    Attributes:
        calls: the id of each call.
        answers: the id of the call that is answered; None if there is no call to answer.
        answered: the number of that call in the chat; None if there is none, or nobody made it.
    """

    calls: Sequence[str] = ()
    answers: str | None = None
    answered: int | None = None


def link_calls(turns: Sequence[ToolTurn]) -> list[Link]:
    """The links of each turn.

    A tool's turn answers the call that it names. One that names none, or a call that nobody made, answers the
    next open call before it.
    """
    calls = _Calls()
    numbers = [calls.read(turn) for turn in turns]
    ids = calls.ids()
    return [
        Link(tuple(ids[number] for number in made), _answered_id(ids, answered, turn), answered)
        for turn, (made, answered) in zip(turns, numbers, strict=True)
    ]


def _answered_id(ids: Sequence[str], answered: int | None, turn: ToolTurn) -> str | None:
    return (turn.answers or None) if answered is None else ids[answered]


class _Calls:
    """The calls of a chat, numbered in order."""

    def __init__(self) -> None:
        self._ids: list[str | None] = []
        self._open: list[int] = []
        self._is_answering = False

    def read(self, turn: ToolTurn) -> tuple[range, int | None]:
        """The numbers of the calls that a turn makes, and of the one that it answers."""
        if turn.role == "tool":
            self._is_answering = True
            return range(0), self._answer(turn.answers)
        if self._is_answering:  # the round of calls is over, whether all were answered or not
            self._open.clear()
            self._is_answering = False
        first = len(self._ids)
        self._ids += [call or None for call in turn.calls]
        made = range(first, len(self._ids))
        self._open += made
        return made, None

    def _answer(self, name: str | None) -> int | None:
        ids = self._ids
        fitting = [number for number in self._open if name and ids[number] == name]
        # An answer with an unknown id may be to a call without one, but never to a call of another name.
        fitting = fitting or [number for number in self._open if not name or ids[number] is None]
        if not fitting:
            return None
        number = fitting[0]
        self._open.remove(number)
        if name:
            ids[number] = name
        return number

    def ids(self) -> list[str]:
        """The id of each call. Nine letters and digits, which is what Mistral's templates ask for."""
        taken = set(self._ids)
        made = (name for number in count(1) if (name := f"call{number:05d}") not in taken)
        return [name or next(made) for name in self._ids]
