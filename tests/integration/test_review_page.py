"""The page of reviews over HTTP, on real servers: items, answers, undo and declines."""

from typing import Any

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_schemas.contract.events import CompareMessages, DeclineReview, UpdateMessage
from plaudit_schemas.contract.ulid import new_ulid

from harness.waiting import eventually
from tests.support.review import ANSWERS, APPLICATION, PAIRS, ReviewLine, ranked

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(900)]


def test_an_answer_is_shown_with_its_path_and_without_its_model(real_review: ReviewLine) -> None:
    with FeedbackProducer(APPLICATION, connection=real_review.line.connection) as producer:
        chat = producer.start_conversation("shown", model="secret-model", tools="[]")
        chat.add_message("user", "Is **it** here?")
        answer = chat.add_message("assistant", "<b>Yes</b>", reasoning="hm", message_id="shown-answer")
        chat.add_message("assistant", "No", parent_id="", model="other-model")
        assert answer
    ana, queue = real_review.opened(
        "shown", ANSWERS, select={"everything": True, "filter": {"models": ["secret-model"]}}
    )
    item = ana.take(queue)
    assert item is not None
    assert [each["html"] for each in item["messages"]] == ["<p>Is <strong>it</strong> here?</p>\n"]
    assert item["answer"]["html"] == "<p>&lt;b&gt;Yes&lt;/b&gt;</p>\n"
    assert item["answer"]["text"] == "<b>Yes</b>"
    assert item["answer"]["reasoning_html"] == "<p>hm</p>\n"
    assert (item["tools"], item["live"], item["suggestions"]) == ("[]", True, [])
    assert "secret-model" not in ana.post(f"/queues/{queue}/next").text
    again = ana.take(queue)
    assert again is not None
    assert again["id"] == item["id"], "a reload gives the same item"


def test_each_item_gets_as_many_verdicts_as_asked_for_and_no_more(real_review: ReviewLine) -> None:
    people = [real_review.sign_in(name) for name in ("ana", "ben", "cem")]
    _, queue = real_review.opened("exact", PAIRS, overlap=2)
    left = set()
    seen: dict[str, list[str]] = {}
    while people:
        for person in list(people):
            item = person.take(queue)
            if item is None:
                people.remove(person)
                left.add(person.name)
                continue
            seen.setdefault(item["id"], []).append(person.name)
            outcome = person.answer(item, {"better": ranked(item)})["outcome"]
            assert outcome == "answered"
    assert {tuple(sorted(set(each))) == tuple(sorted(each)) for each in seen.values()} == {True}
    assert {len(each) for each in seen.values()} == {2}
    ana = real_review.sign_in("ana")
    progress = ana.get("/queues/exact/1")["progress"]
    assert (progress["done"], progress["verdicts"], progress["surplus"]) == (len(seen), 2 * len(seen), 0)
    eventually(lambda: len(real_review.said("exact")) == 2 * len(seen), "all are in the log")


