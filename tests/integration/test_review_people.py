"""The page of reviews over HTTP, on real servers: who may do what, adjudication, erasure and odd requests."""

from pathlib import Path
from typing import Any

import pytest
from plaudit_producers import FeedbackProducer, IdentityHash
from plaudit_schemas.contract.events import AddMessage, StartConversation, UpdateMessage

from harness.waiting import eventually
from tests.support.console import Console
from tests.support.review import ANSWERS, APPLICATION, PAIRS, Person, ReviewLine, ranked

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(900)]

_LEADS = ("quality", "disagreements", "items/item-x/answers")


def _refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code")


def test_a_reviewer_sees_no_figures_of_others_and_settles_nothing(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("roles", PAIRS)
    for path in _LEADS:
        assert _refused(ana.http.get(f"/review/queues/{queue}/{path}")) == (403, "role")
    body = {"submission": "0123456789", "answers": {}}
    assert _refused(ana.post(f"/queues/{queue}/items/item-x/adjudicate", body)) == (403, "role")
    assert ana.get(f"/queues/{queue}/mine")["mine"]["answered"] == 0
    assert not ana.get("/queues")["lead"]
    lea = real_review.sign_in("lea", "lead")
    assert lea.get("/queues")["lead"]
    for path in _LEADS[:2]:
        assert lea.http.get(f"/review/queues/{queue}/{path}").status_code == 200


def test_others_see_nothing(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("others", PAIRS)
    item = ana.take(queue)
    assert item is not None
    path = f"/queues/{queue}/items/{item['id']}"
    stranger = real_review.sign_in("sam", "reviewer", "lead", "admin", application="bank")
    assert stranger.get("/queues")["queues"] == []
    assert _refused(stranger.post(f"/queues/{queue}/next")) == (404, "no_queue")
    assert _refused(stranger.post(f"{path}/open")) == (404, "no_queue")
    assert _refused(stranger.submit(item, {"better": ranked(item)})) == (404, "no_queue")
    assert _refused(stranger.http.get(f"/review{path}/answers")) == (404, "no_queue")
    reader = real_review.sign_in("rea", "reader")
    assert reader.http.get("/review/queues").status_code == 403
    assert reader.post(f"/queues/{queue}/next").status_code == 403
    ana.http.cookies.clear()
    assert ana.post(f"/queues/{queue}/next").status_code == 401


def test_a_rubric_for_some_people_is_for_nobody_else(real_review: ReviewLine) -> None:
    real_review.publish({**PAIRS, "name": "named", "reviewers": {"people": ["ben"]}})
    ben, ana, lea = (
        real_review.sign_in("ben"), real_review.sign_in("ana"), real_review.sign_in("lea", "lead"),
    )  # fmt: skip
    real_review.wait_items(ben, "named/1")
    assert "named" not in {each["rubric"] for each in ana.get("/queues")["queues"]}
    assert _refused(ana.post("/queues/named/1/next")) == (403, "not_allowed")
    (seen,) = (each for each in lea.get("/queues")["queues"] if each["rubric"] == "named")
    assert not seen["may_review"]
    assert _refused(lea.post("/queues/named/1/next")) == (403, "not_allowed")
    assert ben.take("named/1") is not None


def test_the_page_of_another_site_gets_nothing(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("forged", PAIRS)
    forged = ana.http.post(f"/review/queues/{queue}/next", headers={"sec-fetch-site": "cross-site"})
    assert forged.status_code == 403
    assert ana.get(f"/queues/{queue}")["mine"]["leased"] == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"x" * (2 << 20) + b"y", 413, "too_large"),
        (b"not json", 422, "request"),
        (b"[1]", 422, "request"),
        (b"[" * 100_000, 422, "request"),
        (b'{"submission": "0123456789"}', 422, "request"),
        (b'{"submission": "short", "answers": {}}', 422, "request"),
        (b'{"submission": "0123456789", "answers": {}, "more": 1}', 422, "request"),
        (b'{"submission": "0123456789", "answers": {}, "confidence": 2}', 422, "request"),
    ],
    ids=[
        "too large", "no JSON", "no object", "too deep", "no answers", "short submission", "unknown field",
        "confidence above 1",
    ],
)  # fmt: skip
def test_odd_requests_are_refused(real_review: ReviewLine, body: bytes, status: int, code: str) -> None:
    ana, queue = real_review.opened("odd", PAIRS)
    path = f"/review/queues/{queue}/items/item-x/submit"
    assert _refused(ana.http.post(path, content=body)) == (status, code)


def test_what_does_not_exist_is_not_found(real_review: ReviewLine) -> None:
    lea = real_review.sign_in("lea", "lead")
    for path in ("/queues/none/1/next", "/queues/odd/99/next"):
        assert _refused(lea.post(path)) == (404, "no_queue")
    _, queue = real_review.opened("missing", PAIRS)
    assert _refused(lea.post(f"/queues/{queue}/items/item-x/open")) == (404, "no_item")
    assert _refused(lea.http.get(f"/review/queues/{queue}/items/item-x/answers")) == (404, "no_item")
    assert _refused(lea.http.get(f"/review/queues/{queue}/disagreements?limit=0")) == (422, "request")


