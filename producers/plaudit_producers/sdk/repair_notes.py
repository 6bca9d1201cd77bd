"""What was repaired of an event."""

from typing import Literal, NamedTuple

RepairKind = Literal["cut", "encoding", "converted", "id", "omitted", "careful", "time"]
"""What was done:

- cut: a text lost its end, and got a mark.
- encoding: halves of a surrogate pair were joined, or replaced by �.
- converted: a value of another type was taken, such as None for an empty text.
- id: an id was shortened by a hash, or replaced.
- omitted: a field, an entry or an item was left out.
- careful: the careful value stands for one that cannot be read; consent is denied, an answer cut.
- time: the time of the call stands for one that cannot be read.
"""


class Repair(NamedTuple):
    """One repair of an event, and the field that it changed."""

    kind: RepairKind
    field: str


class RepairNotes:
    """The repairs of one event."""

    def __init__(self) -> None:
        self.done: list[Repair] = []

    def add(self, kind: RepairKind, field: str) -> None:
        """Note a repair."""
        self.done.append(Repair(kind, field))

    def repairs(self) -> list[Repair]:
        """Each kind of repair of a field once."""
        return list(dict.fromkeys(self.done))