def test_sides_differ_between_people_and_the_event_has_what_was_shown(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("sides", PAIRS)
    ben = real_review.sign_in("ben")
    first: dict[str, list[str]] = {}
    differ = 0
    for _ in range(8):
        item = ana.take(queue)
        assert item is not None
        shown = [each["id"] for each in item["candidates"]]
        first[item["id"]] = shown
        ana.answer(item, {"better": ranked(item)}, candidates=shown, comment="so", confidence=0.5)
    for _ in range(8):
        item = ben.take(queue)
        assert item is not None
        differ += [each["id"] for each in item["candidates"]] != first[item["id"]]
        ben.answer(item, {"better": ranked(item)})
    assert 0 < differ < 8
    bodies = [record.event.body for record in real_review.said("sides")]
    mine = [body for body in bodies if isinstance(body, CompareMessages) and body.rater.id == "ana"]
    assert {body.item_id: body.candidates for body in mine} == first
    assert {(body.rater.kind, body.rubric_version, body.comment, body.confidence) for body in mine} == {
        ("reviewer", "1", "so", 0.5)
    }


def test_a_submission_that_is_repeated_counts_once(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("repeated", PAIRS)
    item, submission = ana.take(queue), new_ulid()
    assert item is not None
    answers = {"better": ranked(item)}
    assert ana.answer(item, answers, submission=submission)["outcome"] == "answered"
    repeated = ana.answer(item, answers, submission=submission, next=True)
    assert repeated["outcome"] == "repeated"
    assert repeated["queue"]["mine"]["answered"] == 1
    assert repeated["next"]["id"] != item["id"]
    records = real_review.said("repeated")
    assert len({record.event.event_id for record in records}) == 1


@pytest.mark.parametrize(
    ("answers", "question", "told"),
    [
        ({}, "better", "needs an answer"),
        ({"better": True}, "better", "must have groups"),
        ({"better": {"groups": [["none-of-them"]]}}, "better", "must rank each of the answers"),
        ({"other": 1}, None, "is no question"),
    ],
    ids=["missing", "of another kind", "of other answers", "unknown question"],
)
def test_answers_that_do_not_fit_are_refused_with_their_question(
    real_review: ReviewLine, answers: dict[str, Any], question: str | None, told: str
) -> None:
    ana, queue = real_review.opened("wrong", PAIRS)
    item = ana.take(queue)
    assert item is not None
    refused = ana.submit(item, answers)
    assert refused.status_code == 422
    assert (refused.json()["code"], refused.json()["question"]) == ("answers", question)
    assert told in refused.json()["detail"]
    stray = ana.submit(item, {"better": ranked(item)}, candidates=["m1", "m2"])
    assert (stray.status_code, stray.json()["code"]) == (422, "answers")
    assert real_review.said("wrong") == []


def test_an_answer_is_taken_back_and_given_again(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("undone", ANSWERS)
    nothing = ana.post(f"/queues/{queue}/undo")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_undo")
    item = ana.take(queue)
    assert item is not None
    given = {"right": "correct", "stars": 4}
    ana.answer(item, given)
    back = ana.checked(ana.post(f"/queues/{queue}/undo"))
    assert (back["item"]["id"], back["answers"]) == (item["id"], given)
    assert back["item"]["lease_ms"] > 0
    assert ana.get(f"/queues/{queue}")["mine"]["answered"] == 0
    real_review.line.wait_folded()
    ana.answer(back["item"], {"right": "incorrect"})
    real_review.line.wait_folded()
    said = [record.event.body for record in real_review.said("undone")]
    values = [body.feedback.value for body in said if isinstance(body, UpdateMessage)]
    assert [value is None for value in values] == [False, False, True, True, False]
    progress = ana.get(f"/queues/{queue}")
    assert (progress["progress"]["verdicts"], progress["mine"]["answered"]) == (1, 1)
    refused = ana.post(f"/queues/{queue}/undo", {"item": "item-of-nobody"})
    assert (refused.status_code, refused.json()["code"]) == (404, "no_item")


def test_a_declined_item_never_comes_again(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("declined", PAIRS)
    item = ana.take(queue)
    assert item is not None
    path = f"/queues/{queue}/items/{item['id']}"
    empty = ana.post(f"{path}/decline", {"reason": "  "})
    assert (empty.status_code, empty.json()["code"]) == (422, "request")
    answer = ana.checked(ana.post(f"{path}/decline", {"reason": "not my language", "next": True}))
    assert answer["queue"]["mine"]["declined"] == 1
    met = {item["id"]}
    while answer["next"] is not None:
        assert answer["next"]["id"] not in met
        met.add(answer["next"]["id"])
        answer = ana.answer(answer["next"], {"better": ranked(answer["next"])}, next=True)
    bodies = [record.event.body for record in real_review.said("declined")]
    reasons = [body.reason for body in bodies if isinstance(body, DeclineReview)]
    assert reasons == ["not my language"]
    unknown = ana.post(f"/queues/{queue}/items/item-none/decline", {"reason": "x"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_item")


def test_leases_are_renewed_lost_and_given_back(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("leased", PAIRS, overlap=1, lease_minutes=0.01)
    ben = real_review.sign_in("ben")
    item = ana.take(queue)
    assert item is not None
    path = f"/queues/{queue}/items/{item['id']}"
    assert ana.checked(ana.post(f"{path}/renew"))["lease_ms"] > 0
    eventually(
        lambda: ben.post(f"{path}/open").status_code == 200, "the lease runs out, and another takes it"
    )
    lost = ana.post(f"{path}/renew")
    assert (lost.status_code, lost.json()["code"]) in ((409, "lost"), (200, None))
    ben.answer(item, {"better": ranked(item)})
    taken = ana.post(f"{path}/open")
    assert (taken.status_code, taken.json()["code"]) == (409, "taken")
    gone = ana.post(f"{path}/renew")
    assert (gone.status_code, gone.json()["code"]) == (409, "lost")
    assert ana.answer(item, {"better": ranked(item)})["outcome"] == "surplus"
    other = ben.take(queue)
    assert other is not None
    ben.checked(ben.post(f"/queues/{queue}/items/{other['id']}/release"))
    assert ben.get(f"/queues/{queue}")["mine"]["leased"] == 0


def test_a_newer_version_ends_the_older_but_keeps_what_was_begun(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("versions", PAIRS)
    item = ana.take(queue)
    assert item is not None
    real_review.publish({**PAIRS, "name": "versions", "version": "2", "continues": ["1"]})
    eventually(
        lambda: ana.post(f"/queues/{queue}/next").status_code == 409, "the page has seen the new version"
    )
    assert ana.post(f"/queues/{queue}/next").json()["code"] == "replaced"
    assert ana.answer(item, {"better": ranked(item)})["outcome"] == "answered"
    real_review.wait_items(ana, "versions/2")
    eventually(lambda: ana.get("/queues/versions/2")["progress"]["verdicts"] == 1, "the verdict counts on")


def test_what_models_say_is_shown_where_the_rubric_allows_it(real_review: ReviewLine) -> None:
    with FeedbackProducer(APPLICATION, connection=real_review.line.connection) as producer:
        chat = producer.start_conversation("scored", model="scored-model")
        chat.add_message("user", "How?")
        answer = chat.add_message("assistant", "So.")
        chat.label(answer, ["correct"], aspect="accuracy", rater={"kind": "model", "id": "scorer"})
    select = {"everything": True, "filter": {"models": ["scored-model"]}}
    real_review.line.wait_folded()
    ana, queue = real_review.opened("suggesting", ANSWERS, select=select, show_suggestions=True)
    item = ana.take(queue)
    assert item is not None
    assert item["suggestion_shown"]
    assert item["suggestions"] == [
        {"question": "right", "agent": "scorer", "message_id": answer, "value": ["correct"],
         "text": "correct"}
    ]  # fmt: skip
    ana.answer(item, {"right": "correct"}, suggestion_shown=True)
    (record,) = real_review.said("suggesting")
    assert isinstance(record.event.body, UpdateMessage)
    assert record.event.body.feedback.suggestion_shown is True
