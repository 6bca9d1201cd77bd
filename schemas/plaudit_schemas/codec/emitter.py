"""Python source in the making: lines, indentation, and the objects that the source names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Emitter:
    """Collects the source of some functions and compiles it once.

    The text is our own, made from a schema, as `dataclasses` makes its methods: nothing that comes from
    outside reaches it but as a bound object.

    Attributes:
        names: what the source may refer to; may be changed until, and after, it is compiled.
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
        """Add a line that opens a block; what is added within lies inside."""
        self.line(head)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def fresh(self, prefix: str) -> str:
        """A name that nothing has yet."""
        self._made += 1
        return f"{prefix}{self._made}"

    def bind(self, value: Any, prefix: str = "constant") -> str:
        """The name under which the source finds an object."""
        name = self.fresh(prefix)
        self.names[name] = value
        return name

    def compile(self, title: str) -> dict[str, Any]:
        """Run the source; gives `names` with the functions that it defines. `title` is for tracebacks."""
        exec(compile("\n".join(self._lines), f"<{title}>", "exec"), self.names)  # noqa: S102  # our own text
        return self.names
