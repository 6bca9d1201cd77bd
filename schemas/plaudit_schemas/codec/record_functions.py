"""What reading and writing records have in common: one generated function for each record of a schema."""

from abc import ABC, abstractmethod
from typing import Any, Final

from plaudit_schemas.codec.avro_types import is_time, kind_of, named_types, resolve
from plaudit_schemas.codec.catalog import Schema
from plaudit_schemas.codec.emitter import Emitter

SHORTEST_RUN: Final = 3
"""So many neighbouring fields that may be empty are read and written at once, as zeros."""


def function_name(record: str) -> str:
    """What the function of a record is called."""
    return "record_" + record.replace(".", "_")


class RecordFunctions(ABC):
    """The source of the functions; everything but a record is lines within them."""

    def __init__(self, schema: Schema, **names: Any) -> None:
        """Generate.

        Args:
            names: what the lines may refer to.

        Raises:
            NotImplementedError: the schema has a type that no lines are known for.
        """
        self._types = named_types(schema)
        self._out = Emitter(**names)
        for name, node in self._types.items():
            if node["type"] == "record":
                self._add_record(name, node["fields"])

    def compile(self, record: str) -> Any:
        """The function of a record."""
        return self._out.compile(f"avro {record}")[function_name(record)]

    def _add_value(self, node: Any, name: str) -> None:
        """Lines for a value of the schema's node; `name` is the variable that holds it."""
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
