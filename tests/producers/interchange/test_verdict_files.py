"""Verdicts from CSV and JSON lines."""

import json
from io import BytesIO
from typing import Any

import pytest
from plaudit_producers.importers.formats import Format, read_batches
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.source import Source
from plaudit_producers.interchange.judgement_files import LabelOptions
from plaudit_producers.interchange.verdict_files import csv_format, jsonl_format
from plaudit_producers.interchange.verdict_rows import event_of_row
from plaudit_schemas.contract.aspect_declaration import AspectDeclaration
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.review.answers import AnswerEvent
from plaudit_schemas.review.logged_answers import answer_of

from tests.producers.interchange.rubrics import RANKING, question, rubric

SHOP = LabelOptions(application="shop", rater="ana")


def read(form: Format, text: str, encoding: str = "utf-8") -> list[Batch | BadRecord]:
    return list(read_batches(form, Source(BytesIO(text.encode(encoding))), ImportOptions()))


def body(row: dict[str, Any], options: LabelOptions = SHOP) -> dict[str, Any]:
    """The body of a row's event, without ids."""
    event = event_of_row({"conversation": "c1", **row}, options)
    record = {
        "event_id": event.event_id, "application": "shop", "conversation_id": event.conversation_id,
        "occurred_at": 1_800_000_000_000_000, "source": "import", "body": event.body,
    }  # fmt: skip
    made = ConversationEvent.from_record(record).body.model_dump(exclude_defaults=True)
    found: dict[str, Any] = made.get("feedback", made)
    return found


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"aspect": "accuracy", "value": "up"}, {"like": True}),
        ({"aspect": "accuracy", "value": False}, {"like": False}),
        ({"aspect": "accuracy", "value": "correct"}, {"labels": ["correct"]}),
        ({"aspect": "faults", "value": "wrong | long"}, {"labels": ["wrong", "long"]}),
        ({"aspect": "faults", "value": ["wrong"]}, {"labels": ["wrong"]}),
        (
            {"aspect": "style", "value": "4", "minimum": 1, "maximum": "5"},
            {"number": 4.0, "minimum": 1.0, "maximum": 5.0},
        ),
        ({"aspect": "note", "kind": "text", "value": "a > b"}, {"text": "a > b"}),
        ({"aspect": "fix", "kind": "correction", "value": "so"}, {"content": "so"}),
    ],
    ids=["a thumb", "a bool", "a label", "labels", "a list", "a number", "a text", "a correction"],
)
def test_a_verdict_on_an_aspect(row: dict[str, Any], value: dict[str, Any]) -> None:
    said = body({"message": "m1", "comment": "hm", "confidence": "0.5", **row})
    assert said["value"] == value
    assert (said["aspect"], said["comment"], said["confidence"]) == (row["aspect"], "hm", 0.5)
    assert said["rater"] == {"id": "ana", "kind": "reviewer"}


@pytest.mark.parametrize(
    ("value", "groups"),
    [
        ("m2 > m1", [["m2"], ["m1"]]),
        ("m2>m1 = m3", [["m2"], ["m1", "m3"]]),
        ([["m1"], ["m2"]], [["m1"], ["m2"]]),
    ],
    ids=["a pair", "with a tie", "as a list"],
)
def test_a_ranking(value: Any, groups: list[list[str]]) -> None:
    said = body({"value": value})
    assert said["ranking"] == groups
    assert said["candidates"] == sorted(each for group in groups for each in group)
    assert body({"value": "m1 = m2", "kind": "ranking", "aspect": "tone"})["aspect"] == "tone"


def test_a_declared_aspect_has_its_scale() -> None:
    style = AspectDeclaration.model_validate(
        {
            "name": "style", "kinds": ["number"], "levels": ["message"], "minimum": 0.0, "maximum": 10.0,
            "direction": "higher_is_better",
        }
    )  # fmt: skip
    options = LabelOptions(application="shop", rater="ana", aspects=Aspects({"shop": [style]}))
    assert body({"aspect": "style", "value": 7}, options)["value"] == {
        "number": 7.0, "minimum": 0.0, "maximum": 10.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"question": "good", "value": "up"}, True),
        ({"question": "stars", "value": "4"}, 4),
        ({"question": "tone", "value": "rude"}, "rude"),
        ({"question": "faults", "value": "long|wrong"}, ["wrong", "long"]),
        ({"question": "faults", "value": ["long"]}, ["long"]),
        ({"question": "fix", "value": "shorter"}, "shorter"),
    ],
    ids=["a thumb", "a rating", "a label", "labels", "a list of them", "a correction"],
)
def test_an_answer_to_a_question_of_a_rubric(row: dict[str, Any], answer: Any) -> None:
    asked = rubric()
    options = LabelOptions(rubric=asked)
    event = event_of_row({"conversation": "c1", "message": "a1", "rater": "ben", **row}, options)
    assert answer_of(asked, event.body) == (row["question"], answer)
    assert event.body[1]["feedback"]["item_id"].startswith("item-")
    assert event.body[1]["message_id"] == "a1"


