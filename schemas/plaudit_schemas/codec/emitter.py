"""A builder of Python source: lines, indentation, and the objects that the source refers to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from plaudit_schemas.compiled import generated


class Emitter:
    """Collects the source of some functions and compiles it.

    `dataclasses` makes its methods in the same way. The source is made from the packaged schemas. Data from
    elsewhere must not become part of it, except as an object that `bind` gives a name.

    Attributes:
        names: the globals of the source. They may still be changed after it is compiled.
        declarations: Cython's declarations for the source, which plain Python does not read.
        is_machine_code: whether `compile` found the source compiled to machine code.
    """

    def __init__(self, **names: Any) -> None:
        self.names: dict[str, Any] = names
        self.declarations: list[str] = []
        self.is_machine_code = False
        self._lines: list[str] = []
        self._bound: list[str] = []
        self._depth = 0
        self._made = 0

    def line(self, *lines: str) -> None:
        """Add lines at the current indentation."""
        self._lines.extend("    " * self._depth + line for line in lines)

    def later(self) -> Callable[[str], None]:
        """Leave a line at the current indentation. The function that is returned gives its text."""
        at, indentation = len(self._lines), "    " * self._depth
        self._lines.append("")

        def fill(line: str) -> None:
            self._lines[at] = indentation + line

        return fill

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
        shown = sorted(value) if isinstance(value, frozenset) else value  # a set's order differs by process
        self._bound.append(f"{name} = {shown!r}")
        return name

    @property
    def source(self) -> str:
        """The source so far."""
        return "\n".join(self._lines)

    @property
    def identity(self) -> str:
        """What tells this source, with the objects that it refers to, from any other."""
        return "\n".join((*self._bound, *self._lines, *self.declarations))

    def compile(self, title: str) -> dict[str, Any]:
        """Run the source. Returns `names`, which then has its functions. Tracebacks show `title`.

        Where the package has the source compiled to machine code, that runs.
        """
        module = generated(self.identity, self.names) if self.declarations else None
        if module is not None:
            self.is_machine_code = True
            self.names |= {name: value for name, value in vars(module).items() if name not in self.names}
            return self.names
        exec(compile(self.source, f"<{title}>", "exec"), self.names)  # noqa: S102  # our own source
        return self.names
