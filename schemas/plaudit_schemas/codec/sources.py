"""The generated source of this package that is worth compiling to machine code."""

from collections.abc import Iterator
from typing import Final

from plaudit_schemas.codec.catalog import SchemaName, parse, schema_text
from plaudit_schemas.codec.emitter import Emitter
from plaudit_schemas.codec.record_reader import reader_source
from plaudit_schemas.codec.record_writer import writer_source

_BY_THE_MILLION: Final[tuple[SchemaName, ...]] = ("conversation_event", "finished_conversation")


def generated_sources() -> Iterator[Emitter]:
    """The readers and writers of what is read and written by the million."""
    for name in _BY_THE_MILLION:
        yield writer_source(parse(schema_text(name), plain_longs=True))
    for sparse in (True, False):
        for name in _BY_THE_MILLION:
            yield reader_source(parse(schema_text(name), plain_longs=True), sparse=sparse)
