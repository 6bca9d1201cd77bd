"""Two answers side by side, which are compared. Pure."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.recorder import Preference

Shuffle = Callable[[list[ChatModel]], None]

SIDES: Final = ("left", "right")


@dataclass(slots=True)
class SideBySide:
    """Two answers to one message. Which model wrote which is shown after the vote only.

    Attributes:
        preference: None until there is a vote.
        closed: no vote is taken: the chat has gone on, or one of the answers has no words.
    """

    left_id: str
    right_id: str
    preference: Preference | None = None
    closed: bool = False

    @property
    def revealed(self) -> bool:
        """Whether the page may say which model wrote which answer."""
        return self.preference is not None or self.closed

    def winner_id(self) -> str | None:
        """The answer that is better; None without a vote for one of them."""
        return {"left": self.left_id, "right": self.right_id}.get(self.preference or "")


def shuffled(models: Sequence[ChatModel], shuffle: Shuffle | None = None) -> list[ChatModel]:
    """The models in the order of their sides, which chance decides."""
    order = list(models)
    (random.SystemRandom().shuffle if shuffle is None else shuffle)(order)
    return order
