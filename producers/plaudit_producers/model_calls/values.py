"""Values of events from whatever a library hands over: too long, empty, or not valid Unicode.

Whoever records the calls of others must take them as they are. What does not fit is shortened in the same way
each time, so that ids still name the same thing.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from plaudit_schemas.contract.events import Attachment, Model, TokenUsage, ToolCall
from plaudit_schemas.contract.limits import METADATA_ENTRIES

from plaudit_producers.sdk.fitting import fitting_id, fitting_text

_MOST_COUNTED: Final = 2**63 - 1  # Avro's long


def first_of(fields: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The first of these fields that is there; None if none is."""
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def count_of(value: Any) -> int | None:
    """A value as a count; None if it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _MOST_COUNTED else None


def usage_of(given: Any, made: Any) -> TokenUsage | None:
    """The tokens of what a model was given and of what it made; None if neither was counted."""
    given, made = count_of(given), count_of(made)
    return None if given is None and made is None else TokenUsage(input=given, output=made)


def fitting_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Tags or metadata, without the entries that are too many."""
    first = list(texts.items())[:METADATA_ENTRIES]
    return {fitting_text(name): fitting_text(text) for name, text in first}


def tool_call_of(call_id: str | None, name: str | None, arguments: str) -> ToolCall:
    """A tool call. Some servers leave out ids."""
    return ToolCall(
        id=fitting_id(call_id) or "unknown", name=fitting_text(name or ""), arguments=fitting_text(arguments)
    )


def model_of(
    name: str | None, version: str | None = None, metadata: Mapping[str, str] | None = None
) -> Model | None:
    """A model, or None if it has no name."""
    model_id = fitting_id(name)
    if model_id is None:
        return None
    return Model(
        id=model_id,
        version=None if version is None else fitting_text(version),
        metadata=fitting_texts(metadata or {}),
    )


def attachment_of(uri: str, media_type: str | None = None) -> Attachment:
    """An attachment. Data within the URI is left out: its SHA-256 stands for it (RFC 6920)."""
    if uri.startswith("data:"):
        head, _, data = uri[5:].partition(",")
        hashed = hashlib.sha256(_data_of(head, data)).digest()
        uri = "ni:///sha-256;" + base64.urlsafe_b64encode(hashed).decode().rstrip("=")
        media_type = media_type or head.partition(";")[0] or None
    return Attachment(
        uri=fitting_text(uri), media_type=None if media_type is None else fitting_text(media_type)
    )


def _data_of(head: str, data: str) -> bytes:
    """The data of a data URI; the text itself if it is not the base 64 that it says."""
    if head.endswith(";base64"):
        with suppress(ValueError):
            return base64.b64decode(data)
    return data.encode(errors="replace")
