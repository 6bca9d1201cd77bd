"""The fields that annotation tools show: which of them are the prompt, and which are answers to it.

Such tools let each project name its fields, so their names tell what they hold.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text
from plaudit_producers.importers.records import ReadRecord

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_INDEX: Final = re.compile(r"\d+|[a-z]|left|right|one|two|first|second")
_ANSWERS: Final = frozenset(
    ("answer", "answers", "response", "responses", "completion", "completions", "output", "outputs",
     "generation", "generations", "reply", "replies", "candidate", "candidates", "chosen", "rejected",
     "continuation", "items", "results", "options")
)  # fmt: skip
_PROMPTS: Final = frozenset(
    ("prompt", "question", "instruction", "instructions", "input", "query", "request", "user", "context",
     "text", "document", "passage", "article", "dialog", "dialogue", "dialogs", "conversation",
     "conversations", "chat", "messages", "history", "message", "task")
)  # fmt: skip
_REFERENCES: Final = frozenset(
    ("reference", "expected", "gold", "golden", "ideal", "target", "ground", "truth")
)
_SPEAKERS: Final = {
    "user": "user", "human": "user", "prompter": "user", "customer": "user",
    "assistant": "assistant", "ai": "assistant", "bot": "assistant", "gpt": "assistant", "model": "assistant",
    "agent": "assistant", "chatbot": "assistant",
    "system": "system", "tool": "tool",
}  # fmt: skip
_SAID: Final = ("content", "text", "value")


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """Which fields are the prompt, in the order of the chat, and which are rival answers to it."""

    prompts: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(slots=True)
class ShownFields:
    """The messages that fields became.

    Attributes:
        messages: the id of the message of each field; of a list of turns it is the last one.
        texts: what those messages say.
        answers: the names of the answers, in the order in which they were shown.
    """

    messages: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    def named(self, name: str) -> str | None:
        """Return the field that a tool calls `name`, such as `answer1` for a tag `answer-1`."""
        if name in self.messages:
            return name
        alike = [given for given in self.messages if plain_name(given) == plain_name(name)]
        return alike[0] if len(alike) == 1 else None

    def judged(self, name: str = "") -> str | None:
        """Return the field that a judgement of `name` is about, or the answer if there is one only."""
        found = self.named(name)
        if found is None:
            names = self.answers or list(self.messages)[-1:]
            found = names[0] if len(names) == 1 else None
        return found

    def add(self, chat: Chat, name: str, role: str, text: str) -> None:
        """Add a message of a field, as an answer if its name is among them."""
        add = chat.add_answer if name in self.answers else chat.add_message
        self.messages[name], self.texts[name] = add(role, text, metadata={"field": name}), text


def words_of(name: str) -> list[str]:
    """Split a name such as `modelResponse_1` into its words, in lower case."""
    return [word.lower() for word in _WORD.findall(name)]


def plain_name(name: str) -> str:
    """Return a name without case and separators, so that `answer-1` and `answer1` are alike."""
    return "".join(words_of(name))


def choose_fields(record: ReadRecord, names: Sequence[str], answers: Collection[str] = ()) -> FieldChoice:
    """Tell by the fields' names which are shown. The values are only looked at, and do not count as read.

    Args:
        names: the fields that may be shown.
        answers: fields that are answers whatever their names say.

    Raises:
        ValueError: no field holds a text, or the prompt or all answers have no content.
    """
    values = {name: record.peek(name) for name in names}
    meant = {plain_name(name) for name in answers}
    rivals = [
        name
        for name, value in values.items()
        if value and (_is_answer(name) or plain_name(name) in meant) and isinstance(value, str | list)
    ]
    texts = [name for name, value in values.items() if name not in rivals and _is_shown(value)]
    prompts = [name for name in texts if _is_prompt(name)] or texts[:1]
    if not prompts and not rivals:
        raise ValueError("no field holds a text that could be a message")
    for found, means in ((prompts, _is_prompt), (rivals, _is_answer)):
        empty = [name for name, value in values.items() if value in (None, []) and means(name)]
        if empty and not found:
            raise ValueError(f"the field {empty[0]} has no content")
    prompts.sort(key=lambda name: _role_of(name) != "system")
    return FieldChoice(tuple(prompts), tuple(rivals))


def other_fields(record: ReadRecord, names: Sequence[str], choice: FieldChoice) -> dict[str, str]:
    """Return the fields that are no message, as tags."""
    rest = [name for name in names if name not in choice.prompts + choice.answers]
    return {name: as_text(record[name]) for name in rest if record.peek(name) is not None}


def add_fields(chat: Chat, record: ReadRecord, choice: FieldChoice) -> ShownFields:
    """Add the prompt, and below it the answers as siblings."""
    shown = ShownFields()
    for name in choice.prompts:
        for role, text in _turns_of(name, record[name]):
            shown.add(chat, name, role, text)
    for name in choice.answers:
        for key, text in _texts_of(name, record[name]):
            shown.answers.append(key)
            shown.add(chat, key, "assistant", text)
    return shown


def _texts_of(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each answer in a field: a text, a list of texts, or a list of items."""
    if isinstance(value, str):
        yield name, value
    for number, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield f"{name}[{number}]", item
        elif isinstance(item, dict):
            text = next(
                (item[key] for key in ("body", "text", "content", "html", "title") if item.get(key)), ""
            )
            yield as_text(item.get("id", f"{name}[{number}]")), text


def _turns_of(name: str, value: str | Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield _role_of(name), value
        return
    for turn in value:
        speaker = turn.get("role") or turn.get("author") or turn.get("from") or turn.get("speaker")
        if str(speaker).lower() not in _SPEAKERS:
            raise ValueError(f"the role in {name} must be one of {', '.join(_SPEAKERS)}, not {speaker!r}")
        yield _SPEAKERS[str(speaker).lower()], next(turn[key] for key in _SAID if key in turn)


def _is_shown(value: Any) -> bool:
    return bool(value) and (isinstance(value, str) or _is_chat(value))


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, dict)
        and turn.keys() & {"role", "author", "from", "speaker"}
        and turn.keys() & set(_SAID)
        for turn in value
    )


def _role_of(name: str) -> str:
    return "system" if words_of(name)[:1] == ["system"] else "user"


def _is_answer(name: str) -> bool:
    words = words_of(name)
    return _kind_word(words) in _ANSWERS and not _REFERENCES.intersection(words)


def _is_prompt(name: str) -> bool:
    return _role_of(name) == "system" or _kind_word(words_of(name)) in _PROMPTS


def _kind_word(words: list[str]) -> str:
    """The last word that is no number or side: `response` of `model_response_a`."""
    return next((word for word in reversed(words) if not _INDEX.fullmatch(word)), "")