def test_an_answer_that_ranks() -> None:
    asked = rubric("answers")
    options = LabelOptions(rubric=asked, rater="ana")
    row = {"conversation": "c1", "message": "q1", "question": "best", "value": "a2 > a1"}
    event = event_of_row(row, options)
    ranked = {"groups": [["a2"], ["a1"]], "none_acceptable": False}
    assert answer_of(asked, event.body) == ("best", ranked)
    listed = event_of_row({**row, "value": [["a2"], ["a1"]]}, options)
    assert listed.event_id == event.event_id


def test_a_rubric_about_conversations_and_prompts() -> None:
    whole = LabelOptions(rubric=rubric("conversation"), rater="ana")
    event = event_of_row({"conversation": "c1", "question": "solved", "value": True}, whole)
    assert event.body[1].get("message_id") is None
    asks = rubric("answer", question("asks", "thumb", about="prompt"))
    row = {"conversation": "c1", "message": "a1", "question": "asks", "value": True, "prompt": "q1"}
    assert event_of_row(row, LabelOptions(rubric=asks, rater="ana")).body[1]["message_id"] == "q1"


_OPTIONS = {
    "": SHOP,
    "nobody": LabelOptions(application="shop"),
    "answer": LabelOptions(rubric=rubric(), rater="ana"),
    "answers": LabelOptions(rubric=rubric("answers"), rater="ana"),
    "conversation": LabelOptions(rubric=rubric("conversation"), rater="ana"),
    "prompt": LabelOptions(rubric=rubric("prompt"), rater="ana"),
    "asks": LabelOptions(rubric=rubric("answer", question("asks", "thumb", about="prompt")), rater="ana"),
}


