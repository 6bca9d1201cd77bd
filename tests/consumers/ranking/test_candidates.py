"""Records of prompts with answers, in the shapes that people have, and files of them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.ranking.candidates import read_candidates
from plaudit_consumers.ranking.errors import PromptFileError
from plaudit_consumers.ranking.prompt_files import read_prompt_file
from plaudit_schemas.models.inputs import ToolUse, Turn

from tests.support.services import ROOT

ASKED = (Turn("user", "q"),)


def said(*answers: str) -> list[tuple[Turn, ...]]:
    return [(*ASKED, Turn("assistant", answer)) for answer in answers]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"prompt": "q", "answers": {"a": "one", "b": "two"}}, id="an object of answers"),
        pytest.param(
            {
                "messages": [{"role": "user", "content": "q"}],
                "answers": [{"model": "a", "content": "one"}, {"model": "b", "content": "two"}],
            },
            id="a list of answers",
        ),
        pytest.param(
            {
                "instruction": "q",
                "completions": [{"model": "a", "response": "one"}, {"model": "b", "response": "two"}],
            },
            id="the columns of UltraFeedback",
        ),
        pytest.param(
            {
                "prompt": [{"from": "human", "value": "q"}],
                "responses": {"a": {"role": "assistant", "content": "one"}, "b": {"content": "two"}},
            },
            id="answers that are messages",
        ),
        pytest.param(
            {"model_a": "a", "model_b": "b", "prompt": "q", "response_a": "one", "response_b": "two"},
            id="a battle of texts",
        ),
        pytest.param(
            {
                "model_a": "a",
                "model_b": "b",
                "conversation_a": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "one"}],
                "conversation_b": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "two"}],
                "winner": "model_a",
            },
            id="a battle of conversations",
        ),
        pytest.param(
            {
                "model_a": "a",
                "model_b": "b",
                "prompt": '["q"]',
                "response_a": '["one"]',
                "response_b": '["two"]',
            },
            id="a battle of lists in texts",
        ),
    ],
)
def test_two_answers_to_one_prompt(record: dict[str, Any]) -> None:
    first, second = read_candidates(record)
    assert [first.model, second.model] == ["a", "b"]
    assert [first.turns, second.turns] == said("one", "two")
    assert first.prompt == second.prompt


def test_one_answer_in_a_record_as_in_the_outputs_of_a_model() -> None:
    record = {"instruction": "q", "input": "", "output": "one", "generator": "a"}
    [one] = read_candidates(record)
    assert (one.model, one.turns) == ("a", said("one")[0])
    [other] = read_candidates({"prompt": "q", "model": "b", "answer": "two"})
    assert one.prompt == other.prompt


def test_a_whole_chat_ends_with_the_answer() -> None:
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    [found] = read_candidates({"model": "m", "messages": messages, "system": "s"})
    assert found.turns == (Turn("system", "s"), Turn("user", "q"), Turn("assistant", "a"))
    [same] = read_candidates({"model": "n", "messages": messages[:1], "system": "s", "answer": "b"})
    assert same.prompt == found.prompt
    [asked] = read_candidates({"model": "m", "messages": [*messages, messages[0]], "answer": "b"})
    assert len(asked.turns) == 4


def test_several_answers_of_one_model() -> None:
    found = read_candidates({"prompt": "q", "answers": {"a": ["one", "two"]}})
    assert [one.turns for one in found] == said("one", "two")
    again = read_candidates({"prompt": "q", "answers": [{"model": "a", "content": "one"}] * 2})
    assert len(again) == 2


def test_turns_before_the_answer_are_kept() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "dim", "arguments": {"percent": 30}}}
    record = {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "dim "}, {"type": "text", "text": "it"}]},
            {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
            {"role": "tool", "content": "done", "tool_call_id": "c1"},
        ],
        "answers": {"a": "Dimmed."},
    }
    [one] = read_candidates(record)
    assert one.turns == (
        Turn("system", "Be brief."),
        Turn("user", "dim it"),
        Turn("assistant", "", "hm", (ToolUse("c1", "dim", '{"percent": 30}'),)),
        Turn("tool", "done", tool_call_id="c1"),
        Turn("assistant", "Dimmed."),
    )


def test_an_instruction_with_an_input_is_one_question() -> None:
    [one] = read_candidates({"instruction": "add", "input": "1 2", "output": "3", "model": "a"})
    assert one.turns[0] == Turn("user", "add\n1 2")


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        pytest.param([1], "it is not an object", id="no object"),
        pytest.param({"answers": {"a": "one"}}, "it has no prompt: give one of prompt", id="no prompt"),
        pytest.param(
            {"prompt": 3, "answers": {"a": "b"}}, "neither a text nor a list", id="a number as prompt"
        ),
        pytest.param({"prompt": [], "answers": {"a": "b"}}, "prompt holds no message", id="an empty prompt"),
        pytest.param(
            {"prompt": "q", "model": "a"}, "it has no answers: give one of answers", id="no answers"
        ),
        pytest.param({"prompt": "q", "answers": {}}, "answers is empty", id="empty answers"),
        pytest.param({"prompt": "q", "answers": "a"}, "neither an object of model", id="answers as text"),
        pytest.param({"prompt": "q", "answers": {"a": None}}, "answer of a is neither", id="a null answer"),
        pytest.param({"prompt": "q", "answers": {"a": []}}, "a has no answer", id="no answer of a model"),
        pytest.param({"prompt": "q", "answers": {" ": "x"}}, "name of a model", id="a blank name"),
        pytest.param(
            {"prompt": "q", "answers": ["x"]}, "not an object that names", id="answers without model"
        ),
        pytest.param(
            {"prompt": "q", "answers": [{"content": "x"}]}, "name its model", id="a nameless answer"
        ),
        pytest.param({"prompt": "q", "answers": [{"model": "a"}]}, "it has no answers", id="a model alone"),
        pytest.param(
            {"prompt": "q", "answers": {"a": {"role": "user", "content": "x"}}},
            "message of the user",
            id="an answer of the user",
        ),
        pytest.param(
            {"prompt": "q", "answers": {"a": {"n": 1}}}, "an answer has none of", id="an odd answer"
        ),
        pytest.param(
            {"messages": [{"role": "assistant", "content": "x"}], "answers": {"a": "b"}},
            "ends with the assistant's turn",
            id="an answer in the prompt",
        ),
        pytest.param(
            {"messages": [{"role": "user"}], "answers": {"a": "b"}},
            "has no content",
            id="a user without words",
        ),
        pytest.param(
            {"messages": [{"role": "bot", "content": "x"}], "answers": {"a": "b"}},
            "the role 'bot'",
            id="a bot",
        ),
        pytest.param({"messages": ["x"], "answers": {"a": "b"}}, "not an object", id="a text as message"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "image"}]}], "answers": {"a": "b"}},
            "parts that are all text",
            id="an image",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "x", "reasoning": 1}], "answers": {"a": "b"}},
            "reasoning of a message",
            id="a number as reasoning",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "x", "tool_calls": [1]}], "answers": {"a": "b"}},
            "tool call has no name",
            id="a nameless call",
        ),
        pytest.param(
            {
                "model_a": "a",
                "model_b": "b",
                "conversation_a": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "x"}],
                "conversation_b": [{"role": "user", "content": "z"}, {"role": "assistant", "content": "x"}],
            },
            "differ before their last answers",
            id="two prompts in a battle",
        ),
        pytest.param(
            {"model_a": "a", "model_b": "b", "conversation_a": [{"role": "user", "content": "q"}]},
            "does not end with an answer",
            id="a battle without an answer",
        ),
        pytest.param(
            {"model_a": "a", "model_b": "b", "prompt": "q"}, "response_a is missing", id="no response"
        ),
        pytest.param(
            {"model_a": "a", "model_b": "b", "prompt": '["q", "r"]', "response_a": "x"},
            "2 prompts but 1 texts",
            id="too few responses",
        ),
        pytest.param(
            {"model_a": "a", "model_b": "b", "prompt": 1, "response_a": "x"},
            "neither a text",
            id="battle of numbers",
        ),
    ],
)
def test_a_record_of_no_known_shape_says_what_is_wrong(record: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_candidates(record)


LINE = json.dumps({"prompt": "q", "answers": {"a": "\ud800"}})


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"{LINE}\n\n{LINE}\n".encode(), id="lines"),
        pytest.param(f"\ufeff{LINE}\r\n{LINE}".encode(), id="lines of Windows"),
        pytest.param(f" [{LINE}, {LINE}]".encode(), id="an array"),
        pytest.param(gzip.compress(f"{LINE}\n{LINE}".encode()), id="gzip"),
    ],
)
def test_files_of_records(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "prompts"
    path.write_bytes(content)
    assert [one.turns[-1].content for one in read_prompt_file(path)] == ["\ud800", "\ud800"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(
            b'{"prompt": "q", "answers": {"a": "b"}}\n{"prompt": 1}', "line 2: prompt is", id="a bad line"
        ),
        pytest.param(b'[{"prompt": "q"}]', "record 1: it has no answers", id="a bad record"),
        pytest.param(b'{"prompt": ', "line 1: it is not JSON", id="half a line"),
        pytest.param(b'[{"prompt": ', "is not JSON", id="half an array"),
        pytest.param(b"[" * 100_000, "is not JSON", id="a deep array"),
        pytest.param(b"", "holds no answers", id="an empty file"),
        pytest.param(b"\x1f\x8bxx", "cannot be read", id="damaged gzip"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts"
    path.write_bytes(content)
    with pytest.raises(PromptFileError, match=problem):
        read_prompt_file(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptFileError, match=r"gone cannot be read: No such file"):
        read_prompt_file(tmp_path / "gone")


def test_battles_that_people_have_are_read() -> None:
    path = ROOT.parent / "shared" / "cases" / "arena_battles.jsonl"
    if not path.exists():
        pytest.skip("needs ../shared/cases")
    lines = path.read_text().splitlines()
    found = [read_candidates(json.loads(lines[at])) for at in (0, 1, 3)]
    assert [[one.model for one in each] for each in found] == [["A", "B"]] * 3
    with pytest.raises(ValueError, match="differ before"):
        read_candidates(json.loads(lines[2]))
