"""The content of one message of a ChatGPT export: text, attachments and reasoning.

Shapes: mohamed-chs/convoviz, `docs/dev/chatgpt-spec.md` (3.0, 2026) and `convoviz/models/message.py`; OpenAI
publishes none.
"""

from collections.abc import Mapping
from typing import Any, Final

from plaudit_schemas.contract.events import Attachment

from plaudit_producers.importers.formats import as_text

REASONING: Final = ("thoughts", "reasoning_recap")
"""Types of content that hold what the model thought before its answer."""

_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "code": ("text",),
    "execution_output": ("text",),
    "system_error": ("name", "text"),
    "tether_quote": ("title", "url", "text"),
    "tether_browsing_display": ("result", "summary"),
    "sonic_webpage": ("title", "url", "text"),
    "reasoning_recap": ("content",),
    "model_editable_context": ("model_set_context",),
    "user_editable_context": ("user_profile", "user_instructions"),
}
"""Type of content -> the fields that make its text. Several are joined by line breaks."""

_FILES: Final = "file-service://"


def text_of(content: Mapping[str, Any]) -> str:
    """Return the text of a content, of any type that is known.

    Raises:
        ValueError: the content has no text, in none of the known ways.
    """
    kind = content.get("content_type") or ""
    if kind == "thoughts":
        return "\n".join(as_text(thought.get("content") or "") for thought in content["thoughts"])
    if kind in _TEXTS:
        given = [content.get(name) for name in _TEXTS[kind]]
        return "\n".join(as_text(value) for value in given if value)
    if content.get("parts") is not None:
        return "".join(_part_text(part) for part in content["parts"])
    if isinstance(content.get("text"), str):
        return str(content["text"])
    raise ValueError(f"content of type {kind!r} has no text")


def attachments_of(content: Mapping[str, Any], metadata: Mapping[str, Any]) -> list[Attachment]:
    """Return the images and other assets within a content, and the files that were sent with the message."""
    found: dict[str, str | None] = {}
    for part in content.get("parts") or ():
        for pointer in _pointers(part):
            found[pointer] = None
    for file in metadata.get("attachments") or ():
        media_type = file.get("mimeType") or file.get("mime_type")
        # An image is named twice: by the content's pointer, and by the list of files.
        known = [pointer for pointer in found if file.get("id") and pointer.endswith(file["id"])]
        for pointer in known or [f"{_FILES}{file.get('id') or file['name']}"]:
            found[pointer] = media_type
    return [Attachment(uri=uri, media_type=media_type) for uri, media_type in found.items()]


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if part is None:
        return ""
    if part.get("content_type") == "audio_transcription":  # what was said aloud
        return str(part["text"])
    return ""


def _pointers(part: Any) -> list[str]:
    if not isinstance(part, Mapping):
        return []
    inner = [part, part.get("audio_asset_pointer"), *(part.get("frames_asset_pointers") or ())]
    return [
        each if isinstance(each, str) else each["asset_pointer"]
        for each in inner
        if isinstance(each, str) or (isinstance(each, Mapping) and each.get("asset_pointer"))
    ]