@pytest.mark.parametrize(
    ("row", "options", "why"),
    [
        ({"aspect": "x", "value": ""}, "", "value is empty; fill it, or leave out the line"),
        ({"value": "good"}, "", "has neither question nor aspect"),
        ({"aspect": "x", "value": "up", "conversation": ""}, "", "conversation is empty"),
        ({"aspect": "x", "value": "up"}, "nobody", "give --rater for the whole file"),
        ({"aspect": "x", "value": "4"}, "", "the scale of x is not known; give the columns minimum"),
        ({"aspect": "x", "value": "4", "kind": "stars"}, "", "kind must be one of thumb, number"),
        ({"aspect": "x", "value": "4", "kind": "thumb"}, "", "value must be true or false"),
        ({"aspect": "x", "value": "4", "minimum": "a", "maximum": "5"}, "", "minimum must be a number"),
        ({"aspect": "x", "value": "up", "confidence": "sure"}, "", "confidence must be a number"),
        ({"aspect": "x", "value": "so", "kind": "correction"}, "", "name the message that is corrected"),
        ({"value": "m1 > m1"}, "", "must rank messages of the conversation"),
        ({"aspect": "x", "value": {"a": 1}}, "", "value must be a text, a number, true or false"),
        ({"aspect": "x", "value": ["a", None]}, "", "or a list of texts"),
        ({"value": [[{"id": "m1"}], ["m2"]]}, "", "or a list of texts"),
        ({"question": "good", "value": "up"}, "", "give its file with --rubric"),
        ({"question": "other", "value": "up"}, "answer", "is none of rubric quality, which has good, stars"),
        ({"question": "good", "value": "maybe", "message": "a"}, "answer", "good must be true for up"),
        ({"question": "stars", "value": "many", "message": "a"}, "answer", "value of stars must be a number"),
        ({"question": "good", "value": "up"}, "answer", "name the message that is judged"),
        ({"question": "solved", "value": "up", "message": "a"}, "conversation", "leave message empty"),
        ({"question": "reply", "value": "hi", "message": "q"}, "prompt", "is for writing messages"),
        ({"question": "asks", "value": "up", "message": "a"}, "asks", "in the column prompt"),
        ({"question": "fix", "value": "so", "message": "q"}, "answers", "give it as an aspect instead"),
    ],
    ids=[
        "no value", "no aspect", "no conversation", "nobody", "no scale", "another kind", "no thumb",
        "no number", "no confidence", "a correction of nothing", "one answer",
        "an object", "a label that is null", "an object that is ranked", "no rubric",
        "another question", "another thumb", "no rating", "no message", "too much", "a demonstration",
        "no prompt", "the best of several",
    ],
)  # fmt: skip
def test_a_bad_row_says_what_to_do(row: dict[str, Any], options: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        event_of_row({"conversation": "c1", **row}, _OPTIONS[options])


def test_the_ids_follow_from_the_row() -> None:
    def event(again: str = "", **row: Any) -> AnswerEvent:
        given = {"conversation": "c1", "message": "m1", "aspect": "x", "value": "up", **row}
        return event_of_row(given, LabelOptions(application="shop", rater="ana", again=again))

    assert event().event_id == event().event_id
    others = [event("2"), event(value="down"), event(message="m2"), event(rater="ben"), event(aspect="y")]
    assert len({each.event_id for each in (event(), *others)}) == 6


def test_lines_of_a_table_have_their_numbers() -> None:
    table = (
        'conversation,message,aspect,value,odd\nc1,m1,note,"two\nlines",1\nc1,m1,tone,,1\nc1,m2,tone,up,1\n'
    )
    first, second, third = read(csv_format(SHOP), table)
    assert isinstance(first, Batch)
    assert (first.place.line, first.unread) == (2, ("odd",))
    assert isinstance(second, BadRecord)
    assert second.place.line == 4
    assert isinstance(third, Batch)
    assert third.place.line == 5


def test_a_text_that_a_comma_splits_is_refused() -> None:
    table = "conversation,aspect,value,kind\nc1,note,good, but late,text\nc1,tone,kind,,,\n"
    first, second = read(csv_format(SHOP), table)
    assert isinstance(first, BadRecord)
    assert "more cells than there are columns; put a text with a comma into double quotes" in first.reason
    assert isinstance(second, Batch)  # spreadsheets end lines with empty cells


def test_a_quote_that_is_not_closed_takes_no_other_verdict() -> None:
    found = read(csv_format(SHOP), 'conversation,aspect,value\nc1,tone,up\nc2,tone,"kind\nc3,tone,up\n')
    first, refused = found
    assert isinstance(first, Batch)
    assert isinstance(refused, BadRecord)
    assert (refused.place.line, refused.rest_unread) == (3, True)
    assert "is not closed" in refused.reason


def test_a_quote_within_a_cell_refuses_its_line_alone() -> None:
    first, second = read(csv_format(SHOP), 'conversation,aspect,value\nc1,tone,"so" kind\nc2,tone,up\n')
    assert isinstance(first, BadRecord)
    assert "write a quote in it twice" in first.reason
    assert isinstance(second, Batch)
    assert second.place.line == 3


def test_a_line_of_another_encoding_is_refused() -> None:
    table = "conversation,aspect,value\nc1,tone,kind\nc1,note,caf\u00e9\n"
    first, second = read(csv_format(SHOP), table, "cp1252")
    assert isinstance(first, Batch)
    assert isinstance(second, BadRecord)
    assert "not text in UTF-8; save the file as UTF-8" in second.reason


def test_a_table_without_its_columns_is_refused() -> None:
    (only,) = read(csv_format(SHOP), "chat,value\nc1,up\n")
    assert isinstance(only, BadRecord)
    assert only.rest_unread
    assert "names no column conversation; the columns are conversation, message" in only.reason


@pytest.mark.parametrize("make", [csv_format, jsonl_format], ids=["csv", "json lines"])
def test_somebody_must_say_whose_conversations_they_are(make: Any) -> None:
    text = "conversation,value\n" if make is csv_format else "{}\n"
    (only,) = read(make(LabelOptions(rater="ana")), text)
    assert isinstance(only, BadRecord)
    assert "give --application, or the rubric with --rubric" in only.reason


def test_lines_of_json() -> None:
    lines = [{"conversation": "c1", "aspect": "x", "value": True}, ["no"], {"conversation": "c1"}]
    found = read(jsonl_format(SHOP), "".join(json.dumps(each) + "\n" for each in lines) + "{broken\n")
    assert [type(each) for each in found] == [Batch, BadRecord, BadRecord, BadRecord]
    assert [each.place.line for each in found] == [1, 2, 3, 4]


def test_a_ranking_may_be_one_of_several_questions() -> None:
    asked = rubric("answers", RANKING, question("second", "ranking", aspect="tone"))
    row = {"conversation": "c1", "message": "", "question": "second", "value": "a1 = a2"}
    event = event_of_row(row, LabelOptions(rubric=asked, rater="ana"))
    assert event.body[1]["ranking"] == [["a1", "a2"]]
