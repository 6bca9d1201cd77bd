"""What simulated people and models say: the phrases of `texts.yaml`."""

from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Final

import yaml

from plaudit_producers.simulator.taste import Manner

MARKER: Final = "[simulated] "
"""The prefix of every text of a simulated person or model."""

_GREETED, _NUMBERED = 0.6, 0.8  # shares of the first questions

# How often each language is chosen, in relation to the others.
_WEIGHTS: Final = {"en": 10, "de": 4, "fr": 2, "ja": 2, "zh": 2, "ar": 1}


class Phrases:
    """The phrases of one chat, in one language and on one topic."""

    def __init__(self, rng: Random) -> None:
        languages = _languages()
        (self.language,) = rng.choices(list(languages), [_WEIGHTS[name] for name in languages])
        self._all = languages[self.language]
        self._topic = rng.choice(self._all["topics"])
        self._rng = rng

    def question(self, turn: int) -> str:
        """Return what the user asks in a turn. Turns count from 0."""
        if turn:
            more = self._topic["more"]
            return MARKER + str(more[(turn - 1) % len(more)])
        # Most people ask about something of their own, so most first questions are nobody else's.
        hello = self._one_of("hello") if self._rng.random() < _GREETED else ""
        number = self._all["number"].format(number=self._rng.randrange(10_000, 100_000))
        return f"{MARKER}{hello}{self._topic['ask']}{number if self._rng.random() < _NUMBERED else ''}"

    def answer(self, kind: str, manner: Manner) -> str:
        """Return an answer of a kind: `good`, `rival` (also good), `bad` or `abstain`."""
        parts = [str(self._all["abstain"] if kind == "abstain" else self._topic[kind])]
        if manner.tone != "plain":
            parts.insert(0, self._one_of(manner.tone))
        if manner.padded:
            parts += self._rng.sample(self._all["padding"], 2)
        if manner.example:
            parts.append(self._one_of("example"))
        return MARKER + " ".join(parts)

    def remark(self, *, good: bool) -> str:
        """Return what a user writes in addition to a judgement."""
        return MARKER + self._one_of("pleased" if good else "cross")

    def _one_of(self, phrases: str) -> str:
        return str(self._rng.choice(self._all[phrases]))


@cache
def _languages() -> dict[str, Any]:
    text = (files("plaudit_producers") / "simulator" / "texts.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found