def test_items_of_an_erased_conversation_vanish(real_review: ReviewLine) -> None:
    with FeedbackProducer(APPLICATION, connection=real_review.line.connection) as producer:
        chat = producer.start_conversation("to-erase", model="erased-model")
        chat.add_message("user", "A secret?")
        chat.add_message("assistant", "The secret.")
    select = {"everything": True, "filter": {"models": ["erased-model"]}}
    ana, queue = real_review.opened("erased", ANSWERS, select=select)
    item = ana.take(queue)
    assert item is not None
    assert item["answer"]["text"] == "The secret."
    with FeedbackProducer(APPLICATION, connection=real_review.line.connection) as producer:
        producer.conversation("to-erase").erase("the user asked")
    path = f"/queues/{queue}/items/{item['id']}"
    eventually(lambda: ana.post(f"{path}/open").status_code == 404, "the erasure is known")
    assert _refused(ana.submit(item, {"right": "correct"})) == (404, "no_item")
    assert ana.take(queue) is None
    assert ana.get(f"/queues/{queue}")["progress"]["items"] == 0
    assert real_review.said("erased") == []


def test_a_lead_settles_what_two_disagree_on(real_review: ReviewLine) -> None:
    ana, queue = real_review.opened("disputed", ANSWERS, overlap=2)
    ben, lea = real_review.sign_in("ben"), real_review.sign_in("lea", "lead")
    item = ana.take(queue)
    assert item is not None
    path = f"/queues/{queue}/items/{item['id']}"
    ana.answer(item, {"right": "correct"})
    early = {"submission": "0123456789", "answers": {"right": "correct"}}
    assert _refused(lea.post(f"{path}/adjudicate", early)) == (409, "agreed")
    ben.checked(ben.post(f"{path}/open"))
    ben.answer(item, {"right": "incorrect"})
    eventually(lambda: _disputes(lea, queue) == [item["id"]], "the dispute is listed")
    seen = lea.get(f"{path}/answers")
    assert {each["reviewer"]: each["answers"]["right"] for each in seen["answers"]} == {
        "ana": "correct", "ben": "incorrect",
    }  # fmt: skip
    assert seen["questions"] == ["right"]
    admin = real_review.sign_in("ben", "lead")
    assert _refused(admin.post(f"{path}/adjudicate", early)) == (403, "not_allowed")
    wrong = lea.post(f"{path}/adjudicate", {**early, "answers": {"right": "maybe"}})
    assert _refused(wrong) == (422, "answers")
    for _ in range(2):  # a repeat after a lost answer
        assert lea.checked(lea.post(f"{path}/adjudicate", early)) == {"outcome": "answered"}
    assert _disputes(lea, queue) == []
    assert lea.get(f"{path}/answers")["adjudicated"] == {"lea": {"right": "correct"}}
    settled = [record.event for record in real_review.said("disputed")]
    said = [each.body.feedback for each in settled if isinstance(each.body, UpdateMessage)]
    ids = {each.item_id for each in said if each.rater.id == "lea"}
    assert {(each or "").partition("-")[0] for each in ids} == {"adjudication"}


def _disputes(lead: Person, queue: str) -> list[str]:
    return [each["item"] for each in lead.get(f"/queues/{queue}/disagreements")["items"]]


def test_prompts_are_written_for_a_topic(real_review: ReviewLine) -> None:
    rubric = {
        "name": "seeds", "version": "1", "application": APPLICATION, "title": "Write prompts",
        "target": "topic", "topics": [{"name": "cooking", "prompts": 2, "help": "*Short* ones."}],
        "questions": [{"name": "prompt", "kind": "prompt", "title": "Your prompt"}], "select": {},
    }  # fmt: skip
    real_review.publish(rubric)
    ana = real_review.sign_in("ana")
    real_review.wait_items(ana, "seeds/1", lambda count: count == 2)
    item = ana.take("seeds/1")
    assert item is not None
    assert item["topic"] == {
        "name": "cooking", "number": 1, "help_html": "<p><em>Short</em> ones.</p>\n",
    }  # fmt: skip
    ana.answer(item, {"prompt": "How do I boil an egg?"})
    back = ana.checked(ana.post("/queues/seeds/1/undo"))
    assert back["answers"] == {"prompt": "How do I boil an egg?"}
    ana.answer(back["item"], {"prompt": "How do I poach an egg?"})
    other = ana.take("seeds/1")
    assert other is not None
    assert other["topic"]["number"] == 2
    ana.checked(ana.post(f"/queues/seeds/1/items/{other['id']}/decline", {"reason": "no idea"}))
    assert ana.take("seeds/1") is None
    events = [record.event for record in real_review.log() if _writes(record.event.body)]
    written = {event.event_id: event.body for event in events}  # the start is sent with each submission
    assert [type(body) for body in written.values()] == [StartConversation, AddMessage, AddMessage]


def _writes(body: Any) -> bool:
    if isinstance(body, StartConversation):
        return body.tags.get("plaudit.topic") == "cooking"
    return isinstance(body, AddMessage) and body.metadata.get("plaudit.rubric") == "seeds"


def test_people_are_hashed_where_a_key_is_set(real_review: ReviewLine, tmp_path: Path) -> None:
    _, queue = real_review.opened("hashed", PAIRS)
    salt = "a secret of sixteen bytes"
    console = Console(real_review.line.connection, tmp_path, {"review_identity_key": f"k1:{salt}"})
    console.start()
    hashed = ReviewLine(real_review.line, console)
    try:
        ana = hashed.sign_in("ana")
        item = ana.take(queue)
        assert item is not None
        ana.answer(item, {"better": ranked(item)})
        assert ana.get(f"/queues/{queue}")["mine"]["answered"] == 1
        (record,) = real_review.said("hashed")
        assert record.event.body.rater.id == IdentityHash("k1", salt.encode())("ana")  # type: ignore[union-attr]  # a comparison has one
        real_review.line.wait_folded()
        assert (ana.take(queue) or item)["id"] != item["id"]
    finally:
        for person in hashed.people:
            person.http.close()
        assert console.stop() == 0
