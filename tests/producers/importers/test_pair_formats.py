"""TRL, OpenAI's preferences, answers rated on several aspects; labels, tool calls and images of chats."""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers import Chat, ImportOptions, Place
from plaudit_producers.importers.outcome import describe_aspects
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects
from plaudit_schemas.contract.feedback import Number, Rater, Thumb

from tests.producers.importers.exports import import_records, only, turns
from tests.producers.importers.files import Imported, Outcome, import_file
from tests.support.services import shared_data

USER, GOOD, BAD = (
    {"role": role, "content": text} for role, text in (("user", "q"), ("assistant", "a"), ("assistant", "b"))
)
CALL = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}


def case(name: str, form: str, **options: Any) -> Outcome:
    return import_file(shared_data(f"../cases/{name}.jsonl"), form, **options)


def pair_of(chat: Imported) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The paths to the better and the worse end of the one comparison."""
    (comparison,) = chat.comparisons
    better, worse = (group[0] for group in comparison.ranking)
    return chat.path_to(better), chat.path_to(worse)


def votes(chat: Imported) -> list[tuple[str, bool]]:
    found = []
    for body in chat.feedback:
        assert isinstance(body.feedback.value, Thumb)
        found.append((chat.messages[body.message_id or ""].content, body.feedback.value.like))
    return found


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"prompt": "q", "chosen": "a", "rejected": "b"}, id="texts"),
        pytest.param({"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]}, id="messages"),
        pytest.param({"chosen": [USER, GOOD], "rejected": [USER, BAD]}, id="the prompt within"),
        pytest.param({"prompt": "q", "chosen": [USER, GOOD], "rejected": [USER, BAD]}, id="the prompt twice"),
        pytest.param({"prompt": None, "chosen": [USER, GOOD], "rejected": [USER, BAD]}, id="an empty prompt"),
    ],
)
def test_trl_pairs(tmp_path: Path, record: dict[str, Any]) -> None:
    chat = only(import_records(tmp_path, "trl", record))
    assert pair_of(chat) == ([("user", "q"), ("assistant", "a")], [("user", "q"), ("assistant", "b")])
    assert len(chat.messages) == 3


SYSTEM = {"role": "system", "content": "s"}


def test_a_prompt_that_both_answers_repeat_is_not_missed(tmp_path: Path) -> None:
    """As UltraFeedback has it: the prompt as a text, and perhaps a system message in the answers only."""
    plain = {"prompt": "q", "chosen": [USER, GOOD], "rejected": [USER, BAD]}
    within = {"chosen": [{**USER, "mark": 1}, GOOD], "rejected": [{**USER, "mark": 1}, BAD]}
    before = {"prompt": "q", "chosen": [SYSTEM, USER, GOOD], "rejected": [SYSTEM, USER, BAD]}
    outcome = import_records(tmp_path, "trl", plain, within, before)
    assert dict(outcome.report.fields) == {"chosen[].mark": (1, 2)}
    question = [("user", "q")]
    for chat, start in zip(outcome.chats, ([], [], [("system", "s")]), strict=True):
        assert pair_of(chat) == (
            [*start, *question, ("assistant", "a")],
            [*start, *question, ("assistant", "b")],
        )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param({"prompt": "q", "completion": "a", "label": True}, [("a", True)], id="liked"),
        pytest.param({"prompt": [USER], "completion": [GOOD], "label": 0}, [("a", False)], id="disliked"),
        pytest.param({"prompt": "q", "completion": "a"}, [], id="a demonstration"),
        pytest.param({"prompt": "q", "completion": "a", "label": None}, [], id="no label"),
    ],
)
def test_trl_completions(tmp_path: Path, record: Any, expected: list[tuple[str, bool]]) -> None:
    outcome = import_records(tmp_path, "trl", record)
    chat = only(outcome)
    assert turns(chat) == [("user", "q"), ("assistant", "a")]
    assert votes(chat) == expected
    assert outcome.summary.unrated == (not expected)
    assert outcome.report.fields == {}


def test_trl_answers_of_several_turns_are_branches_whose_ends_are_compared(tmp_path: Path) -> None:
    calls = [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "42"}, GOOD]
    record = {"system": "s", "prompt": [USER], "chosen": calls, "rejected": [BAD], "tools": [{"name": "f"}]}
    outcome = import_records(tmp_path, "trl", record)
    assert "several messages, so the ends make no training pair" in outcome.report.note_examples[0]
    chat = only(outcome)
    better, worse = pair_of(chat)
    beginning = [("system", "s"), ("user", "q")]
    assert better == [*beginning, ("assistant", ""), ("tool", "42"), ("assistant", "a")]
    assert worse == [*beginning, ("assistant", "b")]
    assert json.loads(chat.start.tools or "") == [{"name": "f"}]


def test_a_pair_is_the_same_under_another_seed(tmp_path: Path) -> None:
    records = [{"prompt": f"{n}", "chosen": f"a{n}", "rejected": f"b{n}"} for n in range(30)]
    first, other = (import_records(tmp_path, "trl", *records, seed=seed) for seed in (0, 1))
    assert {event.event_id for event in first.events} == {event.event_id for event in other.events}
    shown = [[chat.comparisons[0].candidates for chat in outcome.chats] for outcome in (first, other)]
    assert shown[0] != shown[1]


@pytest.mark.parametrize("name", ["trl", "openai-preference"])
def test_equal_answers_are_told(tmp_path: Path, name: str) -> None:
    record = {
        "prompt": "q", "chosen": "a", "rejected": "a",
        "input": {"messages": [USER]}, "preferred_output": [GOOD], "non_preferred_output": [GOOD],
    }  # fmt: skip
    outcome = import_records(tmp_path, name, record)
    assert outcome.report.note_examples == [
        "line 1: both answers are the same, so the comparison says nothing"
    ]
    assert len(only(outcome).messages) == 3


@pytest.mark.parametrize(
    ("name", "record", "reason"),
    [
        pytest.param("trl", {"prompt": "q"}, "lacks 'chosen'", id="a prompt alone"),
        pytest.param("trl", {"chosen": "a", "rejected": "b"}, "without a prompt", id="two texts"),
        pytest.param("trl", {"prompt": "q", "completion": []}, "holds no message", id="no answer"),
        pytest.param("trl", {"prompt": 3, "completion": "a"}, "must be a list", id="a number as prompt"),
        pytest.param(
            "trl", {"chosen": [GOOD], "rejected": [BAD]}, "different messages", id="nothing in common"
        ),
        pytest.param(
            "openai-preference",
            {"input": {"messages": [USER]}, "preferred_output": [], "non_preferred_output": [BAD]},
            "has no message",
            id="an empty output",
        ),
        pytest.param("multi-aspect", {"prompt": "q", "clarity": 1}, "lacks 'response'", id="no response"),
        pytest.param("multi-aspect", {"response": "a"}, "lacks 'prompt'", id="no prompt"),
        pytest.param(
            "multi-aspect",
            {"prompt": "q", "response": "a", "helpfulness": 9},
            "number",
            id="a rating beyond its scale",
        ),
    ],
)
def test_bad_records_say_why(tmp_path: Path, name: str, record: Any, reason: str) -> None:
    outcome = import_records(tmp_path, name, record)
    assert outcome.summary.records == 0
    assert reason in outcome.report.examples[0]


@pytest.mark.parametrize("name", ["trl_preference", "openai_preference"])
def test_the_shared_pairs(name: str) -> None:
    chat = only(case(name, name.replace("_preference", "-preference").replace("trl-preference", "trl")))
    assert pair_of(chat) == ([("user", "q"), ("assistant", "a")], [("user", "q"), ("assistant", "b")])


def test_the_shared_labels() -> None:
    openai = case("openai_chat_with_label", "openai-chat")
    assert votes(only(openai)) == [("a", False)]
    assert set(openai.report.fields) == {"rating", "chosen", "feedback"}
    sharegpt = case("sharegpt_with_kto_tag", "sharegpt")
    assert votes(only(sharegpt)) == [("a", False)]
    assert set(sharegpt.report.fields) == {"images", "label", "rating", "score"}
    asked = next(iter(only(sharegpt).messages.values()))
    assert not asked.attachments


@pytest.mark.parametrize("label", ["good", 0.5, 2, None, [True]], ids="label {}".format)
def test_a_label_that_is_no_yes_or_no_is_not_taken(tmp_path: Path, label: Any) -> None:
    outcome = import_records(tmp_path, "openai-chat", {"messages": [USER, GOOD], "label": label})
    assert votes(only(outcome)) == []
    assert set(outcome.report.fields) == ({"label"} if label is not None else set())


def test_the_shared_tool_calls() -> None:
    first, second = case("openai_tool_calls", "openai-chat").chats
    called = list(first.messages.values())[2]
    assert [(call.id, json.loads(call.arguments)) for call in called.tool_calls] == [
        ("c1", {"percent": 30}),
        ("c2", {"percent": 20}),
    ]
    assert list(second.messages.values())[1].tool_calls[0].arguments == "not json"
    called, answer = list(only(case("trl_tool_calls", "openai-chat")).messages.values())[1:3]
    assert json.loads(called.tool_calls[0].arguments) == {"a": 1}
    assert answer.tool_call_id == called.tool_calls[0].id


def call(name: str, call_id: str | None = None) -> dict[str, Any]:
    return {"id": call_id, "function": {"name": name, "arguments": "{}"}}


def tool(text: str, **fields: Any) -> dict[str, Any]:
    return {"role": "tool", "content": text, **fields}


@pytest.mark.parametrize(
    ("calls", "answers"),
    [
        pytest.param([call("f"), call("g")], [tool("f"), tool("g")], id="in their order"),
        pytest.param([call("f"), call("g")], [tool("g", name="g"), tool("f", name="f")], id="by their names"),
        pytest.param([call("f"), call("g")], [tool("f", tool_call_id="1"), tool("g")], id="an answer's"),
        pytest.param([call("f", "1"), call("g", "2")], [tool("f"), tool("g")], id="ids of calls"),
        pytest.param([call("f", "1"), call("g")], [tool("g"), tool("f", tool_call_id="1")], id="one id"),
        pytest.param([{"name": "f", "arguments": {}}], [tool("f")], id="a call without its wrapper"),
        pytest.param([{"name": "f"}], [tool("f")], id="a call without arguments"),
    ],
)  # fmt: skip
def test_calls_are_tied_to_their_answers(tmp_path: Path, calls: list[Any], answers: list[Any]) -> None:
    messages = [USER, {"role": "assistant", "tool_calls": calls}, *answers, GOOD]
    asked, *turns_after = list(
        only(import_records(tmp_path, "openai-chat", {"messages": messages})).messages.values()
    )[1:]
    names = {made.id: made.name for made in asked.tool_calls}
    assert len(names) == len(calls)
    assert [names[turn.tool_call_id or ""] for turn in turns_after[:-1]] == [
        answer["content"] for answer in answers
    ]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        pytest.param({"role": "user"}, "message 2, of role user, has no content", id="user, missing"),
        pytest.param({"role": "user", "content": None}, "has no content", id="user, null"),
        pytest.param({"role": "user", "content": []}, "has no content", id="user, no parts"),
        pytest.param({"role": "developer"}, "of role system, has no content", id="system, missing"),
        pytest.param({"role": "assistant", "content": None}, "has no content", id="assistant, null"),
        pytest.param({"role": "tool"}, "of role tool, has no content", id="tool, missing"),
        pytest.param({"role": "user", "content": ""}, "", id="user, an empty text"),
        pytest.param({"role": "user", "content": [""]}, "", id="user, an empty part"),
        pytest.param({"role": "assistant", "tool_calls": [CALL]}, "", id="assistant with calls"),
        pytest.param({"role": "assistant", "refusal": "no"}, "", id="assistant with a refusal"),
        pytest.param({"role": "tool", "content": None}, "", id="tool, null"),
    ],
)
def test_messages_without_content(tmp_path: Path, message: Any, says: str) -> None:
    outcome = import_records(tmp_path, "openai-chat", {"messages": [USER, message]})
    assert outcome.report.bad == bool(says)
    assert says in "".join(outcome.report.examples)


@pytest.mark.parametrize(
    "value", [{"from": "human", "value": None}, {"from": "human"}], ids=["null", "missing"]
)
def test_a_sharegpt_turn_without_content_is_refused(tmp_path: Path, value: Any) -> None:
    assert import_records(tmp_path, "sharegpt", {"conversations": [value]}).report.bad == 1


def test_reasoning_and_fields_that_are_not_taken(tmp_path: Path) -> None:
    answer = {**GOOD, "reasoning_content": "hm", "audio": {"id": "x"}, "annotations": []}
    outcome = import_records(tmp_path, "openai-chat", {"messages": [USER, answer], "split": "train"})
    assert list(only(outcome).messages.values())[1].reasoning == "hm"
    assert outcome.report.fields == {"messages[].audio": (1, 1), "split": (1, 1)}


@pytest.mark.parametrize(
    ("texts", "images", "expected"),
    [
        pytest.param(["q", "a"], ["1", "2"], [0, 0], id="without marks"),
        pytest.param(["see <image>", "a", "and <image>"], ["1", "2"], [1, 0, 1], id="with marks"),
        pytest.param(["see <image>", "a"], ["1", "2"], [1, 0], id="one too many"),
        pytest.param(["q", "a"], [{"bytes": "x"}], [0, 0], id="the images themselves"),
    ],
)
def test_sharegpt_images(tmp_path: Path, texts: list[str], images: list[Any], expected: list[int]) -> None:
    speakers = ("human", "gpt", "human")
    record = {
        "conversations": [{"from": who, "value": text} for who, text in zip(speakers, texts, strict=False)],
        "images": images,
    }
    outcome = import_records(tmp_path, "sharegpt", record)
    assert [len(message.attachments) for message in outcome.chats[0].messages.values()] == expected
    lost = len(images) - sum(expected)
    assert outcome.report.noted + len(outcome.report.fields) == bool(lost)


def aspect(name: str, direction: Any = "higher_is_better", **more: Any) -> AspectDeclaration:
    return AspectDeclaration(name=name, kinds=("number",), levels=("message",), direction=direction, **more)


def test_the_shared_aspects_and_what_is_said_of_them() -> None:
    outcome = case("multi_aspect_ratings", "multi-aspect")
    assert len(outcome.chats) == 2
    given = {
        body.feedback.aspect: (
            body.feedback.value.number,
            body.feedback.value.minimum,
            body.feedback.value.maximum,
        )
        for body in outcome.chats[0].feedback
        if isinstance(body.feedback.value, Number)
    }
    assert given == {
        "helpfulness": (4, 0, 4), "correctness": (4, 0, 4), "coherence": (4, 0, 4), "complexity": (1, 0, 4),
        "verbosity": (0, 0, 4),
    }  # fmt: skip
    assert {body.feedback.rater for body in outcome.chats[0].feedback} == {Rater(kind="reviewer")}
    said = describe_aspects(outcome.summary, Aspects.none())
    assert "coherence (2), complexity (2), correctness (2), helpfulness (2), verbosity (2)" in said
    assert "They give training rows only where" in said
    some = Aspects({"import": [aspect(name) for name in ("helpfulness", "correctness", "coherence")]})
    partly = describe_aspects(outcome.summary, some)
    assert "not declared: complexity (2), verbosity (2). They give training rows only where" in partly
    every = Aspects({"*": [aspect(name) for name in given]})
    assert describe_aspects(outcome.summary, every) == ""


def test_a_declared_aspect_has_its_declared_scale(tmp_path: Path) -> None:
    record = {"prompt": "q", "response": "a", "toxicity": 7, "unknown": 3, "helpfulness": 2, "flag": True}
    declared = Aspects({"shop": [aspect("toxicity", "lower_is_better", minimum=1, maximum=7)]})
    outcome = import_records(tmp_path, "multi-aspect", record, application="shop", aspects=declared)
    values = {body.feedback.aspect: body.feedback.value for body in only(outcome).feedback}
    assert values == {
        "toxicity": Number(number=7, minimum=1, maximum=7),
        "helpfulness": Number(number=2, minimum=0, maximum=4),
    }
    assert set(outcome.report.fields) == {"unknown", "flag"}


def test_the_answers_to_one_prompt_share_a_chat(tmp_path: Path) -> None:
    answers = [
        {"prompt": "q", "response": text, "helpfulness": n, "clarity": 1} for n, text in enumerate("abc")
    ]
    before = import_records(tmp_path, "multi-aspect", *answers[:2])
    outcome = import_records(
        tmp_path, "multi-aspect", answers[2], *answers[:2], {"prompt": "r", "response": "x", "verbosity": 1}
    )
    assert [len(chat.messages) for chat in outcome.chats] == [4, 2]
    assert {message.parent_id for message in list(outcome.chats[0].messages.values())[1:]} == {
        next(iter(outcome.chats[0].messages))
    }
    added = {event.event_id for event in outcome.events} - {event.event_id for event in before.events}
    assert len(added) == 3 + 5  # an answer, its rating and the end; and all of the second chat
    assert outcome.report.fields == {"clarity": (3, 1)}


def test_what_a_chat_can_say() -> None:
    chat = Chat(Place(1, 1), ImportOptions(), "f")
    answer = chat.add_message("assistant", "It is 5 o'clock.")
    other = chat.add_answer("assistant", "Late.", parent_id="")
    chat.rate(answer, 3.5, minimum=1, maximum=7, raters=12)
    chat.mark_spans(answer, [{"start": 6, "end": 7, "label": "wrong"}])
    chat.compare([answer, other], [answer, other], strength=0.25)
    rated, marked, compared = (record["body"][1] for record in chat.batch().records[-3:])
    assert rated["feedback"]["value"][1]["raters"] == 12
    assert marked["feedback"]["value"][1]["spans"][0]["label"] == "wrong"
    assert compared["strength"] == 0.25
    assert not any("\0" in json.dumps(record).replace("\\u0000", "\0") for record in chat.batch().records)
