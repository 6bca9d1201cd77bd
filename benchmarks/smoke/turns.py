"""Two ways to do the same work, taking turns, in seconds of processor time."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

Work = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """The work of a case, done by a peer and by us.

    Attributes:
        case: its name in the file of recorded ratios.
        bare, ours: do the same amount of work with each call.
    """

    case: str
    bare: Work
    ours: Work


class Turn(NamedTuple):
    """Seconds of processor time of one turn."""

    bare: float
    ours: float


def ratio_of(turns: Sequence[Turn]) -> float:
    """How many times as fast as the peer we are: the median over the turns.

    Both halves of a turn are measured within a second or two, so that other load slows both alike. The median
    leaves out the turns in which it began or ended.
    """
    return median(turn.bare / turn.ours for turn in turns)


def take_turns(pair: Pair, turns: int) -> list[Turn]:
    """Measure a pair in this process. One more turn comes first and does not count."""
    return [Turn(_seconds(pair.bare), _seconds(pair.ours)) for _ in range(turns + 1)][1:]


def _seconds(work: Work) -> float:
    gc.collect()  # so that nobody clears up after the other
    began = time.process_time()
    work()
    return time.process_time() - began
