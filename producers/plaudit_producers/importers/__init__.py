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
from plaudit_producers.importers.formats import (
    Format,
    as_text,
    build_chats,
    expect,
    group_records,
    json_file,
    json_lines,
    json_object,
    scan_lines,
)
from plaudit_producers.importers.json_scanner import Member, scan_json
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.records import ReadRecord, unread_fields
from plaudit_producers.importers.sample import Recognised, Sample, fields_fit, has_fields
from plaudit_producers.importers.source import Source, open_source

__all__ = [
    "DERIVED",
    "BadRecord",
    "Batch",
    "Chat",
    "Format",
    "ImportOptions",
    "Member",
    "Place",
    "ReadRecord",
    "Recognised",
    "Sample",
    "Source",
    "as_text",
    "build_chats",
    "expect",
    "fields_fit",
    "find_format",
    "formats",
    "group_records",
    "has_fields",
    "json_file",
    "json_lines",
    "json_object",
    "open_source",
    "scan_json",
    "scan_lines",
    "unread_fields",
]
