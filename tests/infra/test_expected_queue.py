"""What the audit expects of a review queue, and that it sees what is missing and what is too much."""

from typing import Any

import pytest
from plaudit_infra.audit.expected_queue import ExpectedQueue, queue_differences
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.targets import ReviewTarget, item_id
from plaudit_stream_processors.review_queue.items import ItemFinder

from tests.stream_processors.builders import event, message, start
from tests.stream_processors.review_queue.builders import SALT, Log, answered, rubric


def chat(*more: dict[str, Any]) -> Log:
    return Log(start(), *(message(f"a{number}", at=number, parent_id="") for number in range(1, 30)), *more)


def expected_of(log: Log, given: Any, salt: bytes | None = SALT) -> ExpectedQueue:
    found = ExpectedQueue(given, salt)
    for accepted, (record, _) in zip(log.accepted(), log.records, strict=True):
        found.observe(record, accepted.event, accepted.state)
    return found


def held(log: Log, given: Any) -> dict[str, ReviewedItem]:
    """The items that the queue would have."""
    changes = log.changes(given)
    said: dict[str, dict[str, Any]] = {}
    for verdict in changes.verdicts:
        if None not in verdict.answers.values():
            said.setdefault(verdict.item, {})[verdict.reviewer] = verdict.answers
    return {
        item.id: ReviewedItem(item.id, item.target, item.reasons, said.get(item.id, {}), {}, {}, {})
        for item in changes.items
    }


GIVEN = rubric(select={"random": 0.4})


def test_a_queue_that_is_right_differs_in_nothing() -> None:
    log = chat(*answered(GIVEN, {"helpful": True}), *answered(GIVEN, {"helpful": True}, reviewer="rob"))
    expected, items = expected_of(log, GIVEN), held(log, GIVEN)
    assert 5 < len(expected.drawn) < 25
    assert list(queue_differences(expected, items, ())) == []
    assert len(expected.judged()) == 2


def test_what_is_missing_too_much_and_unknown_is_told() -> None:
    log = chat(*answered(GIVEN, {"helpful": True}))
    expected, items = expected_of(log, GIVEN), held(log, GIVEN)
    missing = min(expected.drawn.keys() - {item_id("acme", "quality", ReviewTarget("answer", "c1", "a1"))})
    del items[missing]
    strange = ReviewTarget("answer", "c1", "a99")
    items["item-x"] = ReviewedItem("item-x", strange, ("random",), {}, {}, {}, {})
    judged = item_id("acme", "quality", ReviewTarget("answer", "c1", "a1"))
    items[judged] = items[judged]._replace(verdicts={})
    told = list(queue_differences(expected, items, ()))
    assert len(told) == 3
    assert "belongs to the random share, and is not in the queue" in told[0]
    assert told[1].startswith("answer c1/a99 is in the queue for the random share, and does not belong")
    assert told[2] == f"rita has judged {judged}, and the queue does not know it"
    assert list(queue_differences(expected, items, ["c1"])) == told[2:]


def test_withdrawn_answers_and_erased_conversations_are_expected_no_more() -> None:
    log = chat(
        *answered(GIVEN, {"helpful": True}), *answered(GIVEN, {"helpful": True}, withdrawn=True, at=60)
    )
    assert expected_of(log, GIVEN).judged() == set()
    log = chat(*answered(GIVEN, {"helpful": True}))
    expected = expected_of(log, GIVEN)
    log.add(event("EraseConversation", {"reason": "asked"}, at=70))
    record, erasure = log.records[-1]
    expected.observe(record, erasure, log.state)
    assert (expected.drawn, expected.judged()) == ({}, set())


@pytest.mark.parametrize(
    ("tags", "unsure"), [(["de"], set()), (["de", "fr"], {"c1"})], ids=["one value", "a changed tag"]
)
def test_conversations_whose_tags_were_changed_are_not_compared(tags: list[str], unsure: set[str]) -> None:
    given = rubric(select={"random": 1.0, "filter": {"tags": {"locale": ["de"]}}})
    told = [
        event("UpdateConversation", {"tags": {"locale": tag}, "consent": "unknown"}, at=40 + at)
        for at, tag in enumerate(tags)
    ]
    assert expected_of(chat(*told), given).unsure == unsure


def test_without_a_random_share_nothing_is_drawn() -> None:
    assert expected_of(chat(), rubric(select={"everything": True}), None).drawn == {}
    with pytest.raises(ValueError, match="needs a salt"):
        ItemFinder(GIVEN, None).reasons_to_exist(chat().state, ReviewTarget("answer", "c1", "a1"))
