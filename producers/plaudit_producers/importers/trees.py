"""Trees of messages, as exports of branching chats have them."""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import Final

_UNKNOWN: Final = float("-inf")


def in_order(parents: Mapping[str, str | None], times: Mapping[str, float] | None = None) -> list[str]:
    """Order the nodes so that each follows its parent, and as far as that allows by time, else as given.

    Args:
        parents: node -> its parent. A parent that is no node makes a root.
        times: node -> seconds. A node without one comes with its parent.

    Raises:
        ValueError: nodes are their own ancestors.
    """
    children: dict[str, list[str]] = {}
    for node, parent in parents.items():
        if parent is not None and parent in parents:
            children.setdefault(parent, []).append(node)
    number = {node: place for place, node in enumerate(parents)}
    given = times or {}
    ready = [
        (given.get(node, _UNKNOWN), number[node], node)
        for node, parent in parents.items()
        if parent is None or parent not in parents
    ]
    heapify(ready)
    found: list[str] = []
    while ready:
        at, _, node = heappop(ready)
        found.append(node)
        for child in children.get(node, ()):
            heappush(ready, (max(at, given.get(child, _UNKNOWN)), number[child], child))
    if len(found) < len(parents):
        loose = next(node for node in parents if node not in set(found))
        raise ValueError(f"the messages are no tree: {loose} is its own ancestor")
    return found


def siblings_of(node: str, parents: Mapping[str, str | None]) -> list[str]:
    """Return the other nodes with the same parent, in the order of the file. Roots are no siblings."""
    parent = parents.get(node)
    if parent is None:
        return []
    return [other for other, its_parent in parents.items() if its_parent == parent and other != node]
