"""Cython's declarations of a module, derived from its Python source: classes with slots get slots of C."""

import ast
from collections.abc import Iterator
from typing import Final

TYPED: Final = {
    "plaudit_stream_processors.fold.conversation": ("ConversationState",),
    "plaudit_stream_processors.fold.effects": ("Effects",),
    "plaudit_stream_processors.fold.event": ("Event",),
    "plaudit_stream_processors.metrics.buckets": ("Counters",),
    "plaudit_stream_processors.metrics.votes": ("Moment",),
}
"""The classes whose objects are made or read for every event, by module."""


def declarations_of(source: str) -> str:
    """The text of the pxd file of a module."""
    tree = ast.parse(source)
    return "\n".join([*_imports(tree), *_classes(tree)]) + "\n"


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in TYPED:
            for name in node.names:
                if name.name in TYPED[node.module]:
                    yield f"from {node.module} cimport {name.name}"


def _classes(tree: ast.Module) -> Iterator[str]:
    names = {name for classes in TYPED.values() for name in classes}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in names:
            yield f"cdef class {node.name}:"
            yield from (f"    cdef public object {slot}" for slot in _slots(node))


def _slots(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__slots__":
            yield from ast.literal_eval(line.value)
