"""langsmith: runs of models and what was said about them, mixed, nested and in files of their own."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.contract.feedback import Correction, Label, Number, Rater, Signal, Text, Thumb

from tests.producers.importers.exports import AWKWARD, import_records, only, turns, words


def run(
    run_id: str = "t", kind: str = "llm", inputs: Any = None, outputs: Any = None, **fields: Any
) -> dict[str, Any]:
    return {
        "id": run_id,
        "trace_id": "t",
        "run_type": kind,
        "name": "chat",
        "parent_run_id": None if run_id == "t" else "t",
        "start_time": "2024-01-02T03:04:05.5",
        "end_time": "2024-01-02T03:04:06",
        "inputs": {"messages": [{"role": "user", "content": AWKWARD}]} if inputs is None else inputs,
        "outputs": {
            "choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]
        }
        if outputs is None
        else outputs,
        **fields,
    }


def feedback(
    key: str = "user_score", run_id: str | None = "t", source: str = "api", **fields: Any
) -> dict[str, Any]:
    return {
        "id": f"f-{key}",
        "run_id": run_id,
        "key": key,
        "created_at": "2024-01-02T04:00:00Z",
        "feedback_source": {"type": source, "user_id": "u7" if source == "app" else None},
        **fields,
    }


def lc(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": kwargs}


CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        pytest.param(None, None, id="of OpenAI's client"),
        pytest.param(
            {"messages": [[lc("HumanMessage", content=AWKWARD)]]},
            {"generations": [[{"text": "yes", "message": lc("AIMessage", content="yes")}]]},
            id="of LangChain",
        ),
        pytest.param(
            {"messages": [{"type": "human", "data": {"content": AWKWARD}}]},
            {"messages": [{"type": "human", "content": AWKWARD}, {"type": "ai", "content": "yes"}]},
            id="of LangGraph",
        ),
        pytest.param({"prompts": [AWKWARD]}, {"generations": [[{"text": "yes"}]]}, id="of a completion"),
        pytest.param({"messages": [["human", AWKWARD]]}, {"output": "yes"}, id="pairs"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "text", "text": AWKWARD}]}]},
            {"role": "assistant", "content": [{"type": "text", "text": "yes"}]},
            id="of Anthropic's client",
        ),
        pytest.param({"question": AWKWARD, "k": 3}, {"answer": "yes"}, id="named fields"),
        pytest.param({"anything": AWKWARD}, {"whatever": "yes"}, id="one field"),
    ],
)
def test_every_form_of_input_and_output_is_a_chat(tmp_path: Path, inputs: Any, outputs: Any) -> None:
    chat = only(import_records(tmp_path, "langsmith", run(inputs=inputs, outputs=outputs)))
    assert turns(chat) == [("user", AWKWARD), ("assistant", "yes")]
    answered = next(event for event in chat.events if event.body is chat.messages["t"])
    assert answered.occurred_at == datetime(2024, 1, 2, 3, 4, 6, tzinfo=UTC)


def test_a_run_knows_its_model_its_user_and_its_thread(tmp_path: Path) -> None:
    extra = {
        "metadata": {"ls_model_name": "m-1", "user_id": "u", "thread_id": "th", "tier": "pro"},
        "invocation_params": {"temperature": 0},
    }
    record = run(extra=extra, prompt_tokens=3, completion_tokens=4, tags=["a", "b"], error="cut off")
    chat = only(import_records(tmp_path, "langsmith", record, lines=False))
    assert (chat.start.user_id, chat.start.session) == ("u", "th")
    assert {"tier": "pro", "name": "chat", "tags": "a, b"}.items() <= chat.start.tags.items()
    answer = chat.messages["t"]
    assert answer.model is not None
    assert answer.usage is not None
    assert (answer.model.id, answer.parameters, answer.finish_reason) == ("m-1", '{"temperature": 0}', "stop")
    assert (answer.usage.input, answer.usage.output, answer.status) == (3, 4, "error")


@pytest.mark.parametrize(
    ("said", "aspect", "value", "rater"),
    [
        pytest.param(
            feedback(score=1), "satisfaction", Number(number=1, minimum=0, maximum=1), Rater(), id="a score"
        ),
        pytest.param(
            feedback("correctness", score=True), "correctness", Thumb(like=True), Rater(), id="a flag"
        ),
        pytest.param(
            feedback("helpful", source="app", score=0.25),
            "helpful",
            Number(number=0.25, minimum=0, maximum=1),
            Rater(id="u7", kind="reviewer"),
            id="by a person in the app",
        ),
        pytest.param(
            feedback(
                "judge", score=0.5, feedback_source={"type": "model", "metadata": {"__run": {"run_id": "e1"}}}
            ),
            "judge",
            Number(number=0.5, minimum=0, maximum=1),
            Rater(id="e1", kind="model"),
            id="by a model",
        ),
        pytest.param(
            feedback("stars", score=4, feedback_config={"type": "continuous", "min": 1, "max": 5}),
            "satisfaction",
            Number(number=4, minimum=1, maximum=5),
            Rater(),
            id="a score with its scale",
        ),
        pytest.param(
            feedback("length", score=812),
            "length",
            Signal(name="length", number=812),
            Rater(),
            id="a score without one",
        ),
        pytest.param(
            feedback("thumbs", score=-1),
            "satisfaction",
            Number(number=-1, minimum=-1, maximum=1),
            Rater(),
            id="a score below 0",
        ),
        pytest.param(
            feedback("tone", value="rude"), "tone", Label(labels=["rude"]), Rater(), id="a category"
        ),
        pytest.param(feedback("note", comment="hm"), "note", Text(text="hm"), Rater(), id="a comment alone"),
        pytest.param(
            feedback("fix", correction={"output": "no"}),
            "accuracy",
            Correction(content="no"),
            Rater(),
            id="a correction",
        ),
        pytest.param(
            feedback("fix", correction={"score": 1}),
            "fix",
            Text(text='{"score": 1}'),
            Rater(),
            id="another correction",
        ),
    ],
)
def test_feedback(tmp_path: Path, said: Any, aspect: str, value: Any, rater: Rater) -> None:
    chat = only(import_records(tmp_path, "langsmith", said, run()))
    assert words(chat) == [("yes", aspect, value, rater)]
    assert chat.feedback[0].feedback.id == said["id"]
    at = next(event.occurred_at for event in chat.events if event.body is chat.feedback[0])
    assert at == datetime(2024, 1, 2, 4, tzinfo=UTC)


def test_all_that_one_feedback_says(tmp_path: Path) -> None:
    said = feedback("quality", score=0, value="bad", comment="why", correction="good")
    chat = only(import_records(tmp_path, "langsmith", run(feedback=[said | {"run_id": None}])))
    assert [value for _, _, value, _ in words(chat)] == [
        Number(number=0, minimum=0, maximum=1),
        Label(labels=["bad"]),
        Correction(content="good"),
    ]
    assert [body.feedback.comment for body in chat.feedback] == ["why", None, None]


def test_one_number_outside_0_to_1_takes_the_scale_from_all_of_its_name(tmp_path: Path) -> None:
    records = [run(), feedback("stars", score=1), feedback("stars", score=5, id="g"), feedback("ok", score=1)]
    chat = only(import_records(tmp_path, "langsmith", *records))
    assert [value for _, _, value, _ in words(chat)] == [
        Signal(name="stars", number=1),
        Signal(name="stars", number=5),
        Number(number=1, minimum=0, maximum=1),
    ]


@pytest.mark.parametrize("call", [{"args": None}, {}], ids=["null", "no field"])
def test_a_call_without_arguments_has_none(tmp_path: Path, call: dict[str, Any]) -> None:
    asked = lc("AIMessage", content="", tool_calls=[{"name": "now", "id": "c1", **call}])
    messages = [
        lc("HumanMessage", content="time?"),
        asked,
        lc("ToolMessage", content="12", tool_call_id="c1"),
    ]
    chat = only(import_records(tmp_path, "langsmith", run(inputs={"messages": [messages]})))
    calls = [each for message in chat.messages.values() for each in message.tool_calls or ()]
    assert [(each.name, each.arguments) for each in calls] == [("now", "")]


def test_the_calls_of_an_agent_are_one_chat(tmp_path: Path) -> None:
    question = lc("HumanMessage", content="1+1?")
    asked = lc("AIMessage", content="", tool_calls=[CALL])
    result = lc("ToolMessage", content="2", tool_call_id="c1")
    records = [
        run("t", "chain", {"input": "1+1?"}, {"output": "It is 2."}, dotted_order="1"),
        run(
            "x",
            inputs={"messages": [[question]]},
            outputs={"generations": [[{"message": asked}]]},
            dotted_order="1.2",
        ),
        run("tool", "tool", dotted_order="1.3"),
        run(
            "y",
            inputs={"messages": [[question, asked, result]]},
            outputs={"output": "It is 2."},
            dotted_order="1.4",
        ),
        feedback(score=1),
        feedback("step", "x", score=0.5),
        feedback("lost", "tool", score=0.5, trace_id="t"),
    ]
    outcome = import_records(tmp_path, "langsmith", *records)
    chat = only(outcome)
    assert turns(chat) == [("user", "1+1?"), ("assistant", ""), ("tool", "2"), ("assistant", "It is 2.")]
    assert chat.messages["x"].tool_calls[0].arguments == '{"a": 1}'
    assert chat.messages["t"].content == "It is 2."  # the trace's answer has its id
    assert [body.message_id for body in chat.feedback] == ["t", "x", "tool"]
    assert outcome.report.noted == 1


def test_child_runs_may_lie_within(tmp_path: Path) -> None:
    whole = run("t", "chain", {"input": "q"}, {"output": "yes"}, child_runs=[run("x"), run("z", "retriever")])
    chat = only(import_records(tmp_path, "langsmith", {"runs": [whole]}))
    assert turns(chat) == [("user", AWKWARD), ("assistant", "yes")]


def test_feedback_of_another_file_goes_to_the_same_answer(tmp_path: Path) -> None:
    first = import_records(tmp_path, "langsmith", run())
    later = import_records(tmp_path, "langsmith", feedback(score=1))
    assert later.events[0].conversation_id == first.events[0].conversation_id
    assert [body.message_id for body in later.chats[0].feedback] == ["t"]
    assert later.summary.bodies["EndConversation"] == 0
    assert later.report.noted == 1


def test_as_many_tags_as_fit(tmp_path: Path) -> None:
    metadata = {f"key {number}": number for number in range(40)}
    outcome = import_records(
        tmp_path, "langsmith", run(extra={"metadata": metadata}), tags={"licence": "MIT"}
    )
    chat = only(outcome)
    assert len(chat.start.tags) == 29
    assert {"key 0": "0", "licence": "MIT"}.items() <= chat.start.tags.items()
    assert outcome.report.noted == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param([1], "must be an object", id="a list"),
        pytest.param({"id": "x"}, "must be a run", id="neither run nor feedback"),
        pytest.param(feedback(run_id=None), "names no run", id="feedback on nothing"),
        pytest.param(feedback(score="high"), "score must be a finite", id="a score that is a text"),
        pytest.param(feedback(score=float("nan")), "score must be a finite", id="a score that is no number"),
        pytest.param(
            run("o", "chain", {"a": 1, "b": 2}, {}, trace_id="o", parent_run_id=None),
            "could be messages",
            id="no messages",
        ),
        pytest.param(
            run("o", inputs={"messages": [{"role": "boss", "content": "x"}]}, trace_id="o"),
            "role must be",
            id="a strange role",
        ),
        pytest.param(
            run(
                "o", inputs={"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, trace_id="o"
            ),
            "does not fit",
            id="an unknown content",
        ),
    ],
)
def test_bad_records_say_why(tmp_path: Path, bad: Any, reason: str) -> None:
    outcome = import_records(tmp_path, "langsmith", run(), bad, feedback(score=1))
    assert len(outcome.chats) == 1
    assert len(outcome.chats[0].feedback) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example


def test_feedback_that_says_nothing_is_noted(tmp_path: Path) -> None:
    outcome = import_records(tmp_path, "langsmith", run(), feedback())
    assert only(outcome).feedback == []
    assert outcome.report.noted == 1
