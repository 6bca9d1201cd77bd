"""What an audit compares with: one partition's books by a fold of the log, whoever makes it."""

from collections.abc import Mapping, Set
from typing import Protocol


class Refusal(Protocol):
    """A refused event: why, and a digest of its key and bytes."""

    @property
    def reason(self) -> str: ...

    @property
    def digest(self) -> bytes: ...


class Books(Protocol):
    """What one partition of the log amounts to, between `first` and `position`.

    Attributes:
        refused: offset -> why.
        finished: offset of an event -> digest of the finished conversation that it must have brought.
        unsure: offsets of conversations that may have begun before the log: of those nothing is known.
    """

    @property
    def partition(self) -> int: ...

    @property
    def first(self) -> int: ...

    @property
    def position(self) -> int: ...

    @property
    def refused(self) -> Mapping[int, Refusal]: ...

    @property
    def finished(self) -> Mapping[int, bytes]: ...

    @property
    def unsure(self) -> Set[int]: ...
