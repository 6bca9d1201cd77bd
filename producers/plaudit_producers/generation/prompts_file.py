"""Reads prompts: JSON lines, or a text with a prompt on each line (docs/generating.md)."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from plaudit_schemas.contract.field_types import too_long
from plaudit_schemas.contract.limits import METADATA_ENTRIES

from plaudit_producers.chat.texts import whole_text
from plaudit_producers.generation.errors import GenerationError
from plaudit_producers.importers.source import open_source

_SHOWN: Final = 3
_LONGEST_TAG: Final = 1000
_FIELDS: Final = frozenset(("id", "prompt", "messages", "text", "system", "tags", "task"))
_TEXTS: Final = ("prompt", "messages", "text")
_ROLES: Final = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class GenerationPrompt:
    """A prompt, or a chat that ends with one.

    Attributes:
        line: its line in the file, from 1 on.
        own_id: the file's own id of it.
        turns: `{"role": ..., "content": ...}`; a system message may be the first, the last is the user's.
        copy: how many prompts of the same content come before it.
    """

    line: int
    turns: tuple[Mapping[str, str], ...]
    own_id: str = ""
    task: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    copy: int = 0

    @property
    def has_system(self) -> bool:
        """Whether it begins with a system message of its own."""
        return self.turns[0]["role"] == "system"


def read_prompts(path: str | Path, limit: int | None = None) -> tuple[GenerationPrompt, ...]:
    """The prompts of a file, plain or gzip; `-` is standard input.

    Args:
        limit: read only so many.

    Raises:
        NotFoundError: the file cannot be read.
        GenerationError: lines are no prompts; it names the first ones.
    """
    found: list[GenerationPrompt] = []
    problems: list[str] = []
    copies: Counter[str] = Counter()
    with open_source(path) as source:
        as_json = source.peek() == b"{"
        for number, line in source.lines():
            if limit is not None and len(found) >= limit:
                break
            if line is not None and not line.strip():
                continue
            try:
                prompt = _prompt(number, _document(line, as_json=as_json))
            except (ValueError, RecursionError) as error:
                problems.append(f"line {number}: {_reason(error)}")
                continue
            content = json.dumps([prompt.own_id, prompt.turns], sort_keys=True)
            found.append(_numbered(prompt, copies[content]))
            copies[content] += 1
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise GenerationError(f"{path} has lines that are no prompts: {'; '.join(problems[:_SHOWN])}{more}")
    if not found:
        raise GenerationError(f"{path} has no prompts; write one on each line")
    return tuple(found)


def _document(line: bytes | None, *, as_json: bool) -> Mapping[str, Any]:
    if line is None:
        raise ValueError("it is too long")
    if not as_json:
        return {"prompt": line.decode().strip()}
    document = json.loads(line)
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  # of a file, not of a call
    return document


def _prompt(number: int, document: Mapping[str, Any]) -> GenerationPrompt:
    unknown = [str(name) for name in document if name not in _FIELDS]
    if unknown:
        raise ValueError(f"there is no field {unknown[0]}; there are {', '.join(sorted(_FIELDS))}")
    given = [name for name in _TEXTS if document.get(name) is not None]
    if len(given) != 1:
        raise ValueError(f"it needs one of {', '.join(_TEXTS)}, and has {' and '.join(given) or 'none'}")
    turns = list(_turns(document[given[0]]))
    if document.get("system") is not None:
        turns.insert(0, _turn("system", document["system"]))
    _check_order(turns)
    own_id = document.get("id")
    return GenerationPrompt(
        line=number,
        turns=tuple(turns),
        own_id="" if own_id is None else _text(own_id, "id"),
        task=None if document.get("task") is None else _short(document["task"], "task"),
        tags=_tags(document.get("tags") or {}),
    )


def _turns(value: Any) -> Iterator[Mapping[str, str]]:
    if isinstance(value, str):
        yield _turn("user", value)
        return
    if not isinstance(value, list):
        raise ValueError("a prompt is a text or a list of messages")  # noqa: TRY004  # of a file, not of a call
    for message in value:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise ValueError(f"a message has a content and a role of {', '.join(_ROLES)}")
        yield _turn(message["role"], message.get("content"))


def _turn(role: str, content: Any) -> Mapping[str, str]:
    if not isinstance(content, str) or not content.strip():
        raise ValueError(f"the content of a {role} message must be a text that is not empty")
    if too_long(content):
        raise ValueError(f"the content of a {role} message is longer than an event may hold")
    return {"role": role, "content": whole_text(content)}


def _check_order(turns: Sequence[Mapping[str, str]]) -> None:
    if not turns or turns[-1]["role"] != "user":
        raise ValueError("the last message must be the user's: it is the one that is answered")
    if any(turn["role"] == "system" for turn in turns[1:]):
        raise ValueError("only the first message may be of the system")


def _tags(given: Any) -> Mapping[str, str]:
    if not isinstance(given, dict) or len(given) > METADATA_ENTRIES // 2:
        raise ValueError(f"tags must be an object of at most {METADATA_ENTRIES // 2} texts")
    return {_short(name, "a tag"): _short(value, f"the tag {name}") for name, value in given.items()}


def _short(value: Any, name: str) -> str:
    text = _text(value, name)
    if len(text) > (128 if name == "task" else _LONGEST_TAG):
        raise ValueError(f"{name} is too long")
    return text


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(f"{name} must be a text")
    return whole_text(str(value))


def _numbered(prompt: GenerationPrompt, copy: int) -> GenerationPrompt:
    return GenerationPrompt(prompt.line, prompt.turns, prompt.own_id, prompt.task, prompt.tags, copy)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON ({error.msg})"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error) if isinstance(error, ValueError) else "it is nested too deeply"
