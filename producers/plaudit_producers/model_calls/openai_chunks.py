"""Gathers the chunks of streams of OpenAI's two chat APIs. Chunks are objects of a client, or plain JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from plaudit_schemas.contract.events import TokenUsage

from plaudit_producers.model_calls.call import CallAnswer
from plaudit_producers.model_calls.ended_answers import ended_answer
from plaudit_producers.model_calls.openai_bodies import (
    Body,
    body_usage,
    completion_answers,
    response_answers,
)

_FINAL: Final = frozenset(
    ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
)
_WHOLE: Final = _FINAL | {"response.created"}
_ITEMS: Final = frozenset(("response.output_item.added", "response.output_item.done"))
_PARTS: Final = frozenset(
    f"response.{name}.delta"
    for name in (
        *("output_text", "refusal", "reasoning_summary_text", "reasoning_text"),
        *("function_call_arguments", "custom_tool_call_input", "mcp_call_arguments"),
    )
)
"""The types of events that bring a part of an item."""
_NOTHING: Final[dict[str, Any]] = {}


class ChunkGatherer(Protocol):
    """Gathers the chunks of one stream.

    Attributes:
        said: whether a chunk has brought a part of an answer.
        response_id, model: what the server calls the response, and the model that made it.
    """

    said: bool
    response_id: str | None
    model: str | None

    def take(self, chunk: Any) -> None:
        """Take the next chunk."""

    def answers(self, failure: str | None = None) -> tuple[CallAnswer, ...]:
        """The answers as far as they came.

        Args:
            failure: a sentence that says why the stream broke off; None if it did not.
        """

    def usage(self) -> TokenUsage | None:
        """The tokens that were counted, if the server said so."""


def fields_of(source: Any) -> Mapping[str, Any]:
    """The fields of an object of a client, or of a JSON object; none of any other value."""
    if isinstance(source, dict):
        return source
    fields: dict[str, Any] = getattr(source, "__dict__", _NOTHING)
    extra = getattr(source, "__pydantic_extra__", None)  # fields that the client does not know
    return {**fields, **extra} if extra else fields


def plain(value: Any) -> Any:
    """An object of a client as JSON; other values unchanged."""
    dump = getattr(value, "model_dump", None)
    return value if dump is None else dump(exclude_unset=True, warnings=False)


@dataclass(slots=True)
class _Choice:
    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: dict[Any, dict[str, Any]] = field(default_factory=dict)
    finish_reason: str | None = None

    def take(self, delta: Mapping[str, Any]) -> bool:
        """Take a delta. Returns whether it says anything."""
        said = False
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        for text, gathered in (
            (delta.get("content"), self.texts),
            (delta.get("refusal"), self.refusals),
            (thought, self.thoughts),
        ):
            if text and isinstance(text, str):
                gathered.append(text)
                said = True
        for call in delta.get("tool_calls") or ():
            self._take_call(fields_of(call))
            said = True
        return said

    def _take_call(self, call: Mapping[str, Any]) -> None:
        made = self.calls.setdefault(call.get("index"), {"id": None, "name": "", "arguments": []})
        made["id"] = made["id"] or call.get("id")
        function = fields_of(call.get("function") or call.get("custom"))
        made["name"] += function.get("name") or ""
        made["arguments"].append(function.get("arguments") or function.get("input") or "")

    def body(self) -> Body:
        calls = [
            {"id": made["id"], "function": {"name": made["name"], "arguments": "".join(made["arguments"])}}
            for made in self.calls.values()
        ]
        message = {
            "content": "".join(self.texts),
            "refusal": "".join(self.refusals) or None,
            "reasoning_content": "".join(self.thoughts) or None,
            "tool_calls": calls,
        }
        return {"message": message, "finish_reason": self.finish_reason}


class CompletionChunks:
    """Gathers the chunks of a chat completion, of all its choices."""

    def __init__(self) -> None:
        self.said = False
        self.response_id: str | None = None
        self.model: str | None = None
        self._choices: dict[int, _Choice] = {}
        self._usage: Any = None

    def take(self, chunk: Any) -> None:
        fields = fields_of(chunk)
        if self.response_id is None:
            self.response_id, self.model = fields.get("id"), fields.get("model")
        self._usage = fields.get("usage") or self._usage
        for choice in fields.get("choices") or ():
            self._take_choice(fields_of(choice))

    def _take_choice(self, choice: Mapping[str, Any]) -> None:
        index = choice.get("index") or 0
        gathered = self._choices.get(index)
        if gathered is None:
            gathered = self._choices[index] = _Choice()
        if gathered.take(fields_of(choice.get("delta"))):
            self.said = True
        gathered.finish_reason = choice.get("finish_reason") or gathered.finish_reason

    def answers(self, failure: str | None = None) -> tuple[CallAnswer, ...]:
        choices = [self._choices[index].body() for index in sorted(self._choices)]
        answers = completion_answers({"choices": choices or [{}]})
        if failure is None:
            return answers
        return tuple(ended_answer(each.message, each.finish_reason, failure) for each in answers)

    def usage(self) -> TokenUsage | None:
        return body_usage({"usage": plain(self._usage)})


class ResponseEvents:
    """Gathers the events of a response. The last event holds the whole response, if it comes."""

    def __init__(self) -> None:
        self.said = False
        self.response_id: str | None = None
        self.model: str | None = None
        self._final: Any = None
        self._error: str | None = None
        self._items: dict[int, Any] = {}
        self._parts: dict[int, list[str]] = {}

    def take(self, event: Any) -> None:
        fields = fields_of(event)
        kind = fields.get("type")
        if kind in _PARTS:
            self._parts.setdefault(fields["output_index"], []).append(fields.get("delta") or "")
            self.said = True
        elif kind in _ITEMS:
            self._items[fields["output_index"]] = fields.get("item")
        elif kind == "error":
            self._error = str(fields.get("message") or "no reason was given")
        elif kind in _WHOLE:
            response = fields.get("response")
            told = fields_of(response)
            self.response_id, self.model = told.get("id"), told.get("model")
            self._final = response if kind in _FINAL else None

    def answers(self, failure: str | None = None) -> tuple[CallAnswer, ...]:
        if self._final is not None:
            return response_answers(plain(self._final))
        output = [self._item(index) for index in sorted(self._items)]
        if self._error is not None:
            failure = f"The server sent an error: {self._error}"
        (answer,) = response_answers({"status": "incomplete", "output": output})
        if failure is None:
            return (CallAnswer(answer.message, "cut"),)
        return (ended_answer(answer.message, failure=failure),)

    def usage(self) -> TokenUsage | None:
        return body_usage({"usage": plain(fields_of(self._final).get("usage"))})

    def _item(self, index: int) -> Body:
        """An item as far as it came: whole, or what its deltas have brought."""
        item = plain(self._items[index])
        found = dict(item) if isinstance(item, Mapping) else {}
        if found.get("status") == "completed" or index not in self._parts:
            return found
        text = "".join(self._parts[index])
        kind = str(found.get("type"))
        if kind == "message":
            return {**found, "content": [{"type": "output_text", "text": text}]}
        if kind == "reasoning":
            return {**found, "summary": [{"type": "summary_text", "text": text}]}
        return {**found, "arguments": text}
