"""From which offset of a partition which version of the rules was in force."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from plaudit_stream_processors.fold.rules import CURRENT_VERSION


@dataclass(frozen=True)
class RulesHistory:
    """The versions of one partition.

    Attributes:
        starts: version and the first offset that it folded, in order. Nothing is known before the first.
    """

    starts: tuple[tuple[int, int], ...] = ((CURRENT_VERSION, 0),)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` wrote.

        Raises:
            ValueError: the text has another form.
        """
        pairs = [part.partition(":") for part in text.split(",")]
        return cls(tuple((int(version), int(offset)) for version, _, offset in pairs))

    @property
    def text(self) -> str:
        """The form in which Redis keeps it, such as `1:0,2:1500`."""
        return ",".join(f"{version}:{offset}" for version, offset in self.starts)

    def version_at(self, offset: int) -> int:
        """The version that was in force at an offset."""
        return next(
            (version for version, start in reversed(self.starts) if start <= offset), self.starts[0][0]
        )

    @cached_property
    def newest(self) -> int:
        """The newest version; a worker with older rules may not take the partition."""
        return self.starts[-1][0]
