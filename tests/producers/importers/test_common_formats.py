"""openai-chat and sharegpt: what real files of these formats hold, bad records, plain and packed."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.producers.importers.exports import AWKWARD, import_records, only, turns
from tests.producers.importers.files import import_file


def test_openai_messages_keep_roles_texts_and_calls(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    tools = [{"type": "function", "function": {"name": "weather"}}]
    record = {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "name": "ann", "content": AWKWARD},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": ""},
            {"role": "assistant", "content": "Rain.", "weight": 0},
        ],
        "tools": tools, "model": "m-1", "user": "u-1", "id": 7, "metadata": {"topic": "weather"},
    }  # fmt: skip
    chat = only(import_records(tmp_path, "openai-chat", record))
    assert turns(chat) == [
        ("system", "Be brief."),
        ("user", AWKWARD),
        ("assistant", ""),
        ("tool", ""),
        ("assistant", "Rain."),
    ]
    messages = list(chat.messages.values())
    assert [message.parent_id for message in messages] == ["", *chat.messages][:-1]
    assert messages[0].metadata == {"role": "developer"}
    assert messages[1].metadata == {"name": "ann"}
    assert messages[2].tool_calls[0].arguments == '{"city": "Bern"}'
    assert messages[3].tool_call_id == "c1"
    assert messages[4].metadata == {"weight": "0"}
    assert chat.start.model is not None
    assert (chat.start.model.id, chat.start.user_id) == ("m-1", "u-1")
    assert json.loads(chat.start.tools or "") == tools
    assert chat.start.tags == {"topic": "weather", "original_id": "7"}


def test_openai_parts_and_former_ways(tmp_path: Path) -> None:
    part = {"type": "text"}
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    record = {
        "messages": [
            {"role": "user", "content": [part | {"text": " one "}, image, part | {"text": "two"}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": None, "refusal": "I will not."},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": {"a": 1}}},
            {"role": "function", "name": "f", "content": "1"},
        ],
        "functions": "as text",
    }  # fmt: skip
    chat = only(import_records(tmp_path, "openai-chat", record, lines=False))
    messages = list(chat.messages.values())
    assert [message.content for message in messages] == [" one two", "no", "I will not.", "", "1"]
    assert messages[0].attachments[0].uri == "https://example.org/a.png"
    assert messages[3].tool_calls[0].arguments == '{"a": 1}'
    assert chat.start.tools == "as text"


@pytest.mark.parametrize(
    ("name", "record", "reason"),
    [
        pytest.param("openai-chat", {"prompt": "x"}, "lacks 'messages'", id="openai without messages"),
        pytest.param("openai-chat", [1], "must be an object", id="openai as a list"),
        pytest.param(
            "openai-chat",
            {"messages": [{"role": "boss", "content": "x"}]},
            "role must be one of",
            id="openai with an unknown role",
        ),
        pytest.param(
            "openai-chat",
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "input_audio",
            id="openai with audio",
        ),
        pytest.param(
            "openai-chat",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:x"}]}]},
            "within the record",
            id="openai with an image inside",
        ),
        pytest.param(
            "openai-chat",
            {"messages": [{"role": "user", "content": 3}]},
            "content must be a list",
            id="openai with a number as content",
        ),
        pytest.param("sharegpt", {"conversations": {}}, "must be a list", id="sharegpt without a list"),
        pytest.param(
            "sharegpt",
            {"conversations": [{"from": "alien", "value": "x"}]},
            "from must be one of",
            id="sharegpt from an unknown speaker",
        ),
        pytest.param(
            "sharegpt",
            {"conversations": [{"from": "function_call", "value": "no json"}]},
            "a function call is not valid JSON",
            id="sharegpt with a broken call",
        ),
        pytest.param(
            "sharegpt",
            {"conversations": [], "chosen": "x"},
            "lacks 'rejected'",
            id="sharegpt with one of a pair",
        ),
    ],
)
def test_bad_records_say_why(tmp_path: Path, name: str, record: Any, reason: str) -> None:
    good = {
        "messages": [{"role": "user", "content": "x"}],
        "conversations": [{"from": "human", "value": "x"}],
    }
    outcome = import_records(tmp_path, name, good, record, good)
    assert outcome.report.bad == 1
    assert reason in outcome.report.examples[0]
    assert outcome.report.examples[0].startswith("line 2: ")
    assert len(outcome.chats) == 2


@pytest.mark.parametrize("array", [False, True], ids=["lines", "array"])
def test_sharegpt_turns(tmp_path: Path, array: bool) -> None:
    record = {
        "id": "abc_0",
        "system": "Be kind.",
        "tools": '[{"name": "f"}]',
        "conversations": [
            {"from": "human", "value": AWKWARD},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
            {"from": "observation", "value": "42"},
            {"from": "gpt", "value": ""},
        ],
    }
    chat = only(import_records(tmp_path, "sharegpt", record, lines=not array))
    assert turns(chat) == [
        ("system", "Be kind."), ("user", AWKWARD), ("assistant", ""), ("tool", "42"), ("assistant", ""),
    ]  # fmt: skip
    call, answer = list(chat.messages.values())[2:4]
    assert call.tool_calls[0].name == "f"
    assert answer.tool_call_id == call.tool_calls[0].id
    assert chat.start.tags["original_id"] == "abc_0"
    assert chat.start.tools == '[{"name": "f"}]'


def test_sharegpt_turns_may_have_role_and_content(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": AWKWARD}]
    pair = {
        "chosen": {"role": "assistant", "content": "a"},
        "rejected": {"role": "assistant", "content": "b"},
    }
    outcome = import_records(tmp_path, "sharegpt", {"conversations": messages, **pair})
    assert turns(only(outcome))[0] == ("user", AWKWARD)
    assert len(only(outcome).comparisons) == 1
    assert outcome.report.fields == {}


def test_sharegpt_preferences_are_comparisons_of_siblings(tmp_path: Path) -> None:
    record = {
        "conversations": [{"from": "human", "value": "q"}],
        "chosen": {"from": "gpt", "value": "good"}, "rejected": {"from": "gpt", "value": "bad"},
    }  # fmt: skip
    chat = only(import_records(tmp_path, "sharegpt", record))
    (comparison,) = chat.comparisons
    assert [chat.messages[group[0]].content for group in comparison.ranking] == ["good", "bad"]
    assert len({chat.messages[message_id].parent_id for message_id in comparison.candidates}) == 1


def test_packed_and_plain_files_make_the_same_events(tmp_path: Path) -> None:
    record = {"messages": [{"role": "user", "content": AWKWARD}]}
    plain = import_records(tmp_path, "openai-chat", record)
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress((tmp_path / "export").read_bytes()))
    marked = tmp_path / "marked"  # a byte order mark, as some editors leave it
    marked.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "export").read_bytes())
    for path in (packed, marked):
        assert import_file(path, "openai-chat").producer.messages == plain.producer.messages
