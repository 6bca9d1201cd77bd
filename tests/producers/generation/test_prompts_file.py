"""Prompts of a file, and what is said of lines that are none."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.generation.errors import GenerationError
from plaudit_producers.generation.prompts_file import GenerationPrompt, read_prompts
from plaudit_schemas.errors import NotFoundError


def prompts(folder: Path, *lines: Any, limit: int | None = None) -> tuple[GenerationPrompt, ...]:
    path = folder / "prompts.jsonl"
    path.write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8"
    )
    return read_prompts(path, limit)


def test_a_text_has_a_prompt_on_each_line(tmp_path: Path) -> None:
    found = prompts(tmp_path, "Why is the sky blue?", "", "  מה שלומך?  ", "Why is the sky blue?")
    assert [(one.line, one.copy, one.turns[0]["content"]) for one in found] == [
        (1, 0, "Why is the sky blue?"),
        (3, 0, "מה שלומך?"),
        (4, 1, "Why is the sky blue?"),
    ]


def test_json_lines_may_hold_whole_chats(tmp_path: Path) -> None:
    chat = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    given = {"id": 7, "messages": chat, "system": "Be brief.", "tags": {"topic": "greetings"}, "task": "talk"}
    found, plain = prompts(tmp_path, given, {"text": "Hi"})
    assert [turn["role"] for turn in found.turns] == ["system", "user", "assistant", "user"]
    assert (found.own_id, found.task, found.tags, found.has_system) == (
        "7",
        "talk",
        {"topic": "greetings"},
        True,
    )
    assert (plain.own_id, plain.has_system) == ("", False)


def test_a_packed_file_and_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\nthree\n"))
    assert [one.turns[0]["content"] for one in read_prompts(path, 2)] == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("{", "line 2: it is no JSON", id="no JSON"),
        pytest.param("[1]", "line 2: it is no JSON object", id="no object"),
        pytest.param({"promt": "Hi"}, "there is no field promt", id="a typo"),
        pytest.param({"id": "a"}, "it needs one of prompt, messages, text, and has none", id="no prompt"),
        pytest.param({"prompt": "a", "text": "b"}, "has prompt and text", id="two prompts"),
        pytest.param({"prompt": 3}, "a text or a list of messages", id="a number"),
        pytest.param({"prompt": []}, "the last message must be the user's", id="no message"),
        pytest.param({"prompt": " "}, "a text that is not empty", id="an empty text"),
        pytest.param({"prompt": "é" * (1 << 20)}, "longer than an event may hold", id="too long"),
        pytest.param(
            {"messages": [{"role": "robot", "content": "x"}]}, "a role of system", id="an unknown role"
        ),
        pytest.param(
            {"messages": [{"role": "assistant", "content": "x"}]},
            "the last message",
            id="ends with an answer",
        ),
        pytest.param(
            {
                "system": "a",
                "messages": [{"role": "system", "content": "b"}, {"role": "user", "content": "c"}],
            },
            "only the first message",
            id="two system messages",
        ),
        pytest.param({"prompt": "a", "tags": ["b"]}, "tags must be an object", id="tags in a list"),
        pytest.param(
            {"prompt": "a", "tags": {"b": {}}}, "the tag b must be a text", id="a tag that is no text"
        ),
        pytest.param({"prompt": "a", "task": "t" * 129}, "task is too long", id="a long task"),
        pytest.param({"prompt": "a", "id": True}, "id must be a text", id="an odd id"),
    ],
)
def test_a_line_that_is_no_prompt_is_named(tmp_path: Path, line: Any, problem: str) -> None:
    with pytest.raises(GenerationError) as caught:
        prompts(tmp_path, {"prompt": "fine"}, line)
    assert problem in str(caught.value)


def test_all_bad_lines_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"line 2: .*line 3: .*line 4: .*; and 2 more"):
        prompts(tmp_path, {"prompt": "a"}, *["{"] * 5)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"fine\n\xff\xfe\n")
    with pytest.raises(GenerationError, match="line 2: it is not UTF-8"):
        read_prompts(path)
    path.write_bytes(b'{"prompt": "a"}\n' + b"[" * 100_000 + b"\n")
    with pytest.raises(GenerationError, match="line 2: it is"):
        read_prompts(path)


def test_no_prompts_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(GenerationError, match="has no prompts"):
        read_prompts(tmp_path / "empty.txt")
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_prompts(tmp_path / "none.txt")
