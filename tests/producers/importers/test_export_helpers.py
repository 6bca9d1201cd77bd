"""What the formats of exports share: times, trees, branches, fields that are shown, and wrapped records."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers import BadRecord, Chat, ImportOptions, Place, Source
from plaudit_producers.importers.annotations import comparison_aspect, is_correction, rating_aspect
from plaudit_producers.importers.branches import BranchTurn, add_branches
from plaudit_producers.importers.exports import read_members, refuse_repeated, unwrap
from plaudit_producers.importers.moments import at_time, moment_of
from plaudit_producers.importers.records import ReadRecord, unread_fields
from plaudit_producers.importers.shown_fields import choose_fields
from plaudit_producers.importers.trees import in_order, siblings_of

from tests.producers.importers.exports import import_records

LANGSMITH_RUN = {
    "id": "r", "trace_id": "r", "run_type": "llm", "inputs": {"input": "q"}, "outputs": {"output": "a"},
    "feedback": [{"id": "f", "key": "ok", "score": True, "run_id": "r"}],
}  # fmt: skip
LANGFUSE_TRACE = {"id": "t", "timestamp": "2024-01-02", "input": "q", "output": "a", "userId": "u"}
LANGFUSE_SCORE = {"id": "s", "traceId": "t", "name": "ok", "dataType": "BOOLEAN", "value": 1, "source": "API"}
ROW = {"prompt": "q", "response": "a", "id": 1, "stars": [{"rating": 4}], "annotator": 1, "annotation_id": 2}
MOMENT = datetime(2024, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(1_704_164_645.5, id="seconds"),
        pytest.param(1_704_164_645_500, id="milliseconds"),
        pytest.param(1_704_164_645_500_000, id="microseconds"),
        pytest.param("2024-01-02T03:04:05.5Z", id="ISO in UTC"),
        pytest.param("2024-01-02T04:04:05.500+01:00", id="ISO elsewhere"),
        pytest.param("2024-01-02 03:04:05.500000", id="ISO without a zone"),
    ],
)
def test_a_moment_in_every_form(value: Any) -> None:
    assert moment_of(value, "x") == MOMENT


@pytest.mark.parametrize("value", [None, ""], ids=["none", "empty"])
def test_no_moment(value: Any) -> None:
    assert at_time(value, "x") == {}


@pytest.mark.parametrize(
    "value",
    [True, "noon", 1e300, float("nan"), [1]],
    ids=["a flag", "words", "beyond all years", "not a number", "a list"],
)
def test_what_is_no_moment(value: Any) -> None:
    with pytest.raises(ValueError, match="created must be a time, not"):
        moment_of(value, "created")


def test_a_tree_comes_in_the_order_of_time_and_parents_first() -> None:
    parents = {"late": "root", "early": "root", "root": None, "child": "late", "lost": "gone"}
    assert in_order(parents) == ["root", "late", "early", "child", "lost"]
    times = {"late": 30.0, "early": 20.0, "root": 10.0, "child": 5.0, "lost": 15.0}
    assert in_order(parents, times) == ["root", "lost", "early", "late", "child"]
    assert siblings_of("late", parents) == ["early"]
    assert siblings_of("root", parents) == siblings_of("lost", parents) == []


def test_a_circle_is_no_tree() -> None:
    with pytest.raises(ValueError, match="no tree: b is its own ancestor"):
        in_order({"a": None, "b": "c", "c": "b"})


def test_branches_share_what_all_begin_with() -> None:
    chat = Chat(Place(1, 1), ImportOptions(), "test")
    model = {"model": "m"}
    first = [
        BranchTurn("user", "q"),
        BranchTurn("assistant", "a", model),
        BranchTurn("user", "more"),
        BranchTurn("assistant", "x"),
    ]
    second = [
        BranchTurn("user", "q"),
        BranchTurn("assistant", "a", {"model": "n"}),
        BranchTurn("user", "more"),
    ]
    ends = add_branches(chat, [first, second])
    bodies = [record["body"][1] for record in chat.batch().records[1:]]
    assert [body["content"] for body in bodies] == ["q", "a", "more", "x", "more"]
    assert bodies[1]["model"] is None
    assert len(set(ends)) == 2
    assert bodies[2]["parent_id"] == bodies[4]["parent_id"] == bodies[1]["message_id"]


@pytest.mark.parametrize(
    ("fields", "prompts", "answers"),
    [
        pytest.param(
            {"question": "q", "answer_a": "x", "answer_b": "y"},
            ("question",),
            ("answer_a", "answer_b"),
            id="plain",
        ),
        pytest.param(
            {"modelResponse1": "x", "userPrompt": "q"}, ("userPrompt",), ("modelResponse1",), id="camel case"
        ),
        pytest.param(
            {"output_left": "x", "output_right": "y", "text": "q"},
            ("text",),
            ("output_left", "output_right"),
            id="sides",
        ),
        pytest.param(
            {"query": "q", "expected_output": "e", "output": "x"}, ("query",), ("output",), id="a reference"
        ),
        pytest.param(
            {"response": "x", "response_model": "m", "input": "q"},
            ("input",),
            ("response",),
            id="a model's name",
        ),
        pytest.param(
            {"title": "q", "reply": "x", "url": "u"}, ("title",), ("reply",), id="no name of a prompt"
        ),
        pytest.param({"context": "c", "question": "q"}, ("context", "question"), (), id="two prompts"),
        pytest.param({"input": "q", "system_prompt": "s"}, ("system_prompt", "input"), (), id="system first"),
        pytest.param(
            {"a1": "x", "a2": "y", "prompt": "q"}, ("prompt",), ("a1", "a2"), id="named by the control"
        ),
    ],
)
def test_fields_tell_by_their_names_what_they_are(
    fields: dict[str, str], prompts: tuple[str, ...], answers: tuple[str, ...]
) -> None:
    record = ReadRecord(fields.items())
    choice = choose_fields(record, list(fields), ("A-1", "A-2"))
    assert (choice.prompts, choice.answers) == (prompts, answers)
    assert set(record.unread("")) == set(fields)  # only looked at


def test_names_tell_aspects() -> None:
    assert [comparison_aspect(name) for name in ("pw", "overall_best", "Preference", "safety")] == [
        "preference", "overall_best", "preference", "safety",
    ]  # fmt: skip
    assert [rating_aspect(name) for name in ("user-feedback", "Rating", "thumbs_up", "fluency")] == [
        "satisfaction", "satisfaction", "satisfaction", "fluency",
    ]  # fmt: skip
    assert [is_correction(name) for name in ("correctedAnswer", "fix", "comment")] == [True, True, False]


@pytest.mark.parametrize(
    ("content", "values"),
    [
        pytest.param(b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}], id="an array"),
        pytest.param(b'{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}], id="lines"),
        pytest.param(b'{\n "list": [\n  {"a": 1},\n  {"a": 2}\n ]\n}\n', [{"a": 1}, {"a": 2}], id="laid out"),
        pytest.param(
            b'{"list": [{"a": 1}], "id": 7}', [{"list": [{"a": 1}], "id": 7}], id="a record with a list"
        ),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_members_in_every_layout(content: bytes, values: list[Any]) -> None:
    members = list(unwrap(read_members(Source(io.BytesIO(content))), ("list",)))
    assert [None if isinstance(each, BadRecord) else each.value for each in members] == values


def test_a_record_with_an_id_that_is_there_twice_is_refused() -> None:
    content = b'{"id": 1, "x": 2}\n{"x": 2}\n{"id": 1, "x": 3}\n{"x": 2}\n{"id": 1, "x": 2}\nno JSON'
    found = list(refuse_repeated(read_members(Source(io.BytesIO(content)))))
    kept = [one for one in found if not isinstance(one, BadRecord)]
    assert [one.place.line for one in kept] == [1, 2, 3, 4]
    assert [(one.place.line, one.reason[:20]) for one in found if isinstance(one, BadRecord)] == [
        (5, "is record 1 once mor"),
        (6, "is not valid JSON: E"),
    ]
    assert all("x" in unread_fields(one.value) for one in kept)  # looking for repeats reads nothing


@pytest.mark.parametrize(
    ("name", "records"),
    [
        pytest.param("langsmith", [LANGSMITH_RUN], id="a run"),
        pytest.param("langfuse", [LANGFUSE_TRACE, LANGFUSE_SCORE], id="a trace and a score"),
        pytest.param("label-studio", [ROW], id="a row of JSON_MIN"),
    ],
)
def test_exports_that_were_joined_say_everything_once(tmp_path: Path, name: str, records: list[Any]) -> None:
    once = import_records(tmp_path, name, *records)
    twice = import_records(tmp_path, name, *records, *records)
    assert once.report.bad == 0
    assert [event.event_id for event in twice.events] == [event.event_id for event in once.events] != []
    assert twice.report.bad == len(records)


def test_a_broken_line_is_refused_alone() -> None:
    members = list(read_members(Source(io.BytesIO(b'{"a": 1}\n{"a":\n{"a": 2}'))))
    assert [isinstance(each, BadRecord) for each in members] == [False, True, False]
    assert [each.place.line for each in members] == [1, 2, 3]
    (cut,) = read_members(Source(io.BytesIO(b'{\n"a":')))
    assert isinstance(cut, BadRecord)
