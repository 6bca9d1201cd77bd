"""Which events make items, and why."""

from typing import Any

import orjson
import pytest
from plaudit_schemas.review.selection import in_random_share
from plaudit_schemas.review.targets import ReviewTarget

from tests.stream_processors.builders import end, event, feedback, like, message, start
from tests.stream_processors.review_queue.builders import SALT, Log, arrival, rubric, the_item


def chat(*more: dict[str, Any]) -> Log:
    return Log(start(), message("q1", "user"), message("a1", at=2), *more)


def items(log: Log, **selection: Any) -> dict[tuple[str, str], set[str]]:
    """Kind and message of each item -> reasons."""
    fields = {name: selection.pop(name) for name in ("target", "controls", "questions") if name in selection}
    sent = selection.pop("sent", ())
    changes = log.changes(rubric(select=selection, **fields), sent=sent)
    return {(one.target.kind, one.target.message_id): set(one.reasons) for one in changes.items}


def test_every_complete_answer_is_an_item_of_everything() -> None:
    log = chat(message("a2", at=3, parent_id="q1", status="partial"), message("t", "tool", at=4))
    assert items(log, everything=True) == {("answer", "a1"): {"everything"}}


def test_the_random_share_is_the_keyed_hash() -> None:
    log = Log(start(), *(message(f"a{number}", at=number, parent_id="") for number in range(1, 40)))
    given = rubric(select={"random": 0.3})
    drawn = {
        number for number in range(1, 40)
        if in_random_share(SALT, given, ReviewTarget("answer", "c1", f"a{number}"))
    }  # fmt: skip
    assert 0 < len(drawn) < 39
    assert items(log, random=0.3) == {("answer", f"a{number}"): {"random"} for number in drawn}


def test_a_refused_message_is_no_item() -> None:
    log = chat(message("a1", at=3, content="other"))
    (item,) = log.changes(rubric(select={"everything": True})).items
    assert orjson.loads(item.context)["messages"][1]["content"] == "text of a1"


