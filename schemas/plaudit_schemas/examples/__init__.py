"""Examples of every schema, for tests and for those who write a client in another language.

`<schema>.json` holds the records as JSON, `<schema>.hex` the bytes of each in wire format, a line
each in the same order. In JSON a union of records is `["plaudit.v1.Name", {...}]`.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

from plaudit_schemas.codec.catalog import SchemaName


class Example(NamedTuple):
    """One example: what it shows, the record as `codec.Encoder` takes it, its bytes."""

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
