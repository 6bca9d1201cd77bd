"""The rules of docs/datasets.md for chats with tools."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset  # type: ignore[import-untyped]  # it has no types
from plaudit_consumers.rows.schemas import SCHEMAS
from plaudit_consumers.rows.tool_forms import normal_tools, read_arguments

from tests.consumers.builders import TRAINING_SUBSETS, lost, rows, units
from tests.support.finished import Record, chat, comparison, correction, finished, like, message

CALL = {"id": "t1", "name": "clock", "arguments": '{"zone": "UTC"}'}
TOOLS = '[{"type": "function", "function": {"name": "clock"}}]'


def made(found: dict[str, list[Record]]) -> dict[str, int]:
    return {subset: len(found[subset]) for subset in TRAINING_SUBSETS if found[subset]}


def nested(depth: int) -> str:
    """JSON text of an object with so many levels."""
    return f'{{"a": {"[" * (depth - 1)}1{"]" * (depth - 1)}}}'


def with_call(*feedback: Record, call: Record | None = None, **more: Any) -> Record:
    """A question `q`, a call `c`, the tool's answer `t` and the assistant's answer `a`."""
    return finished(
        message("q", "user"),
        message("c", tool_calls=[CALL if call is None else call], content=""),
        message("t", "tool", tool_call_id="t1", content="12:00"),
        message("a"),
        feedback=list(feedback),
        **more,
    )


def test_chats_with_tools_go_to_subsets_of_their_own() -> None:
    found = rows(with_call(like("a"), like("c"), correction("a", "noon"), tools=TOOLS))
    assert made(found) == {"sft_tools": 2, "preference_tools": 1, "kto_tools": 2}
    call = next(row for row in found["sft_tools"] if row["message_ids"] == ["c"])
    assert call["completion"] == [
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
            ],
        }
    ]
    corrected = next(row for row in found["sft_tools"] if row["message_ids"] == ["a"])
    assert corrected["tools"] == TOOLS
    assert corrected["prompt"] == [
        {"role": "user", "content": "text of q"},
        *call["completion"],
        {"role": "tool", "content": "12:00", "tool_call_id": "t1"},
    ]
    assert corrected["completion"] == [{"role": "assistant", "content": "noon"}]
    pair = found["preference_tools"][0]
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("noon", "text of a")


def test_messages_of_chats_with_tools_say_that_they_are_json() -> None:
    for subset in ("sft_tools", "preference_tools", "kto_tools"):
        assert SCHEMAS[subset].field("prompt").type.value_type == pa.json_(pa.string())


def test_a_call_with_a_text_keeps_it() -> None:
    spoken = finished(
        message("q", "user"), message("a", tool_calls=[CALL], content="Let me see."), feedback=[like("a")]
    )
    assert rows(spoken)["sft_tools"][0]["completion"][0]["content"] == "Let me see."


def test_tools_on_offer_count_even_when_unused() -> None:
    assert made(rows(chat(like("a"), tools=TOOLS))) == {"sft_tools": 1, "kto_tools": 1}
    assert made(rows(chat(like("a"), tools="[]"))) == {"sft": 1, "kto": 1}
    own = finished(message("q", "user"), message("a", tools="[]"), tools=TOOLS, feedback=[like("a")])
    assert made(rows(own)) == {"sft": 1, "kto": 1}


@pytest.mark.parametrize(
    "arguments",
    ["not json", '"text"', "[1]", "3", '{"a": NaN}', '{"a": 1e999}', r'{"a": "\ud800"}', "[" * 9999,
     f'{{"a": {2**64}}}', f'{{"a": {-(2**63) - 1}}}', f'{{"a": {"9" * 5000}}}', nested(501)],
    ids=["words", "a string", "a list", "a number", "NaN", "too large a number", "half a pair", "no end",
         "more than 64 bits", "less than 64 bits", "thousands of digits", "too deep"],
)  # fmt: skip
def test_arguments_that_are_no_json_object_make_no_row(arguments: str) -> None:
    broken = with_call(like("a"), like("c"), call={**CALL, "arguments": arguments})
    assert (made(rows(broken)), lost(broken)) == ({}, {"arguments_not_json": 2})


def test_a_correction_of_broken_arguments_is_a_target_and_no_pair() -> None:
    broken = with_call(correction("c", "At noon."), call={**CALL, "arguments": "not json"}, tools=TOOLS)
    assert made(rows(broken)) == {"sft_tools": 1}


@pytest.mark.parametrize(
    "arguments",
    [f'{{"a": {2**64 - 1}}}', f'{{"a": {-(2**63)}}}', nested(500)],
    ids=["64 bits", "64 bits below zero", "deep"],
)
def test_arguments_that_datasets_just_reads_make_a_row(arguments: str, tmp_path: Path) -> None:
    (row,) = rows(with_call(like("c"), call={**CALL, "arguments": arguments}))["sft_tools"]
    read = json.loads(arguments)
    assert row["completion"][0]["tool_calls"][0]["function"]["arguments"] == read
    texts = pa.array([json.dumps(row["completion"][0])])
    pq.write_table(pa.table({"message": texts.cast(pa.json_(pa.string()))}), tmp_path / "rows.parquet")
    opened = load_dataset(
        "parquet", data_files=str(tmp_path / "rows.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert opened[0]["message"]["tool_calls"][0]["function"]["arguments"] == read


@pytest.mark.parametrize(
    "arguments",
    ["", " ", "{}", "null", " null\n"],
    ids=["none", "blank", "empty", "no value", "no value in blanks"],
)
def test_a_call_without_arguments_has_an_empty_object(arguments: str) -> None:
    row = rows(with_call(like("c"), call={**CALL, "arguments": arguments}))["sft_tools"][0]
    assert row["completion"][0]["tool_calls"][0]["function"]["arguments"] == {}


@pytest.mark.parametrize("name", ["", " "], ids=["empty", "blank"])
def test_a_call_without_a_name_makes_no_row(name: str) -> None:
    nameless = {**CALL, "name": name}
    assert lost(with_call(like("c"), call=nameless)) == {"call_without_name": 1}
    assert lost(with_call(like("a"), call=nameless)) == {"call_without_name": 1}


@pytest.mark.parametrize(
    "tools", ["clock", '["clock"]', "[{}]", '[{"type": "function"}]', '[{"name": 3}]', "3"],
    ids=["no json", "names", "empty", "a wrapper alone", "no name", "a number"],
)  # fmt: skip
def test_tools_that_no_template_can_read_make_no_row(tools: str) -> None:
    assert lost(chat(like("a"), tools=tools)) == {"tools_not_readable": 1}


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ('[{"name": "f", "parameters": {"a": 1}}]', [{"name": "f", "parameters": {"a": 1}}]),
        ('{"name": "f"}', [{"name": "f"}]),
        ('[{"type": "function", "name": "f"}]', [{"name": "f"}]),
        ('[{"name": "f", "input_schema": {"a": 1}}]', [{"name": "f", "parameters": {"a": 1}}]),
        ('[{"function": {"name": "f"}}]', [{"name": "f"}]),
        ('[{"type": "function", "function": {"name": "é"}}]', [{"name": "é"}]),
    ],
    ids=["bare", "one", "flat", "another name of parameters", "wrapper without type", "whole"],
)
def test_tools_get_the_form_that_templates_read(tools: str, expected: list[Any]) -> None:
    row = rows(chat(like("a"), tools=tools))["sft_tools"][0]
    assert json.loads(row["tools"]) == [{"type": "function", "function": one} for one in expected]


@pytest.mark.parametrize(
    "tools",
    [None, "", " ", "null", "[]", "{}"],
    ids=["none", "empty", "blank", "a null", "no item", "no field"],
)
def test_no_tools_are_none(tools: str | None) -> None:
    assert normal_tools(tools) is None


def test_arguments_are_kept_as_they_were_written() -> None:
    read = read_arguments('{ "b": 1,"a":"é"}')
    assert read is not None
    assert (read.text, read.canonical) == ('{ "b": 1,"a":"é"}', '{"a": "é", "b": 1}')


def test_calls_without_an_id_get_one_that_the_tools_answer_names() -> None:
    nameless = finished(
        message("q", "user"),
        message("c", tool_calls=[{**CALL, "id": ""}, {**CALL, "id": "", "arguments": '{"zone": "CET"}'}]),
        message("t1", "tool", content="12"),
        message("t2", "tool", content="13"),
        message("a"),
        feedback=[like("a"), like("c")],
    )
    row = next(row for row in rows(nameless)["sft_tools"] if row["message_ids"] == ["a"])
    assert [call["id"] for call in row["prompt"][1]["tool_calls"]] == ["call00001", "call00002"]
    assert [turn["tool_call_id"] for turn in row["prompt"][2:]] == ["call00001", "call00002"]
    call = next(row for row in rows(nameless)["sft_tools"] if row["message_ids"] == ["c"])
    assert [each["id"] for each in call["completion"][0]["tool_calls"]] == ["call00001", "call00002"]


def test_the_ids_of_calls_do_not_tell_two_answers_apart() -> None:
    one = with_call(like("a"), tools=TOOLS, offset=0)
    other = with_call(like("a", rater={"id": "v"}), call={**CALL, "id": "x", "arguments": '{"zone":"UTC"}'})
    other["messages"][2]["tool_call_id"] = "x"
    other["tools"] = TOOLS.replace(" ", "")
    assert [row["votes"] for row in rows(one, other)["kto_tools"]] == [2]
    another = with_call(like("a"), call={**CALL, "arguments": '{"zone": "CET"}'}, tools=TOOLS)
    assert [row["votes"] for row in rows(one, another)["kto_tools"]] == [1, 1]


def test_an_answer_of_the_tool_to_another_call_is_another_prompt() -> None:
    def called(*order: str, rater: str) -> Record:
        answers = [message(f"t{at}", "tool", tool_call_id=name) for at, name in enumerate(order)]
        for at, each in enumerate(answers):
            each["content"] = f"said {at}"
        calls = [{**CALL, "id": "x"}, {**CALL, "id": "y", "arguments": '{"zone": "CET"}'}]
        return finished(
            message("q", "user"),
            message("c", tool_calls=calls, content=""),
            *answers,
            message("a"),
            feedback=[like("a", rater={"id": rater})],
        )

    assert len(rows(called("x", "y", rater="r"), called("y", "x", rater="s"))["kto_tools"]) == 2
    assert len(rows(called("x", "y", rater="r"), called("x", "y", rater="s"))["kto_tools"]) == 1


def test_two_calls_are_a_pair() -> None:
    calls = [{**CALL, "arguments": f'{{"zone": "{zone}"}}'} for zone in ("UTC", "CET")]
    chosen = finished(
        message("q", "user"),
        *(
            message(f"a{at}", parent_id="q", tool_calls=[call], content="")
            for at, call in enumerate(calls, start=1)
        ),
        tools=TOOLS,
        comparisons=[comparison([["a2"], ["a1"]])],
    )
    (row,) = rows(chosen)["preference_tools"]
    assert row["chosen"][0]["tool_calls"][0]["function"]["arguments"] == {"zone": "CET"}
    assert row["rejected"][0]["tool_calls"][0]["function"]["arguments"] == {"zone": "UTC"}


def test_a_plain_chat_beside_one_with_tools_has_no_calls() -> None:
    found = units(chat(like("a"), offset=0), with_call(like("a"), offset=1), chat(like("a"), offset=2))
    assert [unit["has_tools"] for unit in found] == [False, True, False]
    assert [unit["prompt"][-1]["tool_call_id"] for unit in found] == [None, "t1", None]
    assert [turn["tool_calls"] is None for turn in found[1]["prompt"]] == [True, False, True]