@pytest.mark.parametrize(
    ("kind", "select", "expected"),
    [
        ("prompt", {"everything": True}, {("prompt", "q1")}),
        ("conversation", {"everything": True}, {("conversation", "")}),
        ("answers", {"everything": True}, {("answers", "q1")}),
        ("prompt", {"disliked": True}, {("prompt", "q1")}),
        ("conversation", {"disliked": True}, {("conversation", "")}),
        ("answers", {"disliked": True}, {("answers", "q1")}),
    ],
    ids=["prompts", "conversations", "answers", "disliked, prompts", "disliked chats", "disliked, answers"],
)
def test_targets_of_other_kinds(kind: str, select: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    log = chat(message("a2", at=3, parent_id="q1"), like("a1", False, at=4))
    questions = [{"name": "ok", "kind": "text", "title": "Well?"}]
    assert items(log, target=kind, questions=questions, **select).keys() == expected


def test_a_single_answer_is_nothing_to_compare() -> None:
    assert items(chat(), target="answers", everything=True) == {}


def number(value: float, *, at: int = 3, rater: str = "m", kind: str = "model") -> dict[str, Any]:
    scale = {"number": value, "minimum": 0.0, "maximum": 1.0}
    return feedback("a1", ("Number", scale), at=at, aspect="quality", rater={"id": rater, "kind": kind})


@pytest.mark.parametrize(
    ("events", "reasons"),
    [
        ([number(0.45)], {"unsure"}),
        ([number(0.8)], set()),
        ([like("a1", False, at=3)], {"disliked"}),
        ([like("a1", False, at=3), like("a1", True, at=4)], {"disliked"}),
        ([number(0.8), number(0.1, at=4, rater="n")], {"disagreement"}),
        ([number(0.8), number(0.9, at=4, rater="n")], set()),
    ],
    ids=["unsure", "sure", "disliked", "liked again later", "disagreement", "one side"],
)
def test_feedback_makes_items_by_itself(events: list[dict[str, Any]], reasons: set[str]) -> None:
    selection = {"unsure": {"aspect": "quality"}, "disliked": True, "disagreement": True}
    found = items(chat(*events), **selection)
    assert found == ({("answer", "a1"): reasons} if reasons else {})


def test_feedback_that_came_before_its_message_counts_when_it_comes() -> None:
    log = Log(start(), like("a1", False, at=1), message("q1", "user", at=2))
    assert items(log, disliked=True) == {}
    log.add(message("a1", at=3))
    assert items(log, disliked=True) == {("answer", "a1"): {"disliked"}}


@pytest.mark.parametrize(
    ("allowed", "fits"),
    [
        ({"models": ["m"]}, True),
        ({"models": ["other"]}, False),
        ({"tags": {"locale": ["de"]}}, True),
        ({"tags": {"locale": ["fr"]}}, False),
        ({"variants": {"exp": ["b"]}}, True),
        ({"variants": {"exp": ["a"]}}, False),
    ],
    ids=["its model", "another model", "its tag", "another tag", "its arm", "another arm"],
)
def test_the_filter_asks_the_state(allowed: dict[str, Any], fits: bool) -> None:
    tagged = event("UpdateConversation", {"tags": {"locale": "de"}, "consent": "unknown"}, at=5)
    log = Log(start(variants={"exp": "b"}), message("q1", "user"), message("a1", at=2), tagged)
    assert bool(items(log, everything=True, filter=allowed)) is fits


def test_tags_that_come_later_make_items_of_what_was_there() -> None:
    log = chat()
    select = {"everything": True, "filter": {"tags": {"locale": ["de"]}}}
    assert items(log, **select) == {}
    tagged = event("UpdateConversation", {"tags": {"locale": "de"}, "consent": "unknown"}, at=5)
    log.add(tagged)
    found = log.changes(rubric(select=select), since=3)  # the batch has the tags alone
    assert [one.target.message_id for one in found.items] == ["a1"]


def test_the_model_of_a_prompt_is_known_with_its_answer() -> None:
    log = Log(start(model=None), message("q1", "user"))
    select = {"everything": True, "filter": {"models": ["x"]}}
    questions = [{"name": "ok", "kind": "text", "title": "Well?"}]
    assert items(log, target="prompt", questions=questions, **select) == {}
    log.add(message("a1", at=3, model={"id": "x"}))
    assert items(log, target="prompt", questions=questions, **select) == {("prompt", "q1"): {"everything"}}


def test_what_was_sent_and_controls_are_items_without_any_other_reason() -> None:
    controls = {"items": [{"conversation": "c1", "message": "a1", "expected": {"helpful": True}}]}
    sent = [ReviewTarget("answer", "c1", "a2")]
    log = chat(message("a2", at=3))
    assert items(log, controls=controls, sent=sent) == {
        ("answer", "a1"): {"control"},
        ("answer", "a2"): {"sent"},
    }


def test_an_urgent_item_goes_before_those_that_came_with_it() -> None:
    plain = chat().changes(rubric(select={"everything": True})).items
    urgent = (
        chat(like("a1", False, at=3)).changes(rubric(select={"everything": True, "disliked": True})).items
    )
    assert plain[0].order == arrival(2)
    assert urgent[0].order < plain[0].order
    assert plain[0].id == urgent[0].id == the_item(rubric())


def test_an_erased_conversation_has_no_items_and_is_told() -> None:
    log = chat(event("EraseConversation", {"reason": "asked"}, at=5))
    changes = log.changes(rubric(select={"everything": True}))
    assert (changes.items, changes.erased) == ([], ("c1",))


def test_an_expired_conversation_makes_the_same_items() -> None:
    select = {"everything": True, "filter": {"models": ["m"]}}
    log = chat(end(9))
    before = log.changes(rubric(select=select))
    assert before.items
    assert log.expire().changes(rubric(select=select)) == before


def test_other_applications_make_nothing() -> None:
    assert chat().changes(rubric(application="other", select={"everything": True})).items == []
