"""The page of reviews while servers are away, emptied or killed: nothing is lost, and nothing is doubled."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_schemas.contract.events import UpdateMessage
from plaudit_schemas.contract.ulid import new_ulid

from harness.waiting import eventually
from tests.support.event_log import PARTITIONS
from tests.support.line import Line
from tests.support.review import ANSWERS, PAIRS, Person, ReviewLine, accuracy_of, ranked, review_line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture
def review(
    kafka: str, valkey_server: Callable[[], ValkeyServer], tmp_path: Path
) -> Iterator[tuple[ReviewLine, ValkeyServer]]:
    """A review whose Redis the test may do anything to."""
    server = valkey_server()
    line = Line(kafka=kafka, redis=server.address, folder=tmp_path, partitions=PARTITIONS)
    with review_line(line) as made:
        made.start().replay("hh-rlhf", limit=6)
        yield made, server


@pytest.fixture
def own_kafka(
    valkey: str, kafka_server: Callable[[], KafkaServer], tmp_path: Path
) -> Iterator[tuple[ReviewLine, KafkaServer]]:
    """A review whose Kafka the test may stop."""
    server = kafka_server()
    line = Line(kafka=server.address, redis=valkey, folder=tmp_path, partitions=PARTITIONS)
    with review_line(line, review_ack_timeout_s="1") as made:
        made.start().replay("hh-rlhf", limit=6)
        yield made, server


def _refused(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def _until_stored(
    send: Callable[[], httpx.Response], allowed: set[int], supervised: ReviewLine | None = None
) -> dict[str, Any]:
    """Send until it is stored, as the page does with a draft.

    Args:
        supervised: start its processes again if they end meanwhile.
    """
    last: list[httpx.Response] = []

    def stored() -> bool:
        if supervised is not None:
            supervised.supervise()
        last.append(send())
        assert last[-1].status_code in {200, *allowed}, last[-1].text
        return last[-1].status_code == 200

    eventually(stored, "it is stored")
    document: dict[str, Any] = last[-1].json()
    return document


def _answer(person: Person, item: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
    # The console of these tests waits a second for Kafka, which is not enough on a crowded machine.
    submission = new_ulid()
    _until_stored(lambda: person.submit(item, answers, submission=submission), {503})


def test_without_kafka_the_draft_is_kept_and_a_repeat_counts_once(
    own_kafka: tuple[ReviewLine, KafkaServer],
) -> None:
    review, kafka = own_kafka
    ana, queue = review.opened("pairs", PAIRS)
    item, second = ana.take(queue), new_ulid()
    assert item is not None
    _answer(ana, item, {"better": ranked(item)})
    other = ana.take(queue)
    assert other is not None
    kafka.pause()
    path = f"/queues/{queue}/items/{other['id']}"
    assert _refused(ana.submit(other, {"better": ranked(other)}, submission=second)) == (503, "kafka")
    refused = ana.submit(other, {"better": ranked(other)}, submission=second)
    assert refused.headers["retry-after"] == "2"
    assert _refused(ana.post(f"{path}/decline", {"reason": "x"})) == (503, "kafka")
    assert _refused(ana.post(f"/queues/{queue}/undo", {"item": item["id"]})) == (503, "kafka")
    kafka.resume()
    # An undo that Kafka did not take can be repeated: its answers are not forgotten.
    undo = {"item": item["id"]}
    back = _until_stored(lambda: ana.post(f"/queues/{queue}/undo", undo), {503})
    assert back["answers"] == {"better": {**ranked(item), "none_acceptable": False}} or back["answers"]
    body = {"better": ranked(other)}
    stored = _until_stored(lambda: ana.submit(other, body, submission=second), {503})
    assert stored["outcome"] in ("answered", "repeated")
    _answer(ana, back["item"], {"better": ranked(item)})
    review.line.wait_folded()
    eventually(lambda: ana.get(f"/queues/{queue}")["progress"]["verdicts"] == 2, "both count, once each")
    review.line.check_exact()


def test_a_console_killed_before_the_acknowledgement_doubles_nothing(
    own_kafka: tuple[ReviewLine, KafkaServer],
) -> None:
    review, kafka = own_kafka
    review.console.settings["review_ack_timeout_s"] = "30"
    assert review.console.stop() == 0
    review.console.start()
    ana, queue = review.opened("pairs", PAIRS)
    item, submission = ana.take(queue), new_ulid()
    assert item is not None
    kafka.pause()
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(ana.submit, item, {"better": ranked(item)}, submission=submission)
        watcher = review.sign_in("ben")
        eventually(lambda: watcher.get(f"/queues/{queue}")["progress"]["verdicts"] == 1, "the slot is marked")
        review.console.kill()
        with pytest.raises(httpx.TransportError):
            lost.result(60)
    kafka.resume()
    review.console.start()
    ana = review.sign_in("ana")
    done = _until_stored(lambda: ana.submit(item, {"better": ranked(item)}, submission=submission), {503})
    assert done["outcome"] == "repeated"
    review.line.wait_folded()
    progress = ana.get(f"/queues/{queue}")["progress"]
    assert (progress["verdicts"], progress["surplus"]) == (1, 0)
    assert len({record.event.event_id for record in review.said("pairs")}) == 1


def test_without_redis_the_page_says_so(review: tuple[ReviewLine, ValkeyServer]) -> None:
    one, server = review
    ana, queue = one.opened("pairs", PAIRS)
    item, submission = ana.take(queue), new_ulid()
    assert item is not None
    server.kill()
    assert _refused(ana.post(f"/queues/{queue}/next")) == (503, "redis")
    assert _refused(ana.submit(item, {"better": ranked(item)}, submission=submission)) == (503, "redis")
    (shown,) = ana.get("/queues")["queues"]
    assert (shown["rubric"], shown["progress"], shown["mine"]) == ("pairs", None, None)


@pytest.mark.parametrize("what", ["answered", "declined"])
def test_a_redis_that_goes_back_a_second_gives_nobody_an_item_twice(
    review: tuple[ReviewLine, ValkeyServer], what: str
) -> None:
    one, server = review
    ana, queue = one.opened("pairs", PAIRS)
    one.end_agent(one.agents[-1])  # it would bring what is lost from the log, sooner or later
    item = ana.take(queue)
    assert item is not None
    with server.client() as client:
        kept = {key: client.dump(key) for key in client.scan_iter("*{plaudit:review:*")}
        if what == "answered":
            ana.answer(item, {"better": ranked(item)})
        else:
            Person.checked(ana.post(f"/queues/{queue}/items/{item['id']}/decline", {"reason": "x"}))
        for key in list(client.scan_iter("*{plaudit:review:*")):
            client.delete(key)
        for key, value in kept.items():
            client.restore(key, 0, value)
    assert ana.get(f"/queues/{queue}")["mine"]["leased"] == 1, "Redis has lost it"
    following = ana.take(queue)
    assert following is not None
    assert following["id"] != item["id"]
    mine = ana.get(f"/queues/{queue}")["mine"]
    assert (mine["answered"], mine["declined"]) == ((1, 0) if what == "answered" else (0, 1))
    one.start_agent()
    one.line.wait_folded()
    assert len(one.said("pairs")) == 1


def test_whatever_ends_in_between_loses_and_doubles_nothing(review: tuple[ReviewLine, ValkeyServer]) -> None:
    one, server = review
    one.publish({**ANSWERS, "overlap": 1})
    one.replay("topical-chat", limit=3)
    lead = one.sign_in("lea", "lead")
    count = one.wait_items(lead, "answers/1", lambda found: found > 20)
    people = ["ana", "ben", "cem"]
    signed = {name: one.sign_in(name) for name in people}
    verdicts: dict[str, tuple[str, bool]] = {}
    number = 0
    while len(verdicts) < count:
        name = people[number % 3]
        _break(one, server, number)
        if number == 12:
            signed = {each: one.sign_in(each) for each in people}  # a console that starts anew knows nobody
        item = _next(one, signed[name], "answers/1")
        number += 1
        if item is None:
            continue
        if number in (16, 17):
            _wait_folded(one)  # what is emptied is a Redis in use
            redis.Redis.from_url(server.address).flushall()  # between the taking and the answer
            # A worker meets an emptied Redis with the next event of each partition.
            one.replay("hh-rlhf", limit=12 * number, application="bank", supervised=True)
        assert item["id"] not in verdicts, "nobody gets an item that is done"
        verdicts[item["id"]] = name, number % 3 != 0
        _judge(one, signed[name], item, right=number % 3 != 0)
    _wait_folded(one)
    said = {
        record.event.event_id: record.event.body.feedback
        for record in one.said("answers")
        if isinstance(record.event.body, UpdateMessage)
    }
    assert Counter(each.item_id for each in said.values()) == Counter(verdicts.keys())
    assert {each.item_id: each.rater.id for each in said.values()} == {
        item: name for item, (name, _) in verdicts.items()
    }
    accuracy = accuracy_of(one.line.check_exact())
    right = [each for _, each in verdicts.values()]
    assert accuracy.count == count
    assert accuracy.value == pytest.approx(sum(right) / count)


def _break(one: ReviewLine, server: ValkeyServer, number: int) -> None:
    if number == 4:
        one.line.end_worker(one.line.workers[-1])
        one.line.start_worker()
    if number == 8:
        one.end_agent(one.agents[-1])
        one.start_agent()
    if number == 12:
        one.console.kill()
        one.console.start()


def _judge(one: ReviewLine, person: Person, item: dict[str, Any], *, right: bool) -> None:
    answers, submission = {"right": "correct" if right else "incorrect"}, new_ulid()
    _until_stored(lambda: person.submit(item, answers, submission=submission), {503}, one)


def _next(one: ReviewLine, person: Person, queue: str) -> dict[str, Any] | None:
    document = _until_stored(lambda: person.post(f"/queues/{queue}/next"), {503}, one)
    item: dict[str, Any] | None = document["item"]
    return item


def _wait_folded(one: ReviewLine) -> None:
    one.line.wait_folded(supervised=True)
