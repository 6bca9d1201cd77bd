"""argilla: records nested and flattened, what people answered and what models suggested."""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers import Source
from plaudit_producers.importers.recognition import recognise_format
from plaudit_schemas.contract.events import DeclineReview
from plaudit_schemas.contract.feedback import Correction, Label, Number, Rater, Span, Spans, Text

from tests.producers.importers.exports import AWKWARD, import_records, only, ranking, turns, words
from tests.producers.importers.files import Imported, import_file

ANN, BOB = Rater(id="ann", kind="reviewer"), Rater(id="bob", kind="reviewer")
FIELDS = {"instruction": AWKWARD, "response_1": "one", "response_2": "two"}


def answers(**given: Any) -> dict[str, Any]:
    """One person's answers, in the nested form."""
    return {name: [{"value": value, "user_id": "ann"}] for name, value in given.items()}


def record(fields: Any = FIELDS, responses: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "r-1", "_server_id": "s-1", "fields": fields, "metadata": {"source": "x"}, "suggestions": {},
        "responses": responses or {}, "vectors": {}, "status": "completed", **more,
    }  # fmt: skip


def judged(folder: Path, fields: Any = FIELDS, **given: Any) -> Imported:
    return only(import_records(folder, "argilla", record(fields, answers(**given)), lines=False))


def test_fields_are_a_prompt_and_answers(tmp_path: Path) -> None:
    chat = judged(tmp_path)
    assert turns(chat) == [("user", AWKWARD), ("assistant", "one"), ("assistant", "two")]
    assert chat.start.tags == {"source": "x", "status": "completed", "original_id": "r-1"}


def test_a_chat_field_is_a_chat(tmp_path: Path) -> None:
    chat = judged(
        tmp_path,
        {
            "chat": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}],
            "system": "Be kind.",
        },
        rating=4,
    )
    assert turns(chat) == [("system", "Be kind."), ("user", "hi"), ("assistant", "yo")]
    assert words(chat) == [("yo", "satisfaction", Number(number=4, minimum=1, maximum=5), ANN)]


@pytest.mark.parametrize(
    ("name", "answer", "aspect", "value"),
    [
        pytest.param(
            "fluency", 4, "fluency", Number(number=4, minimum=1, maximum=5), id="a rating of an aspect"
        ),
        pytest.param(
            "rating", 7, "satisfaction", Number(number=7, minimum=0, maximum=10), id="a rating to ten"
        ),
        pytest.param("tone", "kind", "tone", Label(labels=["kind"]), id="a label"),
        pytest.param("tags", ["a", "b"], "tags", Label(labels=["a", "b"]), id="several labels"),
        pytest.param("why", "since it is so\nlong", "why", Text(text="since it is so\nlong"), id="a text"),
        pytest.param(
            "corrected",
            "a far better answer",
            "corrected",
            Correction(content="a far better answer"),
            id="a correction",
        ),
        pytest.param(
            "facts",
            [{"start": 0, "end": 3, "label": "wrong"}],
            "facts",
            Spans(spans=[Span(start=0, end=3, label="wrong")]),
            id="spans",
        ),
    ],
)
def test_answers_become_feedback(tmp_path: Path, name: str, answer: Any, aspect: str, value: Any) -> None:
    chat = judged(tmp_path, {"prompt": "q", "response": "one"}, **{name: answer})
    assert words(chat) == [("one", aspect, value, ANN)]


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        pytest.param(["response_2", "response_1"], [["two"], ["one"]], id="of the SDK"),
        pytest.param(
            [{"value": "response_1", "rank": 2}, {"value": "response_2", "rank": 1}],
            [["two"], ["one"]],
            id="of the API",
        ),
        pytest.param(
            [{"value": "response_1", "rank": 1}, {"value": "response_2", "rank": 1}],
            [["one", "two"]],
            id="a tie",
        ),
        pytest.param([["response_1", "response_2"]], [["one", "two"]], id="a tie as a list"),
        pytest.param("response_2", [["two"], ["one"]], id="a pick"),
        pytest.param("tie", [["one", "two"]], id="a pick of neither"),
    ],
)
def test_rankings_and_picks_are_comparisons(tmp_path: Path, answer: Any, order: list[list[str]]) -> None:
    chat = judged(tmp_path, preference=answer)
    (comparison,) = chat.comparisons
    assert ranking(chat, comparison) == order
    assert (comparison.rater, comparison.aspect) == (ANN, "preference")
    assert chat.feedback == []


