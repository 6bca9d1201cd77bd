"""label-studio: tasks with annotations of several people, and JSON_MIN."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.contract.events import DeclineReview
from plaudit_schemas.contract.feedback import Correction, Label, Number, Rater, Signal, Span, Spans, Text

from tests.producers.importers.exports import AWKWARD, import_records, only, ranking, turns, words
from tests.producers.importers.files import Imported, import_file
from tests.support.services import shared_data

ANN = Rater(id="7", kind="reviewer")
DATA = {"prompt": AWKWARD, "answer1": "left one", "answer2": "right one", "source": "set"}


def result(kind: str, name: str, about: str, **value: Any) -> dict[str, Any]:
    return {"id": "r", "type": kind, "from_name": name, "to_name": about, "value": value}


def annotation(*results: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": 7, "was_cancelled": False, "result": list(results), **fields}


def task(*annotations: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": 1, "data": DATA, "annotations": list(annotations), "predictions": [], **fields}


def judged(tmp_path: Path, *results: dict[str, Any], **fields: Any) -> Imported:
    return only(import_records(tmp_path, "label-studio", task(annotation(*results), **fields), lines=False))


def test_a_task_is_a_prompt_and_its_answers(tmp_path: Path) -> None:
    chat = judged(tmp_path, meta={"batch": 2})
    assert turns(chat) == [("user", AWKWARD), ("assistant", "left one"), ("assistant", "right one")]
    assert len({message.parent_id for message in list(chat.messages.values())[1:]}) == 1
    assert chat.start.tags == {"source": "set", "original_id": "1", "meta": '{"batch": 2}'}


@pytest.mark.parametrize(
    "about",
    ["answer1,answer2", "answer-1, answer-2", "txt-a,txt-b"],
    ids=["the fields", "nearly the fields", "other names"],
)
@pytest.mark.parametrize(
    ("selected", "order"),
    [("left", [["left one"], ["right one"]]), ("right", [["right one"], ["left one"]])],
    ids=["left", "right"],
)
def test_pairwise(tmp_path: Path, about: str, selected: str, order: list[list[str]]) -> None:
    chat = judged(tmp_path, result("pairwise", "pw", about, selected=selected))
    (comparison,) = chat.comparisons
    assert ranking(chat, comparison) == order
    assert [chat.messages[one].content for one in comparison.candidates] == ["left one", "right one"]
    assert (comparison.rater, comparison.aspect) == (ANN, "preference")


def test_a_pairwise_result_keeps_its_aspect(tmp_path: Path) -> None:
    chat = judged(tmp_path, result("pairwise", "safety", "answer1,answer2", selected="left"))
    assert [comparison.aspect for comparison in chat.comparisons] == ["safety"]


def test_two_people_who_disagree_are_two_votes(tmp_path: Path) -> None:
    left, right = (result("pairwise", "pw", "answer1,answer2", selected=side) for side in ("left", "right"))
    record = task(annotation(left), annotation(right, completed_by={"id": 8, "email": "x@example.org"}))
    chat = only(import_records(tmp_path, "label-studio", record))
    assert [(each.rater.id, ranking(chat, each)[0]) for each in chat.comparisons] == [
        ("7", ["left one"]), ("8", ["right one"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "about", "aspect", "value"),
    [
        pytest.param(
            result("rating", "fluency", "answer1", rating=4),
            "left one", "fluency", Number(number=4, minimum=1, maximum=5), id="stars of an aspect",
        ),
        pytest.param(
            result("rating", "rating", "answer2", rating=8),
            "right one", "satisfaction", Number(number=8, minimum=1, maximum=10), id="more than five stars",
        ),
        pytest.param(
            result("number", "length", "answer1", number=12.5),
            "left one", "length", Signal(name="length", number=12.5), id="a number without a scale",
        ),
        pytest.param(
            result("choices", "tone", "answer1", choices=["kind", "short"]),
            "left one", "tone", Label(labels=["kind", "short"]), id="choices",
        ),
        pytest.param(
            result("taxonomy", "topic", "answer1", taxonomy=[["a", "b"], ["c"]]),
            "left one", "topic", Label(labels=["a > b", "c"]), id="a taxonomy",
        ),
        pytest.param(
            result("textarea", "why", "answer2", text=["because", "two"]),
            "right one", "why", Text(text="because\ntwo"), id="a text",
        ),
        pytest.param(
            result("textarea", "fix", "answer2", text=[AWKWARD]),
            "right one", "fix", Correction(content=AWKWARD), id="a correction",
        ),
        pytest.param(
            result("labels", "facts", "answer1", start=0, end=4, text="left", labels=["wrong"]),
            "left one", "facts", Spans(spans=[Span(start=0, end=4, label="wrong")]), id="a span",
        ),
        pytest.param(
            result("choices", "tone", "elsewhere", choices=["kind"]),
            None, "tone", Label(labels=["kind"]), id="about no answer",
        ),
    ],
)  # fmt: skip
def test_results_become_feedback(
    tmp_path: Path, given: Any, about: str | None, aspect: str, value: Any
) -> None:
    assert words(judged(tmp_path, given)) == [(about, aspect, value, ANN)]


def test_offsets_may_count_as_javascript_does(tmp_path: Path) -> None:
    data = {"prompt": "q", "answer": "\U0001f600\U0001f600 wrong"}
    span = result("labels", "facts", "answer", start=5, end=10, text="wrong", labels=["x", "y"])
    chat = only(import_records(tmp_path, "label-studio", task(annotation(span), data=data)))
    ((_, _, value, _),) = words(chat)
    assert value == Spans(spans=[Span(start=3, end=8, label="x"), Span(start=3, end=8, label="y")])


@pytest.mark.parametrize(
    ("choice", "order", "none_acceptable"),
    [
        pytest.param("answer2", [["right one"], ["left one"]], False, id="one of them"),
        pytest.param("Tie", [["left one", "right one"]], False, id="neither"),
        pytest.param("both bad", [["left one", "right one"]], True, id="both bad"),
    ],
)
def test_a_choice_may_be_a_preference(
    tmp_path: Path, choice: str, order: list[list[str]], none_acceptable: bool
) -> None:
    chat = judged(tmp_path, result("choices", "preference", "prompt", choices=[choice]))
    (comparison,) = chat.comparisons
    assert (ranking(chat, comparison), comparison.none_acceptable) == (order, none_acceptable)
    assert chat.feedback == []


def test_a_ranker_ranks_items(tmp_path: Path) -> None:
    data = {"prompt": "q", "items": [{"id": name, "title": name, "body": f"text {name}"} for name in "abc"]}
    ranked = result("ranker", "rank", "results", ranker={"rank": ["c", "a", "b"]})
    sorted_ = result("ranker", "kind", "results", ranker={"_": ["a"], "good": ["b", "c"], "bad": []})
    chat = only(import_records(tmp_path, "label-studio", task(annotation(ranked, sorted_), data=data)))
    assert ranking(chat, chat.comparisons[0]) == [["text c"], ["text a"], ["text b"]]
    assert [(text, value) for text, _, value, _ in words(chat)] == [
        ("text b", Label(labels=["good"])), ("text c", Label(labels=["good"])),
    ]  # fmt: skip


def test_skips_truths_times_and_predictions(tmp_path: Path) -> None:
    stars = result("rating", "rating", "answer1", rating=2)
    record = task(
        annotation(stars, lead_time=12.5, ground_truth=True, updated_at="2024-05-06T07:08:09.5Z"),
        annotation(was_cancelled=True, completed_by=8),
        predictions=[{"model_version": "m-1", "score": 0.5, "result": [stars]}, 17],
    )
    chat = only(import_records(tmp_path, "label-studio", record))
    score = Number(number=2, minimum=1, maximum=5)
    assert words(chat) == [
        ("left one", "satisfaction", score, ANN),
        (None, "behaviour", Signal(name="lead_time_seconds", number=12.5), ANN),
        ("left one", "satisfaction", score, Rater(id="m-1", kind="model")),
    ]
    assert chat.feedback[2].feedback.confidence == 0.5
    rated = next(event for event in chat.events if event.body is chat.feedback[0])
    assert rated.occurred_at == datetime(2024, 5, 6, 7, 8, 9, 500_000, tzinfo=UTC)
    assert chat.start.tags["ground_truth"] == "[1]"
    declined = [event.body for event in chat.events if isinstance(event.body, DeclineReview)]
    assert [(body.rater.id, body.item_id, body.reason) for body in declined] == [("8", "1", "was_cancelled")]


def test_relations_and_unknown_results_are_told(tmp_path: Path) -> None:
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    moment = result("datetime", "when", "answer1", datetime="2024-05-06")
    outcome = import_records(tmp_path, "label-studio", task(annotation(relation, moment)))
    assert only(outcome).feedback == []
    assert outcome.report.note_examples == ["line 1: a result of type relation is not imported"]
    assert outcome.report.fields["annotations[].result[].from_id"] == (1, 1)


def test_a_dialogue_is_a_chat(tmp_path: Path) -> None:
    data = {"dialogue": [{"author": "Human", "text": "hi"}, {"author": "Bot", "text": "yo"}]}
    stars = result("rating", "rating", "dialogue", rating=5)
    chat = only(import_records(tmp_path, "label-studio", task(annotation(stars), data=data)))
    assert turns(chat) == [("user", "hi"), ("assistant", "yo")]
    assert [text for text, *_ in words(chat)] == ["yo"]


def test_the_rows_of_json_min_share_their_task(tmp_path: Path) -> None:
    def row(annotator: int, selected: str, **said: Any) -> dict[str, Any]:
        times = {
            "annotator": annotator,
            "annotation_id": annotator,
            "updated_at": "2024-05-06T07:08:09Z",
            "lead_time": 2,
        }
        return {**DATA, "id": 5, "pw": [{"selected": selected}], **said, **times}

    records = [row(7, "left", q=[{"rating": 4}], fix="better"), row(8, "right", mood={"choices": ["x", "y"]})]
    outcome = import_records(tmp_path, "label-studio", *records, lines=False)
    chat = only(outcome)
    other = Rater(id="8", kind="reviewer")
    assert [(each.rater, ranking(chat, each)[0]) for each in chat.comparisons] == [
        (ANN, ["left one"]), (other, ["right one"]),
    ]  # fmt: skip
    spent = Signal(name="lead_time_seconds", number=2)
    assert words(chat) == [
        (None, "q", Number(number=4, minimum=1, maximum=5), ANN),
        (None, "fix", Text(text="better"), ANN),
        (None, "behaviour", spent, ANN),
        (None, "mood", Label(labels=["x", "y"]), other),
        (None, "behaviour", spent, other),
    ]
    assert chat.start.tags == {"source": "set", "original_id": "5"}
    assert set(outcome.report.fields) == {"annotation_id"}


def test_more_annotations_add_only_themselves(tmp_path: Path) -> None:
    stars = [annotation(result("rating", "rating", "answer1", rating=2))]
    first = import_records(tmp_path, "label-studio", task(*stars))
    stars.append(annotation(result("rating", "rating", "answer1", rating=3), completed_by=8))
    second = import_records(tmp_path, "label-studio", task(*stars))
    known = {event.event_id for event in first.events}
    assert [type(event.body).__name__ for event in second.events if event.event_id not in known] == [
        "UpdateMessage"
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param({"data": {}}, "must have data and annotations", id="no annotations"),
        pytest.param(task(data={"n": 1}), "no field holds a text", id="no text"),
        pytest.param(
            task(annotation(result("pairwise", "pw", "", selected="up"))),
            "left or right",
            id="a strange side",
        ),
        pytest.param(
            task(
                annotation(result("pairwise", "pw", "x,y", selected="left")),
                data={"prompt": "q", "answer": "a"},
            ),
            "has 1 answers",
            id="one answer to compare",
        ),
        pytest.param(
            task(annotation(result("labels", "f", "answer1", start=0, end=3, text="no", labels=["x"]))),
            "does not hold its text",
            id="a span elsewhere",
        ),
        pytest.param(
            task(annotation(result("labels", "f", "elsewhere", start=0, end=3, labels=["x"]))),
            "is no field",
            id="a span in no field",
        ),
        pytest.param(
            task(annotation(result("ranker", "rank", "items", ranker={"good": ["lost"]}))),
            "ranks lost",
            id="a lost item",
        ),
        pytest.param(
            task(data={"chat": [{"role": "boss", "content": "x"}]}),
            "must be one of user",
            id="a strange speaker",
        ),
    ],
)
def test_bad_tasks_say_why(tmp_path: Path, record: Any, reason: str) -> None:
    outcome = import_records(tmp_path, "label-studio", task(), record)
    assert len(outcome.chats) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example


def test_cleared_stars_are_no_rating(tmp_path: Path) -> None:
    assert judged(tmp_path, result("rating", "rating", "answer1", rating=0)).feedback == []


def test_unknown_results_are_noted(tmp_path: Path) -> None:
    outcome = import_records(
        tmp_path, "label-studio", task(annotation(result("brush", "b", "answer1", rle=[1])))
    )
    assert outcome.report.noted == 1
    assert only(outcome).feedback == []


def test_the_shared_case() -> None:
    chat = only(import_file(shared_data("../cases/labelstudio_pairwise.json"), "label-studio"))
    ten, eleven = Rater(id="10", kind="reviewer"), Rater(id="11", kind="reviewer")
    assert [(each.rater, ranking(chat, each)[0]) for each in chat.comparisons] == [
        (ten, ["L"]),
        (eleven, ["R"]),
    ]
    assert words(chat) == [
        ("L", "fluency", Number(number=4, minimum=1, maximum=5), ten),
        ("R", "why", Text(text="because\ntwo"), eleven),
    ]
