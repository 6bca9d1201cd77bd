"""The `redact` hook: a function over an event's record, before it is encoded and spooled."""

from collections.abc import Callable

from plaudit_schemas.codec import Record

Redact = Callable[[Record], Record]
"""Takes the record of an event as `ConversationEvent.to_record` tells (fields that hold their default
may be missing) and returns the one to send, the same or another. Called on the sender's thread, so
it delays the chat. What it returns is validated again; if it raises, nothing is sent."""

_TEXTS = {
    "plaudit.v1.AddMessage": ("content", "reasoning"),
    "plaudit.v1.CompareMessages": ("comment",),
    "plaudit.v1.EraseConversation": ("reason",),
}
_VALUE_TEXTS = {"plaudit.v1.Text": "text", "plaudit.v1.Correction": "content"}


def redact_texts(replace: Callable[[str], str]) -> Redact:
    """A hook that puts every free text of people and models through `replace`.

    That is: content, reasoning and arguments of tool calls, comments, and the texts of feedback. Ids, names,
    labels, tags, metadata, prompts, tools and parameters stay as they are: they are the product's own.
    """

    def redact(record: Record) -> Record:
        name, body = record["body"]
        _replace(body, _TEXTS.get(name, ()), replace)
        for call in body.get("tool_calls", ()):
            _replace(call, ("arguments",), replace)
        feedback = body.get("feedback")
        if feedback is not None:
            _replace(feedback, ("comment",), replace)
            if feedback.get("value") is not None:
                kind, value = feedback["value"]
                if kind in _VALUE_TEXTS:
                    _replace(value, (_VALUE_TEXTS[kind],), replace)
        return record

    return redact


def _replace(holder: Record, fields: tuple[str, ...], replace: Callable[[str], str]) -> None:
    for field in fields:
        if holder.get(field) is not None:
            holder[field] = replace(holder[field])
