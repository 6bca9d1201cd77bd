"""langfuse: traces, observations and scores of its API and of its exports."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.contract.feedback import Correction, Label, Number, Rater, Signal, Text, Thumb

from tests.producers.importers.exports import AWKWARD, import_records, only, turns, words


def trace(trace_id: str = "t", **fields: Any) -> dict[str, Any]:
    return {
        "id": trace_id,
        "timestamp": "2024-01-02T03:04:05.678Z",
        "name": "qa",
        "input": AWKWARD,
        "output": "yes",
        "userId": "u",
        "sessionId": "s",
        "metadata": {"tier": "pro"},
        "tags": ["a"],
        **fields,
    }


def generation(name: str = "g", **fields: Any) -> dict[str, Any]:
    return {
        "id": name,
        "traceId": "t",
        "type": "GENERATION",
        "startTime": "2024-01-02T03:04:06Z",
        "endTime": "2024-01-02T03:04:07Z",
        "model": "m-1",
        "input": [{"role": "user", "content": "q"}],
        "output": {"role": "assistant", "content": "yes"},
        **fields,
    }


def score(
    name: str = "user-feedback", kind: str = "NUMERIC", value: Any = 1, **fields: Any
) -> dict[str, Any]:
    return {
        "id": f"s-{name}",
        "traceId": "t",
        "name": name,
        "dataType": kind,
        "value": value,
        "source": "API",
        "timestamp": "2024-01-02T04:00:00Z",
        **fields,
    }


def test_a_trace_is_a_chat(tmp_path: Path) -> None:
    chat = only(import_records(tmp_path, "langfuse", trace(), lines=False))
    assert turns(chat) == [("user", AWKWARD), ("assistant", "yes")]
    assert (chat.start.user_id, chat.start.session) == ("u", "s")
    assert chat.start.tags == {"name": "qa", "tags": "a", "tier": "pro"}
    assert chat.events[0].occurred_at == datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def test_a_generation_knows_more_than_its_trace(tmp_path: Path) -> None:
    made = generation(
        input={
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "q"}],
            "tools": [{"name": "f"}],
        },
        modelParameters={"temperature": 0},
        usageDetails={"input": 3, "output": 4},
        promptName="p",
        promptVersion=2,
        level="ERROR",
    )
    chat = only(import_records(tmp_path, "langfuse", made, trace()))
    assert turns(chat) == [("system", "Be kind."), ("user", "q"), ("assistant", "yes")]
    answer = chat.messages["t"]
    assert answer.model is not None
    assert answer.prompt is not None
    assert answer.usage is not None
    assert (answer.model.id, answer.prompt.id, answer.prompt.version) == ("m-1", "p", "2")
    assert (answer.usage.input, answer.usage.output, answer.status) == (3, 4, "error")
    assert (answer.tools, answer.parameters) == ('[{"name": "f"}]', '{"temperature": 0}')


@pytest.mark.parametrize(
    ("given", "aspect", "value", "rater"),
    [
        pytest.param(score(), "satisfaction", Number(number=1, minimum=0, maximum=1), Rater(), id="a number"),
        pytest.param(
            score("words", value=812),
            "words",
            Signal(name="words", number=812),
            Rater(),
            id="without a scale",
        ),
        pytest.param(score("ok", "BOOLEAN", 0), "ok", Thumb(like=False), Rater(), id="a flag"),
        pytest.param(
            score("tone", "CATEGORICAL", None, stringValue="rude", source="ANNOTATION", authorUserId="ann"),
            "tone",
            Label(labels=["rude"]),
            Rater(id="ann", kind="reviewer"),
            id="a category by a person",
        ),
        pytest.param(
            score("judge", value=0.5, source="EVAL"),
            "judge",
            Number(number=0.5, minimum=0, maximum=1),
            Rater(id="judge", kind="model"),
            id="by a model",
        ),
        pytest.param(
            score("note", "TEXT", None, stringValue="hm"), "note", Text(text="hm"), Rater(), id="a text"
        ),
        pytest.param(
            score("output", "CORRECTION", None, longStringValue="no"),
            "accuracy",
            Correction(content="no"),
            Rater(),
            id="a correction",
        ),
        pytest.param(
            score("ok", value=1, metadata={"userId": "v"}, dataType=None),
            "ok",
            Number(number=1, minimum=0, maximum=1),
            Rater(id="v"),
            id="by a user with an id",
        ),
    ],
)
def test_scores(tmp_path: Path, given: Any, aspect: str, value: Any, rater: Rater) -> None:
    chat = only(import_records(tmp_path, "langfuse", given | {"comment": "why"}, trace()))
    assert words(chat) == [("yes", aspect, value, rater)]
    assert (chat.feedback[0].feedback.id, chat.feedback[0].feedback.comment in ("why", None)) == (
        given["id"],
        True,
    )
    at = next(event.occurred_at for event in chat.events if event.body is chat.feedback[0])
    assert at == datetime(2024, 1, 2, 4, tzinfo=UTC)


def test_a_trace_may_hold_its_parts(tmp_path: Path) -> None:
    whole = trace(
        observations=[generation(), generation("x", type="SPAN")],
        scores=[score(observationId="g"), score("b")],
    )
    outcome = import_records(tmp_path, "langfuse", {"data": [whole], "meta": {"page": 1}})
    assert [text for text, *_ in words(only(outcome))] == ["yes", "yes"]
    apart = {"trace": trace(), "observations": [generation()], "scores": [score()]}
    chat = only(import_records(tmp_path, "langfuse", apart))
    assert turns(chat) == [("user", "q"), ("assistant", "yes")]
    assert len(chat.feedback) == 1


def test_exports_to_blob_storage(tmp_path: Path) -> None:
    observation = {
        "id": "g",
        "trace_id": "t",
        "type": "GENERATION",
        "start_time": "2024-01-02 03:04:06.000000",
        "end_time": "2024-01-02 03:04:07.000000",
        "user_id": "u",
        "session_id": "s",
        "provided_model_name": "m-1",
        "input": json.dumps([{"role": "user", "content": AWKWARD}]),
        "output": json.dumps({"role": "assistant", "content": "yes"}),
        "usage_details": '{"input": "3"}',
    }
    given = {
        "id": "s1",
        "trace_id": "t",
        "observation_id": "g",
        "name": "ok",
        "data_type": "BOOLEAN",
        "value": 1,
        "string_value": "True",
        "source": "ANNOTATION",
        "author_user_id": "ann",
        "timestamp": "2024-01-02 04:00:00",
    }
    chat = only(import_records(tmp_path, "langfuse", given, observation))
    assert turns(chat) == [("user", AWKWARD), ("assistant", "yes")]
    assert (chat.start.user_id, chat.start.session) == ("u", "s")
    assert words(chat) == [("yes", "ok", Thumb(like=True), Rater(id="ann", kind="reviewer"))]
    answer = chat.messages["g"]
    assert answer.model is not None
    assert answer.usage is not None
    assert (answer.model.id, answer.usage.input, answer.usage.output) == ("m-1", 3, None)


def test_a_text_that_is_json_stays_as_it_is(tmp_path: Path) -> None:
    chat = only(import_records(tmp_path, "langfuse", trace(input='{"a": [1, 2]}', output="[1]")))
    assert turns(chat) == [("user", '{"a": [1, 2]}'), ("assistant", "[1]")]


@pytest.mark.parametrize("wrapped", [True, False], ids=["of the API", "as a list"])
def test_configurations_beside_the_file_say_the_scales(tmp_path: Path, wrapped: bool) -> None:
    configs = [
        {"id": "c1", "name": "stars", "minValue": 1, "maxValue": 5},
        {"id": "c2", "name": "tone", "minValue": None, "maxValue": None},
    ]
    (tmp_path / "score_configs.json").write_text(json.dumps({"data": configs} if wrapped else configs))
    chat = only(
        import_records(
            tmp_path, "langfuse", trace(), score("stars", value=1), score("other", configId="c1", value=5)
        )
    )
    assert [value for _, _, value, _ in words(chat)] == [
        Number(number=1, minimum=1, maximum=5),
        Number(number=5, minimum=1, maximum=5),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("{", "is not valid JSON", id="no JSON"),
        pytest.param('{"x": 1}', "must be a list", id="no list"),
        pytest.param('[{"id": 1, "name": "n", "minValue": "low", "maxValue": 1}]', "minValue", id="no scale"),
    ],
)
def test_broken_configurations_are_told(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "score_configs.json").write_text(text)
    outcome = import_records(tmp_path, "langfuse", trace(), score())
    assert len(outcome.chats) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 1: score_configs.json beside the file cannot be used: ")
    assert reason in example


def test_a_score_of_another_file_goes_to_the_same_answer(tmp_path: Path) -> None:
    first = import_records(tmp_path, "langfuse", trace(), generation())
    later = import_records(tmp_path, "langfuse", score())
    assert later.events[0].conversation_id == first.events[0].conversation_id
    assert [body.message_id for body in later.chats[0].feedback] == ["t"]
    assert first.chats[0].messages["t"].content == "yes"


def test_a_second_import_adds_nothing_and_a_new_score_itself(tmp_path: Path) -> None:
    first = import_records(tmp_path, "langfuse", trace(), score())
    more = import_records(tmp_path, "langfuse", trace(), score(), score("new"))
    known = {event.event_id for event in first.events}
    assert [type(event.body).__name__ for event in more.events if event.event_id not in known] == [
        "UpdateMessage"
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param([1], "must be an object", id="a list"),
        pytest.param({"x": 1}, "must be a trace", id="none of the three"),
        pytest.param(score(traceId=None, sessionId="s"), "of a session", id="a score of a session"),
        pytest.param(score(value="much"), "value must be a finite number", id="a number that is a text"),
        pytest.param(score(kind="COLOUR"), "'COLOUR' is not known", id="an unknown type"),
        pytest.param(score(source="MAGIC"), "source must be one of", id="an unknown source"),
        pytest.param(trace("o", input={"a": 1, "b": 2}), "could be messages", id="no messages"),
        pytest.param(
            trace("o", input=[{"role": "user", "content": []}]),
            "message 1, of role user, has no content",
            id="no parts",
        ),
    ],
)
def test_bad_records_say_why(tmp_path: Path, bad: Any, reason: str) -> None:
    outcome = import_records(tmp_path, "langfuse", trace(), bad, score("good"))
    assert len(outcome.chats) == 1
    assert len(outcome.chats[0].feedback) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example
