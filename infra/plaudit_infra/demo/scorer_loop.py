"""The loop of the demo: scorers are trained from its own rows while it runs, published, and swapped in."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

_WAIT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """When scorers are trained.

    Attributes:
        conversations: on disk, from which on the first one is trained.
        growth: each further try waits until there are this many times as many.
        scorers: how many are published at most.
        tries: how often training is tried at most.
    """

    conversations: int
    growth: float
    scorers: int
    tries: int


# So many have about 340 votes that count: a scorer of half of them was no better than chance as a rule.
# At the demo's rate they are there after two minutes.
LIVE_LOOP: Final = LoopPlan(conversations=700, growth=2, scorers=2, tries=4)
ONCE_LOOP: Final = LoopPlan(conversations=0, growth=1, scorers=1, tries=1)


class Trainer(Protocol):
    """Makes scorers."""

    def prepare(self) -> bool:
        """Get what every training needs. Returns whether scorers can be made at all."""

    def train(self) -> bool:
        """Train a scorer from the rows on disk and publish it. Returns whether it is published."""


class ScorerLoop:
    """Follows a plan in a thread of its own. Whatever fails is a note, and the line goes on."""

    def __init__(
        self, trainer: Trainer, plan: LoopPlan, note: Callable[[str], None], stopping: threading.Event
    ) -> None:
        """`stopping` ends the loop; the trainer ends what it runs when it is set."""
        self._trainer, self._plan, self._note, self._stopping = trainer, plan, note, stopping
        self._conversations: int | None = None
        self._thread = threading.Thread(target=self._run, name="scorer loop", daemon=True)

    def start(self) -> None:
        """Start the thread. Returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and whatever it runs."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def see(self, conversations: int) -> None:
        """Tell how many conversations are on disk."""
        self._conversations = conversations

    def finished(self) -> bool:
        """Whether nothing more is to come."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self._trainer.prepare():
                self._follow()
        except Exception as error:  # the demo is there to show the line, which goes on without scorers
            self._note(f"no further scorer is trained: {error}")

    def _follow(self) -> None:
        wanted, published = float(self._plan.conversations), 0
        for _ in range(self._plan.tries):
            seen = self._wait_for(wanted)
            if seen is None:
                return
            published += self._trainer.train()
            if published == self._plan.scorers:
                return
            wanted = seen * self._plan.growth

    def _wait_for(self, wanted: float) -> int | None:
        """Wait until so many conversations are on disk. Returns their number, None if the demo ends."""
        while not self._stopping.is_set():
            seen = self._conversations
            if seen is not None and seen >= wanted:
                return seen
            self._stopping.wait(_WAIT_S)
        return None
