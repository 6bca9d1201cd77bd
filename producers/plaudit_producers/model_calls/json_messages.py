"""Messages of chats as JSON, in the forms that client libraries and telemetry write.

Known are the parts of OpenTelemetry, the content of OpenAI's chat and responses APIs, the blocks of
Anthropic, the parts of Gemini, and the messages of Vercel's AI SDK. What is not known is left out. Nothing
here raises: telemetry that reads oddly must not cost the rest of its batch.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plaudit_schemas.contract.events import Attachment, ToolCall
from plaudit_schemas.contract.field_types import Role

from plaudit_producers.model_calls.call import CallMessage
from plaudit_producers.model_calls.values import attachment_of, first_of, tool_call_of
from plaudit_producers.sdk.fitting import fitting_id

_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
_CONTENT: Final = ("content", "text", "refusal", "value")
"""Where a part may hold its text."""
_PLACES: Final = (
    *("uri", "url", "image_url", "file_id", "file_url", "file_data", "file", "image", "data", "source"),
    "input_audio",
)
"""Where a part may say where its file is, or hold it."""
_TEXT_ALONE: Final = frozenset(("role", "content"))
_TOO_DEEP: Final = "[nested too deeply]"
_LONGEST_PLACE: Final = 256  # characters of the id of a file; base64 is longer


def messages_of(value: Any) -> list[CallMessage]:
    """The messages of a list, or of a single message. A text is a message of the user."""
    values = value if isinstance(value, list | tuple) else [value]
    return [message for each in values for message in message_of(each)]


def message_of(value: Any, role: str = "user") -> list[CallMessage]:
    """One message. Results of tools in it become messages of their own.

    Args:
        role: of a message that names none.
    """
    if isinstance(value, str):
        return [CallMessage(role_of(role), value)]
    if not isinstance(value, Mapping):
        return []
    content = value.get("content")
    if isinstance(content, str) and value.keys() == _TEXT_ALONE:  # most are, and histories are long
        return [CallMessage(role_of(value["role"]), content)]
    made = _Parts()
    # Vercel's messages of pages say the same in both.
    made.take_all(value.get("content") or value.get("parts"))
    _take_fields(made, value)
    return made.messages(
        role_of(value.get("role") or role), first_of(value, ("tool_call_id", "toolCallId", "id"))
    )


def role_of(role: Any) -> Role:
    """A role in the words of the contract; `unknown` for one that it has no word for."""
    # OpenTelemetry's roles may be members of an enumeration of texts.
    return _ROLES.get(str(getattr(role, "value", role)).lower(), "unknown")


def tool_calls_of(values: Any) -> tuple[ToolCall, ...]:
    """Tool calls in the form of OpenAI (with a function in each) or of Vercel."""
    made = _Parts()
    made.take_calls(values)
    return tuple(made.calls)


def as_text(value: Any) -> str:
    """A text unchanged, and any other value as compact JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except RecursionError:
        return _TOO_DEEP
    except (TypeError, ValueError):
        return str(value)


