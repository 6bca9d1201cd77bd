"""ShareGPT: records of `{"conversations": [{"from", "value"}]}`, as a JSON array or as JSON lines.

Some files have `role` and `content` in place of `from` and `value`. LLaMA-Factory's fields are taken, too:
`system`, `tools`, `images`, `chosen` and `rejected`, and `kto_tag`.
"""

from typing import Any, Final

from plaudit_schemas.contract.events import Attachment, ToolCall

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect, json_file
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.importers.labels import add_label
from plaudit_producers.importers.messages import attachment_of
from plaudit_producers.importers.sample import Recognised, Sample

_ROLES = {
    "human": "user", "user": "user",
    "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "bing": "assistant",
    "bard": "assistant", "claude": "assistant", "model": "assistant",
    "system": "system",
    "observation": "tool", "tool": "tool", "function_response": "tool",
    "function_call": "assistant", "tool_call": "assistant",
}  # fmt: skip
_CALLS = ("function_call", "tool_call")
_IMAGE: Final = "<image>"  # stands in a text where one of the record's images belongs


def build_sharegpt(chat: Chat, record: Any) -> None:
    turns = expect(expect(record, dict, "a record")["conversations"], list, "conversations")
    for turn in turns:
        expect(turn, dict, "a turn")
    tools = record.get("tools")
    chat.identify(record.get("id"))
    chat.start(
        model=record.get("model"),
        tools=as_text(tools) if tools else None,
        tags={"original_id": as_text(record["id"])} if record.get("id") is not None else {},
    )
    if record.get("system"):
        chat.add_message("system", record["system"])
    answer = _Turns(chat, _images_of(record, turns)).add(turns)
    if "chosen" in record:  # preference data: two answers to the last turn
        chat.compare_answers([_text_of(record["chosen"]), _text_of(record["rejected"])])
    elif answer:
        add_label(chat, record, answer)
    chat.end()


class _Turns:
    """Adds turns to a chat, and the images to the turns that show them."""

    def __init__(self, chat: Chat, images: list[Attachment]) -> None:
        self._chat, self._images = chat, images
        self._open_calls: list[str] = []

    def add(self, turns: list[Any]) -> str:
        """Add all turns. Returns the id of the last answer, or ""."""
        answer = ""
        for turn in turns:
            names = _names_of(turn)
            speaker, value = turn[names[0]], turn[names[1]]
            if speaker not in _ROLES:
                raise ValueError(f"{names[0]} must be one of {', '.join(_ROLES)}, not {speaker!r}")
            role = _ROLES[speaker]
            message_id = self._add_calls(value) if speaker in _CALLS else self._add_text(role, value)
            answer = message_id if role == "assistant" else answer
        if self._images:
            self._chat.note(
                f"{len(self._images)} images are not taken: no text has a mark {_IMAGE} left for them"
            )
        return answer

    def _add_text(self, role: str, text: Any) -> str:
        fields: dict[str, Any] = {}
        if role == "tool" and self._open_calls:  # the last call may have several answers
            several = len(self._open_calls) > 1
            fields["tool_call_id"] = self._open_calls.pop(0) if several else self._open_calls[0]
        wanted = str(text).count(_IMAGE)
        if self._images and wanted:
            fields["attachments"], self._images = self._images[:wanted], self._images[wanted:]
        return self._chat.add_message(role, text, **fields)

    def _add_calls(self, text: Any) -> str:
        """Add a turn of one tool call, or of a list of them. The format has no ids of calls."""
        given = _call_in(text) if isinstance(text, str) else text
        calls = [
            ToolCall(
                id=self._chat.new_call_id(), name=call["name"], arguments=as_text(call.get("arguments") or {})
            )
            for call in (given if isinstance(given, list) else [given])
        ]
        self._open_calls = [call.id for call in calls]
        return self._chat.add_message("assistant", "", tool_calls=calls)


def _call_in(text: str) -> Any:
    try:
        return parse_json(text.encode(errors="surrogatepass"))
    except ValueError as error:
        raise ValueError(f"a function call {error}") from None


def _images_of(record: Any, turns: list[Any]) -> list[Attachment]:
    """The record's images, if all are given by address and a text has a mark for one.

    Else they are not taken: nobody can say which turn shows an image, and whether the answer needs it.
    """
    images = record.peek("images")
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        return []
    if not any(_IMAGE in str(turn.peek(_names_of(turn)[1])) for turn in turns):
        return []
    record.skip("images")
    return [attachment_of(image) for image in images]


def _text_of(turn: Any) -> str:
    if isinstance(turn, str):
        return turn
    speaker, text = _names_of(turn)
    turn.skip(speaker)
    content: str = turn[text]
    return content


def _names_of(turn: Any) -> tuple[str, str]:
    """The names of the fields with a turn's speaker and its text."""
    return ("role", "content") if "role" in turn and "from" not in turn else ("from", "value")


def recognise(sample: Sample) -> Recognised | None:
    for record in sample.objects or [{}]:
        turns = record.get("conversations")
        if not isinstance(turns, list) or not all(
            isinstance(turn, dict) and all(name in turn for name in _names_of(turn)) for turn in turns
        ):
            return None
    return Recognised(0.9, "its records have conversations, each turn with its speaker and text")


FORMAT = json_file(
    "sharegpt",
    build_sharegpt,
    help="ShareGPT: records of conversations, each turn with from and value",
    recognises=recognise,
)
