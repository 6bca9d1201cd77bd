"""Records for Argilla, and what its SDK makes of their responses.

`argilla_sdk_records.json` was made by the SDK, version 2.8.0. It read our settings with `Settings.from_json`
and our records with `Record.from_dict`, got responses, and wrote them with `to_list`, nested and flattened.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.interchange.annotated import AnnotatedItem, events_of
from plaudit_producers.interchange.argilla_responses import DISCARDED, items_of_record
from plaudit_producers.interchange.judgement_files import LabelOptions
from plaudit_producers.interchange.task_files import task_files
from plaudit_schemas.contract.names import short_name

from tests.producers.interchange.rubrics import ANSWER, ANSWERS, number, question, rubric, score, task

MADE = Path(__file__).parent / "argilla_sdk_records.json"
ANA, BEN, CY = (f"{each * 8}-{each * 4}-{each * 4}-{each * 4}-{each * 12}" for each in "123")
OPTIONS = LabelOptions(people={ANA: "ana", BEN: "ben"})
PAIR = task(ANSWERS).carried.address.candidates
THREE = task(ANSWERS, answers=3).carried.address.candidates


def read(name: str, form: str, options: LabelOptions = OPTIONS) -> dict[str, AnnotatedItem | ValueError]:
    """What the SDK's records say, by rater; the error of one that cannot be read is under `?`."""
    (record,) = json.loads(MADE.read_text())[name][form]
    items = items_of_record(parse_json(json.dumps(record).encode()), options)
    return {item.rater if isinstance(item, AnnotatedItem) else "?": item for item in items}


def record_of(target: Any, *said: dict[str, Any], **fields: Any) -> dict[str, Any]:
    made = task(target, *said, **fields)
    (found,) = json.loads(task_files("argilla", rubric(target.kind), [made])["records.json"])
    return dict(found)


def test_our_records_are_those_that_the_sdk_read() -> None:
    for name, target, answers in (("pair", ANSWERS, 2), ("several", ANSWERS, 3)):
        (theirs,) = json.loads(MADE.read_text())[name]["nested"]
        ours = record_of(target, answers=answers)
        assert {each: theirs[each] for each in ("id", "fields", "metadata", "suggestions")} == {
            each: ours[each] for each in ("id", "fields", "metadata", "suggestions")
        }
    ours = record_of(ANSWER, score("a1", number(0.8), "stars"))
    assert ours["suggestions"] == {"stars": {"value": 4, "score": None, "agent": "scorer@2"}}


def test_suggestions_in_argillas_terms() -> None:
    ranked = record_of(ANSWERS, score("a1", number(0.2), "quality"), score("a2", number(0.9), "quality"))
    best = f"answer{PAIR.index('a2') + 1}"
    assert ranked["suggestions"]["best"]["value"][0] == {"value": best, "rank": 1}
    liked = record_of(ANSWER, score("a1", number(0.9), "good"), score("a1", number(1.0), "grade"))
    assert {name: each["value"] for name, each in liked["suggestions"].items()} == {
        "good": "thumb up", "grade": 3,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["nested", "flat"])
def test_every_kind_of_answer_comes_back(form: str) -> None:
    ana = read("answer", form)["ana"]
    assert isinstance(ana, AnnotatedItem)
    assert ana.answers == {
        "good": True, "stars": 4, "grade": 0, "tone": "rude", "faults": ["wrong", "long"], "why": "because",
        "fix": "shorter",
    }  # fmt: skip
    assert len(events_of(ana)) == len(ana.answers)


def test_the_flattened_form_tells_drafts_and_discards() -> None:
    found = read("answer", "flat")
    assert "the response is a draft" in str(found["?"])
    ben = found["ben"]
    assert isinstance(ben, AnnotatedItem)
    assert ben.skipped == DISCARDED
    assert short_name(events_of(ben)[-1].body[0]) == "DeclineReview"


def test_rankings_with_ties_and_none_acceptable() -> None:
    found = read("pair", "flat")
    ana, ben = found["ana"], found["ben"]
    assert isinstance(ana, AnnotatedItem)
    assert isinstance(ben, AnnotatedItem)
    assert ana.answers == {"best": {"groups": [[PAIR[1]], [PAIR[0]]], "none_acceptable": False}}
    assert ben.answers == {"best": {"groups": [list(PAIR)], "none_acceptable": True}, "asks": False}
    assert ben.comment == "hm"
    (several,) = read("several", "nested").values()
    assert isinstance(several, AnnotatedItem)
    assert several.answers["best"]["groups"] == [[THREE[2]], [THREE[0]], [THREE[1]]]


def test_the_ids_follow_from_what_is_said() -> None:
    def ids(again: str = "") -> set[str]:
        item = read("pair", "flat", LabelOptions(people=OPTIONS.people, again=again))["ana"]
        assert isinstance(item, AnnotatedItem)
        return {event.event_id for event in events_of(item)}

    assert ids() == ids()
    assert ids().isdisjoint(ids("2"))


def test_a_scale_that_argilla_has_not_is_a_label() -> None:
    odd = rubric("answer", question("heat", "rating", minimum=-2, maximum=2))
    settings = json.loads(task_files("argilla", odd, [])["settings.json"])
    (heat, _) = settings["questions"]
    assert [each["value"] for each in heat["settings"]["options"]] == ["-2", "-1", "0", "1", "2"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"metadata": {}}, "its metadata has no plaudit"),
        ({"metadata": {"plaudit": "{}"}}, "the field plaudit was changed"),
    ],
    ids=["without ours", "with another"],
)
def test_a_record_that_is_none_of_ours(changed: dict[str, Any], why: str) -> None:
    record = parse_json(json.dumps({**record_of(ANSWERS), **changed}).encode())
    with pytest.raises(ValueError, match=why):
        list(items_of_record(record, OPTIONS))


def test_a_response_without_a_user_is_refused() -> None:
    record = {**record_of(ANSWERS), "responses": {"best": [{"value": ["answer1", "answer2"]}]}}
    (item,) = items_of_record(parse_json(json.dumps(record).encode()), OPTIONS)
    assert "names no user" in str(item)
