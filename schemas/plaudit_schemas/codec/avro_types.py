"""Helpers to walk an Avro schema: named types, references, and fields that may be left out."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

Node = Any
Types = dict[str, Node]

_CONTAINERS: Final = ("record", "enum", "array", "map", "fixed")
_NESTED: Final = ("fields", "items", "values", "type")
_NO_DEFAULT: Final = object()  # None is a default: null


def named_types(schema: Node) -> Types:
    """Every record and enum that a schema defines, by name, in the order of their definitions."""
    found: Types = {}
    pending: list[Node] = [schema]
    while pending:
        node = pending.pop(0)
        if isinstance(node, list):
            pending = [*node, *pending]
        elif isinstance(node, dict):
            if node.get("type") in ("record", "enum"):
                found[node["name"]] = node
            pending = [*(node.get(key) for key in _NESTED), *pending]
    return found


def resolve(node: Node, types: Types) -> Node:
    """The type that a node stands for. Follows names and `{"type": ...}` wrappers."""
    while True:
        if isinstance(node, str) and node in types:
            return types[node]
        if isinstance(node, dict) and (
            isinstance(node["type"], (list, dict)) or node["type"] not in _CONTAINERS
        ):
            node = node["type"]
            continue
        return node


def kind_of(node: Node) -> str:
    """The kind of a resolved node, such as `record` or `long`. The node must not be a union."""
    return node if isinstance(node, str) else str(node["type"])


def is_time(node: Node) -> bool:
    """Whether a node is a wrapped long: the form that `parse(plain_longs=True)` gives timestamps."""
    return isinstance(node, dict) and node["type"] == "long"


def may_be_empty(field: Node) -> bool:
    """Whether a field has null, an empty array or an empty map as its default.

    All three are encoded as one zero byte: a default of null belongs to branch 0 of its union.
    """
    return field.get("default", _NO_DEFAULT) in (None, [], {})


def runs(fields: list[Node]) -> Iterator[list[Node]]:
    """The fields in their order, in groups. Neighbours that may be empty are one group, others are alone."""
    for empty, group in groupby(fields, key=may_be_empty):
        if empty:
            yield list(group)
        else:
            yield from ([field] for field in group)


def standalone(node: Node, types: Types, defined: set[str] | None = None) -> Node:
    """A copy of a node that is a schema by itself: each named type is defined where it is used first."""
    defined = set() if defined is None else defined
    if isinstance(node, str) and node in types:
        return standalone(types[node], types, defined)
    if isinstance(node, list):
        return [standalone(item, types, defined) for item in node]
    if not isinstance(node, dict):
        return node
    name = node.get("name") if node.get("type") in ("record", "enum") else None
    if name in defined:
        return name
    if name is not None:
        defined.add(name)
    return {
        key: standalone(value, types, defined) if key in _NESTED else value for key, value in node.items()
    }


def adds_only_empty_fields(older: Node, newer: Node) -> bool:
    """Whether all fields that the newer schema adds to the older one's records hold nothing by default."""
    old, new = named_types(older), named_types(newer)
    return all(
        may_be_empty(field)
        for name, node in old.items()
        if node["type"] == "record" and name in new
        for field in new[name]["fields"]
        if field["name"] not in {known["name"] for known in node["fields"]}
    )