@dataclass(slots=True)
class _Parts:
    """What the parts of one message hold."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    results: list[CallMessage] = field(default_factory=list)

    def take_all(self, parts: Any) -> None:
        for part in parts if isinstance(parts, list | tuple) else [parts]:
            self.take(part)

    def take(self, part: Any) -> None:
        if isinstance(part, str):
            self.texts.append(part)
        elif isinstance(part, Mapping):
            kind = str(part.get("type") or _kind_of(part)).replace("-", "_")
            take = _TAKES.get(kind)
            if take is not None:
                take(self, part)

    def take_text(self, part: Mapping[str, Any]) -> None:
        text = first_of(part, _CONTENT)
        if isinstance(text, str):
            self.texts.append(text)

    def take_thought(self, part: Mapping[str, Any]) -> None:
        text = first_of(part, ("content", "text", "thinking", "reasoning"))
        if isinstance(text, str):
            self.thoughts.append(text)

    def take_call(self, part: Mapping[str, Any]) -> None:
        function = first_of(part, ("function", "functionCall", "function_call", "custom"))
        named = function if isinstance(function, Mapping) else part
        name = first_of(named, ("name", "toolName", "tool_name"))
        arguments = first_of(named, ("arguments", "args", "input"))
        call_id = first_of(part, ("id", "toolCallId", "call_id", "tool_call_id"))
        if name is not None or arguments is not None:
            text = "" if arguments is None else as_text(arguments)
            self.calls.append(tool_call_of(_id(call_id), as_text(name or ""), text))

    def take_calls(self, values: Any) -> None:
        for value in values if isinstance(values, list | tuple) else ():
            if isinstance(value, Mapping):
                self.take_call(value)

    def take_result(self, part: Mapping[str, Any]) -> None:
        inner = part.get("functionResponse") or part.get("function_response")
        given = inner if isinstance(inner, Mapping) else part
        result = first_of(given, ("response", "result", "output", "content"))
        call_id = first_of(part, ("id", "tool_use_id", "toolCallId", "call_id", "tool_call_id"))
        self.results.append(CallMessage("tool", _result_text(result), tool_call_id=_id(call_id)))

    def take_file(self, part: Mapping[str, Any]) -> None:
        place = first_of(part, _PLACES)
        if isinstance(place, Mapping):
            place = first_of(place, _PLACES)
        if not isinstance(place, str):
            return
        media_type = _media_type(part)
        if _is_base64(place):
            place = _data_uri(media_type, place)
        self.attachments.append(attachment_of(place, media_type))

    def take_blob(self, part: Mapping[str, Any]) -> None:
        content, media_type = part.get("content"), _media_type(part)
        if isinstance(content, bytes):
            content = base64.b64encode(content).decode()
        if isinstance(content, str):
            self.attachments.append(attachment_of(_data_uri(media_type, content), media_type))

    def messages(self, role: Role, call_id: Any) -> list[CallMessage]:
        said = bool(self.texts or self.thoughts or self.calls or self.attachments)
        if self.results and not said:
            return self.results
        own = CallMessage(
            role,
            "".join(self.texts),
            reasoning="\n".join(self.thoughts) or None,
            tool_calls=tuple(self.calls),
            tool_call_id=_id(call_id) if role == "tool" else None,
            attachments=tuple(self.attachments),
        )
        # A model runs a tool after it has asked for it. A user brings results before saying more.
        return [own, *self.results] if role == "assistant" else [*self.results, own]


_TAKES: Final[Mapping[str, Callable[[_Parts, Mapping[str, Any]], None]]] = {
    **dict.fromkeys(("text", "input_text", "output_text", "refusal"), _Parts.take_text),
    **dict.fromkeys(("reasoning", "thinking"), _Parts.take_thought),
    **dict.fromkeys(("tool_call", "tool_use", "function_call"), _Parts.take_call),
    **dict.fromkeys(
        ("tool_call_response", "tool_result", "function_call_output", "function_response"), _Parts.take_result
    ),
    **dict.fromkeys(
        ("uri", "file", "image", "image_url", "input_image", "input_file", "input_audio", "document"),
        _Parts.take_file,
    ),
    "blob": _Parts.take_blob,
}


def _take_fields(made: _Parts, message: Mapping[str, Any]) -> None:
    """Take what a message holds beside its content."""
    thought, refusal = first_of(message, ("reasoning_content", "reasoning")), message.get("refusal")
    if isinstance(thought, str) and not made.thoughts:
        made.thoughts.append(thought)
    if isinstance(refusal, str) and not made.texts:
        made.texts.append(refusal)
    made.take_calls(message.get("tool_calls") or message.get("toolCalls"))
    if isinstance(message.get("function_call"), Mapping):
        made.take_call(message)


def _kind_of(part: Mapping[str, Any]) -> str:
    """The type of a part that names none, as Gemini's."""
    for name, kind in (
        ("functionCall", "function_call"),
        ("function_call", "function_call"),
        ("functionResponse", "function_response"),
        ("function_response", "function_response"),
        ("text", "text"),
    ):
        if name in part:
            return kind
    return ""


def _result_text(result: Any) -> str:
    """The text of what a tool answered, which may be parts of text or Vercel's object of type and value."""
    if isinstance(result, Mapping) and result.get("type") in ("text", "json", "error-text", "error-json"):
        result = result.get("value", result)
    if isinstance(result, list) and result:
        texts = [first_of(part, _CONTENT) if isinstance(part, Mapping) else None for part in result]
        if all(isinstance(text, str) for text in texts):
            return "".join(map(str, texts))
    return "" if result is None else as_text(result)


def _id(value: Any) -> str | None:
    return fitting_id(str(value)) if isinstance(value, str | int) else None


def _media_type(part: Mapping[str, Any]) -> str | None:
    found = first_of(part, ("mime_type", "mediaType", "media_type", "mimeType"))
    return found if isinstance(found, str) else None


def _data_uri(media_type: str | None, content: str) -> str:
    """A file within a message in the form that OpenAI's API takes, so that its hash is the same."""
    return f"data:{media_type or ''};base64,{content}"


def _is_base64(place: str) -> bool:
    """Whether a text is the file itself, and does not say where it is."""
    return len(place) > _LONGEST_PLACE and ":" not in place[:16]
