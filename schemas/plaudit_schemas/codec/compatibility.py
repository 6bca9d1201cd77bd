"""Check whether a reader's schema can read data of a writer's schema, by Avro's resolution rules."""

from plaudit_schemas.codec.avro_types import Node, kind_of, named_types, resolve


def findings(writer: Node, reader: Node) -> list[str]:
    """The reasons why `reader` cannot read data of `writer`, one sentence each. Empty if it can.

    Implements the part of Avro's schema resolution that our schemas need (Avro specification, "Schema
    Resolution"): records with defaults, enums with a default, unions, arrays, maps and the promotion of
    numbers. Aliases are not supported, so a renamed type or field counts as a difference.
    """
    return list(_Comparison(writer, reader).compare(writer, reader, ""))


_PROMOTIONS = {"int": {"long", "float", "double"}, "long": {"float", "double"}, "float": {"double"}}


class _Comparison:
    def __init__(self, writer: Node, reader: Node) -> None:
        self._writers = named_types(writer)
        self._readers = named_types(reader)
        self._open: set[tuple[str, str]] = set()

    def compare(self, writer: Node, reader: Node, path: str) -> list[str]:
        writer, reader = resolve(writer, self._writers), resolve(reader, self._readers)
        if isinstance(writer, list):
            return [found for branch in writer for found in self.compare(branch, reader, path)]
        if isinstance(reader, list):
            if any(not self.compare(writer, branch, path) for branch in reader):
                return []
            return [f"{path or 'the schema'}: no branch of the union accepts {kind_of(writer)}"]
        if kind_of(writer) != kind_of(reader):
            promoted = isinstance(writer, str) and kind_of(reader) in _PROMOTIONS.get(writer, ())
            return [] if promoted else [f"{path or 'the schema'}: {kind_of(writer)} became {kind_of(reader)}"]
        return self._same_kind(writer, reader, path)

    def _same_kind(self, writer: Node, reader: Node, path: str) -> list[str]:
        kind = kind_of(writer)
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
        pair = (writer["name"], reader["name"])
        if pair in self._open:  # a type that contains itself is as readable as the rest of it
            return []
        self._open.add(pair)
        try:
            return self._fields(writer, reader, path)
        finally:
            self._open.discard(pair)

    def _fields(self, writer: Node, reader: Node, path: str) -> list[str]:
        written = {field["name"]: field for field in writer["fields"]}
        found = []
        for field in reader["fields"]:
            place = f"{path}.{field['name']}" if path else field["name"]
            if field["name"] in written:
                found += self.compare(written[field["name"]]["type"], field["type"], place)
            elif "default" not in field:
                found.append(f"{place}: a new field without a default")
        return found
