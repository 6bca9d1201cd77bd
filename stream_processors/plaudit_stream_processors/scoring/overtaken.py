"""Answers that came before a message on their way to the root, such as their question."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

from plaudit_stream_processors.scoring.answers import NewAnswer

_MOST: Final = 10_000


class _Place(NamedTuple):
    key: str
    message_id: str


class OvertakenMessages:
    """Remembers which answers to score again once a message comes that they overtook.

    Two producers, such as a page and a backend, may overtake each other. Such an answer is scored at once,
    without the message, and again when it comes: the second score takes the place of the first. A scorer that
    is started again has forgotten the answers that still wait; their first score stays.
    """

    def __init__(self, most: int = _MOST) -> None:
        """Past `most` messages the oldest are forgotten."""
        self._waiting: OrderedDict[_Place, dict[NewAnswer, None]] = OrderedDict()
        self._most = most

    def wait(self, answer: NewAnswer, message_id: str) -> None:
        """Note that an answer was scored without a message of its conversation."""
        self._waiting.setdefault(_Place(answer.key, message_id), {})[answer] = None
        if len(self._waiting) > self._most:
            self._waiting.popitem(last=False)

    def come(self, key: str, message_id: str) -> Iterator[NewAnswer]:
        """The answers that waited for a message; they wait no more."""
        return iter(self._waiting.pop(_Place(key, message_id), ()))
