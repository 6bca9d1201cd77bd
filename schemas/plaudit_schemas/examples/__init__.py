"""Example records of every schema, for tests and for authors of clients in other languages.

`<schema>.json` holds the records as JSON. `<schema>.hex` holds their bytes in wire format, one line for each
record, in the same order. In JSON, the value of a union of records is `["plaudit.v1.Name", {...}]`.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

from plaudit_schemas.codec.catalog import SchemaName


class Example(NamedTuple):
    """One example: its title, the record as `codec.wire.Encoder` takes it, and the encoded bytes."""

    title: str
    record: dict[str, Any]
    payload: bytes


def examples(name: SchemaName) -> Iterator[Example]:
    """The examples of one schema."""
    folder = files("plaudit_schemas") / "examples"
    documents = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    lines = (folder / f"{name}.hex").read_text(encoding="ascii").split()
    for document, line in zip(documents, lines, strict=True):
        yield Example(document["title"], document["record"], bytes.fromhex(line))
