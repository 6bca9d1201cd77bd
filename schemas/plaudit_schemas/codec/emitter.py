"""A builder of Python source: lines, indentation, and the objects that the source refers to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Emitter:
    """Collects the source of some functions and compiles it.

    `dataclasses` makes its methods in the same way. The source is made from the packaged schemas. Data from
    elsewhere must not become part of it, except as an object that `bind` gives a name.

    Attributes:
        names: the globals of the source. They may still be changed after it is compiled.
    """

    def __init__(self, **names: Any) -> None:
        self.names: dict[str, Any] = names
        self._lines: list[str] = []
        self._depth = 0
        self._made = 0

    def line(self, *lines: str) -> None:
        """Add lines at the current indentation."""
        self._lines.extend("    " * self._depth + line for line in lines)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add a line that opens a block. Lines added in the `with` block are indented."""
        self.line(head)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def fresh(self, prefix: str) -> str:
        """A name that is not used yet."""
        self._made += 1
        return f"{prefix}{self._made}"

    def bind(self, value: Any, prefix: str = "constant") -> str:
        """Make an object available to the source. Returns the name that the source can use for it."""
        name = self.fresh(prefix)
        self.names[name] = value
        return name

    def compile(self, title: str) -> dict[str, Any]:
        """Run the source. Returns `names`, which then has its functions. Tracebacks show `title`."""
        exec(compile("\n".join(self._lines), f"<{title}>", "exec"), self.names)  # noqa: S102  # our own source
        return self.names
