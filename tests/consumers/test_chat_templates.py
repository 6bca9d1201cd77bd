"""Every chat template that TRL ships shows the rows of a snapshot, as `datasets` opens them.

What a template makes of TRL's documented examples is what it can do. A row may not fail where they do not.
"""

import json
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]  # it has no types
import pytest
from datasets import load_dataset
from plaudit_infra.main import main

from tests.consumers.builders import kafka_records
from tests.support.finished import encoded
from tests.support.offline_sink import feed, sink
from tests.support.tool_chats import ROOM, one_call_at_a_time, two_calls_at_once, uncalled
from tests.support.trl_wheel import chat_templates, shown

Message = dict[str, Any]
Row = dict[str, Any]
EXAMPLE: list[Message] = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
"""TRL's documented forms: a chat, and below one with a call of a tool."""


def tool_example(calls: int) -> list[Message]:
    function = {"name": "control_light", "arguments": {"room": "attic-3", "state": "on"}}
    return [
        {"role": "user", "content": "Turn on the lights."},
        {"role": "assistant", "tool_calls": [{"type": "function", "function": function}] * calls},
        *[{"role": "tool", "name": "control_light", "content": "The lights are on."}] * calls,
        {"role": "assistant", "content": "Done!"},
    ]


@pytest.fixture(scope="session")
def templates() -> dict[str, str]:
    found = chat_templates()
    assert len(found) > 60
    return found


@pytest.fixture(scope="module")
def for_tools(templates: dict[str, str]) -> dict[str, str]:
    """The templates that show the call of the documented example."""
    found = {}
    for name, template in templates.items():
        text = shown(template, tool_example(1), None)
        if text is not None and "attic-3" in text:
            found[name] = template
    assert len(found) > 35
    assert {"llama3_1", "gptoss", "qwen2_5", "qwen3", "gemma4", "glm4moe"} <= found.keys()
    return found


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of chats with and without tools."""
    folder = tmp_path_factory.mktemp("templates")
    plain = [uncalled(number, tools=None) for number in range(8)]
    made = [*plain, *one_call_at_a_time(8, 20), two_calls_at_once(20)]
    feed(sink(folder / "root"), kafka_records(map(encoded, made)))
    words = ["--root", str(folder / "root"), "--output", str(folder / "snapshot"), "--split", "100/0/0"]
    assert main(["datasets", "build", *words]) == 0
    return folder / "snapshot"


@pytest.fixture
def rows(snapshot: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[Row]:
    """The rows of the subset that the test is for, as a trainer gets them."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", snapshot.parent / "cache")
    found = load_dataset(str(snapshot), request.param, split="train")
    assert len(found) > 5
    return list(found)


def chats(row: Row) -> list[list[Message]]:
    """The chats that a trainer shows to a template: the prompt with each answer."""
    return [row["prompt"] + row[name] for name in ("completion", "chosen", "rejected") if name in row]


def calls(chat: list[Message]) -> list[Message]:
    return [call for message in chat for call in message.get("tool_calls") or ()]


def faults(template: str, row: Row) -> list[str]:
    """What a template makes wrong of a row. All calls of the test's chats have ROOM in their arguments."""
    found = []
    tools = row.get("tools")
    if shown(template, row["prompt"], tools, asks=True) is None:
        found.append("the prompt is refused")
    for chat in chats(row):
        text = shown(template, chat, tools)
        if text is None:
            found.append("an answer is refused")
        elif "None" in text:
            found.append("it says None")
        elif calls(chat) and ROOM not in text:
            found.append("the arguments are missing")
        elif f'\\"{ROOM}' in text:
            found.append("the arguments are a quoted string")
    return found


def one_at_a_time(row: Row) -> bool:
    return all(len(message.get("tool_calls") or ()) < 2 for message in row["prompt"])


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["sft_tools", "preference_tools", "kto_tools"], indirect=True)
def test_every_template_for_tools_shows_the_calls_of_rows(rows: list[Row], for_tools: dict[str, str]) -> None:
    assert any(calls(row["prompt"]) for row in rows)
    assert any(calls(chat[-1:]) for row in rows for chat in chats(row))
    assert not all(one_at_a_time(row) for row in rows)
    found = {
        name: {fault for row in rows if one_at_a_time(row) for fault in faults(template, row)}
        for name, template in for_tools.items()
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["sft_tools"], indirect=True)
def test_two_calls_at_once_are_refused_only_where_the_template_refuses_them_in_any_form(
    rows: list[Row], for_tools: dict[str, str]
) -> None:
    found = {
        name: {fault for row in rows if not one_at_a_time(row) for fault in faults(template, row)}
        for name, template in for_tools.items()
        if shown(template, tool_example(2), None) is not None
    }
    assert len(found) > 30
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("rows", ["sft", "preference", "kto"], indirect=True)
def test_every_template_for_text_shows_rows_without_tools(rows: list[Row], templates: dict[str, str]) -> None:
    for_text = {name: text for name, text in templates.items() if shown(text, EXAMPLE, None) is not None}
    assert len(for_text) > 60
    found = {
        name: {fault for row in rows for fault in faults(template, row)}
        for name, template in for_text.items()
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("rows", ["sft_tools", "preference_tools", "kto_tools"], indirect=True)
def test_a_message_has_only_the_keys_that_apply_to_it(rows: list[Row]) -> None:
    for row in rows:
        for message in [each for chat in chats(row) for each in chat]:
            assert None not in message.values()
            keys = ["role", "content", "tool_calls", "tool_call_id"]
            assert list(message) == [name for name in keys if name in message]
            assert ("content" in message) or message["tool_calls"]
            assert ("tool_call_id" in message) == (message["role"] == "tool")
        made = [call["id"] for call in calls(row["prompt"])]
        assert [each["tool_call_id"] for each in row["prompt"] if each["role"] == "tool"] == made
        assert all(made)
        assert all(isinstance(call["function"]["arguments"], dict) for call in calls(row["prompt"]))
        assert [tool["type"] for tool in json.loads(row["tools"])] == ["function"]


def changed(row: Row, change: Any) -> Row:
    """The row with every message changed."""
    return {
        name: [change(json.loads(json.dumps(each))) for each in value] if isinstance(value, list) else value
        for name, value in row.items()
        if name in ("prompt", "completion", "tools")
    }


def with_text(message: Message) -> Message:
    for call in message.get("tool_calls", ()):
        call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
    return message


def with_nulls(message: Message) -> Message:
    return {"tool_calls": None, "tool_call_id": None, **message}


@pytest.mark.parametrize(
    ("change", "template", "fault"),
    [
        pytest.param(with_text, "qwen2_5", "the arguments are a quoted string", id="text-in-qwen"),
        pytest.param(with_text, "qwen3_6", "an answer is refused", id="text-in-qwen-3.6"),
        pytest.param(with_nulls, "llama3_1", "the prompt is refused", id="null-keys-in-llama"),
    ],
)
@pytest.mark.parametrize("rows", ["sft_tools"], indirect=True)
def test_wrong_forms_are_seen(
    rows: list[Row], change: Any, template: str, fault: str, for_tools: dict[str, str]
) -> None:
    row = next(row for row in rows if calls(row["prompt"]) and one_at_a_time(row))
    assert faults(for_tools[template], row) == []
    assert fault in faults(for_tools[template], changed(row, change))
