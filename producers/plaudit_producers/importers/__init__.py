"""Import conversations from files: `plaudit replay`, and the pieces for a format of your own.

def build(chat, record):
    chat.start(model=record["bot"])
    for line in record["lines"]:
        chat.add_message(line["role"], line["text"])
    chat.end()

FORMAT = json_lines("my-format", build)

`plaudit replay` finds the formats that installed packages offer in the entry point group `plaudit.importers`.
"""

from plaudit_producers.importers.catalog import find_format, formats
from plaudit_producers.importers.chat import DERIVED, Chat
from plaudit_producers.importers.formats import Format, as_text, expect, json_file, json_lines, json_object
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.source import Source, open_source

__all__ = [
    "DERIVED",
    "BadRecord",
    "Batch",
    "Chat",
    "Format",
    "ImportOptions",
    "Place",
    "Source",
    "as_text",
    "expect",
    "find_format",
    "formats",
    "json_file",
    "json_lines",
    "json_object",
    "open_source",
]