def test_a_pick_of_three_says_nothing_about_the_others(tmp_path: Path) -> None:
    chat = judged(tmp_path, {**FIELDS, "response_3": "three"}, best="response_3")
    assert [ranking(chat, each) for each in chat.comparisons] == [[["three"], ["one"]], [["three"], ["two"]]]


def test_suggestions_are_feedback_of_models(tmp_path: Path) -> None:
    suggestions = {
        "rating": {"value": 3, "score": 0.75, "agent": "m-1"},
        "ranking": {"value": ["response_1", "response_2"], "score": [0.9, 0.1], "agent": None},
    }
    chat = only(import_records(tmp_path, "argilla", record(suggestions=suggestions)))
    (rating,) = chat.feedback
    assert (rating.message_id, rating.feedback.rater, rating.feedback.confidence) == (
        None, Rater(id="m-1", kind="model"), 0.75,
    )  # fmt: skip
    assert [each.rater for each in chat.comparisons] == [Rater(id="suggestion", kind="model")]


def test_statuses_of_the_api(tmp_path: Path) -> None:
    responses = [
        {"user_id": "ann", "status": "submitted", "values": {"preference": {"value": "response_1"}}},
        {"user_id": "bob", "status": "discarded", "values": {"preference": {"value": "response_2"}}},
        {"user_id": "eve", "status": "draft", "values": {"preference": {"value": "response_2"}}},
    ]
    outcome = import_records(tmp_path, "argilla", record(responses=responses, suggestions=[]))
    chat = only(outcome)
    assert [each.rater for each in chat.comparisons] == [ANN]
    declined = [event.body for event in chat.events if isinstance(event.body, DeclineReview)]
    assert [(body.rater, body.item_id) for body in declined] == [(BOB, "r-1")]
    assert outcome.report.noted == 1  # the draft


def test_the_flattened_form(tmp_path: Path) -> None:
    flat = {
        "id": "r-1", "_server_id": "s-1", "status": "pending", **FIELDS, "source": "x",
        "preference.responses": ["response_1", "response_2"],
        "preference.responses.users": ["ann", "bob"],
        "preference.responses.status": ["submitted", "discarded"],
        "tone.suggestion": "kind", "tone.suggestion.agent": "m-1", "tone.suggestion.score": None,
        "why.responses": None,
    }  # fmt: skip
    nested = record(responses=answers(preference="response_1"))
    outcome = import_records(tmp_path, "argilla", flat)
    chat = only(outcome)
    assert turns(chat) == turns(judged(tmp_path))
    assert [(each.rater, ranking(chat, each)) for each in chat.comparisons] == [(ANN, [["one"], ["two"]])]
    assert words(chat) == [(None, "tone", Label(labels=["kind"]), Rater(id="m-1", kind="model"))]
    assert chat.start.tags == {"source": "x", "status": "pending", "original_id": "r-1"}
    assert outcome.report.fields == {}
    same = only(import_records(tmp_path, "argilla", nested))
    assert same.events[0].conversation_id == chat.events[0].conversation_id


