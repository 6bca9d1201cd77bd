"""Finds the lines of a YAML text that say something."""

from collections.abc import Sequence
from typing import Any

import yaml

Place = tuple[int | str, ...]
"""Keys and numbers of list entries, from the outside to the inside."""


def lines_of(text: str, places: Sequence[Place]) -> list[int]:
    """The line of each place, from 1; for what is not there, the line of the nearest thing around it.

    Args:
        text: YAML that can be read.
    """
    root = yaml.compose(text, yaml.SafeLoader)
    return [_line_of(root, place) for place in places]


def _line_of(node: Any, place: Place) -> int:
    line = 1 if node is None else node.start_mark.line + 1
    for part in place:
        mark, node = _entry(node, part)
        if node is None:
            return line
        line = mark.line + 1
    return line


def _entry(node: Any, part: int | str) -> tuple[Any, Any]:
    """Where an entry of a node begins, and what it holds."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key.start_mark, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None, None
