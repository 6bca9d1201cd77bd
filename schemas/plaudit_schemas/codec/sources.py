"""The generated source that is worth compiling to machine code."""

from collections.abc import Iterator

from plaudit_schemas.codec.catalog import parse, schema_text
from plaudit_schemas.codec.emitter import Emitter
from plaudit_schemas.codec.record_reader import reader_source


def generated_sources() -> Iterator[Emitter]:
    """The readers of what the worker and the sink read by the million."""
    for sparse in (True, False):
        for name in ("conversation_event", "finished_conversation"):
            yield reader_source(parse(schema_text(name), plain_longs=True), sparse=sparse)