@pytest.mark.parametrize("folder", ["", ".argilla"], ids=["beside", "in its folder"])
def test_settings_tell_kinds_and_scales(tmp_path: Path, folder: str) -> None:
    def question(name: str, kind: str, **settings: Any) -> dict[str, Any]:
        return {"name": name, "settings": {"type": kind, **settings}}

    questions = [
        question("rating", "rating", options=[{"value": value} for value in range(8)]),
        question("note", "text"),
        question("mood", "multi_label_selection"),
        question("facts", "span", field="response_2"),
    ]
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "settings.json").write_text(json.dumps({"questions": questions, "fields": []}))
    chat = judged(
        tmp_path, rating=4, note="kind", mood=["response_1", "response_2"],
        facts=[{"start": 0, "end": 3, "label": "x"}],
    )  # fmt: skip
    assert words(chat) == [
        (None, "satisfaction", Number(number=4, minimum=0, maximum=7), ANN),
        (None, "note", Text(text="kind"), ANN),
        (None, "mood", Label(labels=["response_1", "response_2"]), ANN),
        ("two", "facts", Spans(spans=[Span(start=0, end=3, label="x")]), ANN),
    ]
    assert chat.comparisons == []


def two_records() -> list[dict[str, Any]]:
    return [
        record(responses=answers(rating=4)),
        record({"prompt": "q", "response": "a"}, id="r-2", _server_id="s-2", more=1),
    ]


def columns(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: [each.get(name) for each in records] for name in records[1]}


@pytest.mark.parametrize("indent", [None, 1], ids=["on one line", "laid out"])
@pytest.mark.parametrize("orient", ["names", "index"])
def test_the_records_of_to_dict(tmp_path: Path, orient: str, indent: int | None) -> None:
    given = two_records()
    path = tmp_path / "records.json"
    whole = columns(given) if orient == "names" else {each["id"]: each for each in given}
    path.write_text(json.dumps(whole, indent=indent))
    outcome = import_file(path, "argilla")
    listed = import_records(tmp_path, "argilla", *given)
    assert {event.event_id for event in outcome.events} == {event.event_id for event in listed.events}
    assert words(outcome.chats[0]) == words(listed.chats[0]) != []
    assert outcome.report.fields == {"more": (1, 1)}
    with path.open("rb") as stream:
        assert recognise_format(Source(stream))[0].name == "argilla"


def test_columns_of_unequal_length_are_refused(tmp_path: Path) -> None:
    whole = {"id": ["a", "b"], "prompt": ["q", "p"], "rating.responses": [[1]]}
    outcome = import_records(tmp_path, "argilla", whole)
    assert outcome.chats == []
    assert outcome.report.examples == [
        "line 1: rating.responses has 1 values for 2 records; export with to_list"
    ]
    assert outcome.report.rest_unread


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        pytest.param("{", 1, id="no JSON"),
        pytest.param('{"questions": 3}', 1, id="questions that are no list"),
        pytest.param('{"theme": "dark"}', 0, id="settings of something else"),
    ],
)
def test_broken_settings_are_told(tmp_path: Path, text: str, refused: int) -> None:
    (tmp_path / "settings.json").write_text(text)
    outcome = import_records(tmp_path, "argilla", record())
    assert len(outcome.chats) == 1
    assert outcome.report.bad == refused
    assert all("settings.json beside the file cannot be used" in each for each in outcome.report.examples)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param([1], "must be an object", id="a list"),
        pytest.param(record({"n": 1}), "no field holds a text", id="no text"),
        pytest.param(
            record({"prompt": None, "response": "a"}), "the field prompt has no content", id="no prompt"
        ),
        pytest.param(
            record({"prompt": "q", "response": None}), "the field response has no content", id="no answer"
        ),
        pytest.param(
            record(responses=answers(x={"a": 1})), "must be a number, a text or a list", id="an object"
        ),
        pytest.param(
            record(responses=answers(facts=[{"start": 0, "end": 3, "label": "x"}])),
            "settings.json",
            id="spans of which",
        ),
        pytest.param(
            record({"prompt": "q"}, answers(facts=[{"start": 2, "end": 1, "label": "x"}])),
            "after start",
            id="an empty span",
        ),
        pytest.param(
            record(suggestions={"x": {"value": 1, "agent": "m" * 129}}),
            "Rater.id: String should have at most 128 characters",
            id="a name that is too long",
        ),
    ],
)
def test_bad_records_say_why(tmp_path: Path, bad: Any, reason: str) -> None:
    outcome = import_records(tmp_path, "argilla", record(), bad)
    assert len(outcome.chats) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example
