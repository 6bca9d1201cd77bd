"""Whether a reader's schema can read what a writer's wrote: Avro's resolution rules, as findings."""

from typing import Any

Node = Any


def findings(writer: Node, reader: Node) -> list[str]:
    """What keeps `reader` from reading data of `writer`; empty where nothing does.

    The subset of Avro's schema resolution that our types need (Avro specification, "Schema
    Resolution"): records by field with defaults, enums with a default, unions, arrays, maps and
    the promotions of numbers. A renamed type or field is a difference.
    """
    return list(_Comparison(writer, reader).compare(writer, reader, ""))


_PROMOTIONS = {"int": {"long", "float", "double"}, "long": {"float", "double"}, "float": {"double"}}


class _Comparison:
    def __init__(self, writer: Node, reader: Node) -> None:
        self._writers = named_types(writer)
        self._readers = named_types(reader)
        self._seen: set[tuple[str, str]] = set()

    def compare(self, writer: Node, reader: Node, path: str) -> list[str]:
        writer, reader = _resolve(writer, self._writers), _resolve(reader, self._readers)
        if isinstance(writer, list):
            return [found for branch in writer for found in self.compare(branch, reader, path)]
        if isinstance(reader, list):
            if any(not self.compare(writer, branch, path) for branch in reader):
                return []
            return [f"{path or 'the schema'}: no branch of the union takes {_kind(writer)}"]
        if _kind(writer) != _kind(reader):
            promoted = isinstance(writer, str) and _kind(reader) in _PROMOTIONS.get(writer, ())
            return [] if promoted else [f"{path or 'the schema'}: {_kind(writer)} became {_kind(reader)}"]
        return self._same_kind(writer, reader, path)

    def _same_kind(self, writer: Node, reader: Node, path: str) -> list[str]:
        kind = _kind(writer)
        if kind in ("record", "enum") and writer["name"] != reader["name"]:
            return [f"{path}: {writer['name']} became {reader['name']}"]
        if kind == "record":
            return self._records(writer, reader, path)
        if kind == "enum":
            lost = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
            return [f"{path}: the symbol {symbol} is gone" for symbol in lost if "default" not in reader]
        if kind in ("array", "map"):
            inner = "items" if kind == "array" else "values"
            return self.compare(writer[inner], reader[inner], path + "[]")
        return []

    def _records(self, writer: Node, reader: Node, path: str) -> list[str]:
        pair = (writer["name"], path.rpartition(".")[0])
        if pair in self._seen:
            return []
        self._seen.add(pair)
        written = {field["name"]: field for field in writer["fields"]}
        found = []
        for field in reader["fields"]:
            place = f"{path}.{field['name']}" if path else field["name"]
            if field["name"] in written:
                found += self.compare(written[field["name"]]["type"], field["type"], place)
            elif "default" not in field:
                found.append(f"{place}: a new field without a default")
        return found


def named_types(node: Node) -> dict[str, Node]:
    """Every record and enum that a schema defines, by the name it is defined with."""
    found: dict[str, Node] = {}
    if isinstance(node, list):
        for item in node:
            found |= named_types(item)
    elif isinstance(node, dict):
        if node.get("type") in ("record", "enum"):
            found[node["name"]] = node
        for key in ("type", "fields", "items", "values"):
            if key in node:
                found |= named_types(node[key])
    return found


def _resolve(node: Node, names: dict[str, Node]) -> Node:
    while True:
        if isinstance(node, str) and node in names:
            node = names[node]
        elif isinstance(node, dict) and node["type"] not in ("record", "enum", "array", "map"):
            node = node["type"]
        else:
            return node


def _kind(node: Node) -> str:
    return node if isinstance(node, str) else str(node["type"])
