"""What simulated people and models say: the phrases of `texts.yaml`."""

from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Final

import yaml

MARKER: Final = "[simulated] "
"""The prefix of every text of a simulated person or model."""

# How often each language is chosen, in relation to the others.
_WEIGHTS: Final = {"en": 10, "de": 4, "fr": 2, "ja": 2, "zh": 2, "ar": 1}


class Phrases:
    """The phrases of one chat, in one language and on one topic."""

    def __init__(self, rng: Random) -> None:
        languages = _languages()
        (self.language,) = rng.choices(list(languages), [_WEIGHTS[name] for name in languages])
        self._all = languages[self.language]
        self._topic = rng.choice(self._all["topics"])

    def question(self, turn: int) -> str:
        """Return what the user asks in a turn. Turns count from 0."""
        more = self._topic["more"]
        return MARKER + str(self._topic["ask"] if turn == 0 else more[(turn - 1) % len(more)])

    def answer(self, kind: str) -> str:
        """Return an answer of a kind: `good`, `rival` (also good), `bad` or `abstain`."""
        return MARKER + str(self._all["abstain"] if kind == "abstain" else self._topic[kind])

    def remark(self, rng: Random, *, good: bool) -> str:
        """Return what a user writes in addition to a judgement."""
        return MARKER + str(rng.choice(self._all["pleased" if good else "cross"]))


@cache
def _languages() -> dict[str, Any]:
    text = (files("plaudit_producers") / "simulator" / "texts.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found
