"""The base of generated readers and writers: one generated function for each record of a schema."""

from abc import ABC, abstractmethod
from typing import Any, Final

from plaudit_schemas.codec.avro_types import is_time, kind_of, named_types, resolve
from plaudit_schemas.codec.catalog import Schema
from plaudit_schemas.codec.emitter import Emitter

SHORTEST_RUN: Final = 3
"""The fewest neighbouring fields that are read and written as one run of zeros if all of them are empty."""


def function_name(record: str) -> str:
    """The name of a record's generated function."""
    return "record_" + record.replace(".", "_")


class RecordFunctions(ABC):
    """Generates the functions. Values that are not records become lines within the functions."""

    def __init__(self, schema: Schema, **names: Any) -> None:
        """Generate the source for a schema.

        Args:
            names: the objects that the source may refer to.

        Raises:
            NotImplementedError: the schema has a type that is not supported.
        """
        self._types = named_types(schema)
        self._out = Emitter(**names)
        for name, node in self._types.items():
            if node["type"] == "record":
                self._add_record(name, node["fields"])

    @property
    def emitter(self) -> Emitter:
        """The source, not compiled."""
        return self._out

    def compile(self, record: str) -> Any:
        """Compile the functions. Returns the function of `record`."""
        return self._out.compile(f"avro {record}")[function_name(record)]

    def compile_all(self) -> dict[str, Any]:
        """Compile the functions. Returns the function of each record by the record's name."""
        names = self._out.compile("avro records")
        return {
            name: names[function_name(name)] for name, node in self._types.items() if node["type"] == "record"
        }

    def _add_value(self, node: Any, name: str) -> None:
        """Add the lines for a value of type `node`. `name` is the variable that holds the value."""
        if is_time(node):
            self._add_time(name)
            return
        node = resolve(node, self._types)
        if isinstance(node, list):
            self._add_union([resolve(branch, self._types) for branch in node], name)
            return
        adders = {
            "record": self._add_call,
            "enum": self._add_enum,
            "array": self._add_blocks,
            "map": self._add_blocks,
        }
        kind = kind_of(node)
        if kind in adders:
            adders[kind](node, name)
        elif isinstance(node, str):
            self._add_primitive(node, name)
        else:
            raise NotImplementedError(f"Avro type {kind}")

    @abstractmethod
    def _add_record(self, name: str, fields: list[Any]) -> None: ...
    @abstractmethod
    def _add_time(self, name: str) -> None: ...
    @abstractmethod
    def _add_call(self, node: Schema, name: str) -> None: ...
    @abstractmethod
    def _add_enum(self, node: Schema, name: str) -> None: ...
    @abstractmethod
    def _add_blocks(self, node: Schema, name: str) -> None: ...
    @abstractmethod
    def _add_union(self, nodes: list[Any], name: str) -> None: ...
    @abstractmethod
    def _add_primitive(self, kind: str, name: str) -> None: ...
