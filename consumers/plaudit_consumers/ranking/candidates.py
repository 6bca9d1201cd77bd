"""Reads prompts with the answers of several models from the records of a file. Pure.

A record is a JSON object of one of these shapes:

- a prompt, and `answers` (or `responses`, `completions`): an object of model -> answer, or a list of objects
  that name their `model`. An answer is a text or a message; several answers of one model are a list.
- a prompt, one answer (`answer`, `response`, `output` or `completion`) and its `model` (or `generator`).
- a whole chat: `messages` that end with the answer, and its `model` (or `generator`).
- a battle of Chatbot Arena: `model_a`, `model_b`, and `conversation_a` with `conversation_b`, or a prompt
  with `response_a` and `response_b`.

The prompt is `prompt` (a text or messages), `messages`, or `instruction` with an optional `input`; `system`
may stand beside it. Other fields are not read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any, Final, NamedTuple

from plaudit_schemas.models.inputs import Turn

from plaudit_consumers.ranking.chat_turns import read_turn, read_turns, require

Record = Mapping[str, Any]
_PROMPTS: Final = ("prompt", "messages", "instruction")
_ANSWERS: Final = ("answers", "responses", "completions")
_ANSWER: Final = ("answer", "response", "output", "completion")
_MODEL: Final = ("model", "generator")
_TEXT: Final = ("content", *_ANSWER, "text")


class Candidate(NamedTuple):
    """One model's answer to a prompt.

    Attributes:
        prompt: a hash of the turns before the answer. Records with equal prompts are about one prompt.
        turns: from the first message to the answer.
    """

    prompt: bytes
    model: str
    turns: tuple[Turn, ...]


def read_candidates(record: Any) -> list[Candidate]:
    """The answers of a record.

    Raises:
        ValueError: the record is of no known shape.
    """
    require(isinstance(record, dict), "it is not an object")
    if "model_a" in record and "model_b" in record:
        return _battle(record)
    if _is_chat(record):
        *turns, last = _with_system(record, read_turns(record["messages"], "messages"))
        return [Candidate(_digest(turns), _model_of(record), (*turns, last))]
    prompt = _prompt_of(record)
    named = _first(record, _ANSWERS)
    if named is None:
        answer = _answer_of(record)
        return [_candidate(prompt, _model_of(record), answer)]
    answers = record[named]
    if isinstance(answers, dict):
        pairs = list(answers.items())
    else:
        require(isinstance(answers, list), f"{named} is neither an object of model -> answer nor a list")
        pairs = [(_model_of(each), _answer_of(each)) for each in map(_object, answers)]
    require(bool(pairs), f"{named} is empty")
    return list(chain.from_iterable(_candidates(prompt, _name(model), answer) for model, answer in pairs))


def _candidates(prompt: tuple[Turn, ...], model: str, answer: Any) -> Iterable[Candidate]:
    several = answer if isinstance(answer, list) else [answer]
    if not several:
        raise ValueError(f"{model} has no answer: the list is empty")
    return [_candidate(prompt, model, each) for each in several]


def _candidate(prompt: tuple[Turn, ...], model: str, answer: Any) -> Candidate:
    if isinstance(answer, dict):
        if answer.get("role", "assistant") != "assistant":
            raise ValueError(f"the answer of {model} is a message of the {answer['role']}")
        turn = read_turn({**answer, "role": "assistant", "content": _text_of(answer)})
    else:
        require(isinstance(answer, str), f"the answer of {model} is neither a text nor a message")
        turn = Turn("assistant", answer)
    return Candidate(_digest(prompt), model, (*prompt, turn))


def _text_of(answer: Record) -> Any:
    named = _first(answer, _TEXT)
    if named is None and not answer.get("tool_calls"):
        raise ValueError(f"an answer has none of {', '.join(_TEXT)}")
    return None if named is None else answer[named]


def _prompt_of(record: Record) -> tuple[Turn, ...]:
    named = _first(record, _PROMPTS)
    if named is None:
        raise ValueError(f"it has no prompt: give one of {', '.join(_PROMPTS)}")
    given = record[named]
    if named == "instruction" and isinstance(given, str) and record.get("input"):
        given = f"{given}\n{record['input']}"
    turns = read_turns(given, named)
    if turns[-1].role == "assistant":
        raise ValueError(f"{named} ends with the assistant's turn; the prompt ends before the answer")
    return _with_system(record, turns)


def _with_system(record: Record, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    if not record.get("system"):
        return turns
    return read_turn({"role": "system", "content": record["system"]}), *turns


def _is_chat(record: Record) -> bool:
    """Whether the answer is the last of the messages: it is nowhere else, and a prompt goes before it."""
    messages = record.get("messages")
    if not isinstance(messages, list) or len(messages) < 2 or _first(record, (*_PROMPTS[:1], *_ANSWERS)):
        return False
    is_apart = "content" in record or record.get("tool_calls") or _first(record, _ANSWER)
    return not is_apart and read_turn(messages[-1]).role == "assistant"


def _battle(record: Record) -> list[Candidate]:
    sides = [_side(record, side) for side in ("a", "b")]
    if sides[0].prompt != sides[1].prompt:
        raise ValueError("the two conversations differ before their last answers, so no prompt is shared")
    return sides


def _side(record: Record, side: str) -> Candidate:
    model = _name(record[f"model_{side}"])
    if f"conversation_{side}" in record:
        name = f"conversation_{side}"
        *prompt, answer = read_turns(_decoded(record[name]), name)
        if answer.role != "assistant" or not prompt:
            raise ValueError(f"{name} does not end with an answer to a prompt")
        return Candidate(_digest(prompt), model, (*prompt, answer))
    name = f"response_{side}"
    if name not in record:
        raise ValueError(f"{name} is missing")
    # The 55k battles of LMSYS hold one text for each turn, as a list in JSON text.
    answers, prompts = _texts(record[name]), _texts(record.get("prompt"))
    if len(answers) != len(prompts):
        raise ValueError(f"there are {len(prompts)} prompts but {len(answers)} texts in {name}")
    turns = [
        Turn(role, text)
        for asked, answered in zip(prompts, answers, strict=True)
        for role, text in (("user", asked), ("assistant", answered))
    ]
    return Candidate(_digest(turns[:-1]), model, tuple(turns))


def _texts(value: Any) -> list[str]:
    found = _decoded(value)
    texts = found if isinstance(found, list) else [found]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError("the prompt or a response is neither a text nor a list of texts")
    return texts


def _decoded(value: Any) -> Any:
    """The list that a text holds as JSON; the value itself if it holds none."""
    if isinstance(value, str) and value.startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            return value
        return found if isinstance(found, list) else value
    return value


def _answer_of(record: Record) -> Any:
    if "content" in record or record.get("tool_calls"):
        return record
    named = _first(record, _ANSWER)
    if named is None:
        raise ValueError(f"it has no answers: give one of {', '.join((*_ANSWERS, *_ANSWER))}")
    return record[named]


def _model_of(record: Record) -> str:
    named = _first(record, _MODEL)
    if named is None:
        raise ValueError("an answer does not name its model")
    return _name(record[named])


def _name(model: Any) -> str:
    name = model.strip() if isinstance(model, str) else ""
    require(bool(name), "the name of a model is not a text, or is empty")
    return name


def _object(value: Any) -> Any:
    require(isinstance(value, dict), "an answer in the list is not an object that names its model")
    return value


def _first(record: Record, names: Sequence[str]) -> str | None:
    return next((name for name in names if record.get(name) is not None), None)


def _digest(prompt: Sequence[Turn]) -> bytes:
    text = json.dumps(prompt, ensure_ascii=True)
    return blake2b(text.encode(), digest_size=16).digest()
