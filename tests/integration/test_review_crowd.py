"""Twenty scripted reviewers at once, over HTTP, on pairs of hh-rlhf."""

import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from plaudit_schemas.contract.events import CompareMessages

from harness.waiting import eventually
from tests.support.event_log import PARTITIONS
from tests.support.line import Line
from tests.support.review import PAIRS, Person, ReviewLine, ranked, review_line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(1200)]

PEOPLE, PAIRS_READ, OVERLAP = 20, 2000, 3


@pytest.fixture
def review(kafka: str, valkey: str, tmp_path: Path) -> Iterator[ReviewLine]:
    line = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=PARTITIONS)
    with review_line(line) as made:
        yield made.start()


def test_every_item_gets_its_verdicts_by_different_people(review: ReviewLine) -> None:
    review.publish({**PAIRS, "overlap": OVERLAP})
    review.replay("hh-rlhf", limit=PAIRS_READ)
    people = [review.sign_in(f"person-{number:02}") for number in range(PEOPLE)]
    review.wait_items(people[0], "pairs/1", lambda count: count == PAIRS_READ)
    with ThreadPoolExecutor(PEOPLE) as pool:
        waited = [wait for waits in pool.map(_work, people) for wait in waits]
    milliseconds = sorted(1000 * wait for wait in waited)
    print(
        f"{PEOPLE} people, {len(milliseconds)} times next: median {statistics.median(milliseconds):.0f} ms, "
        f"p99 {milliseconds[len(milliseconds) * 99 // 100]:.0f} ms, most {milliseconds[-1]:.0f} ms"
    )
    progress = people[0].get("/queues/pairs/1")["progress"]
    assert (progress["done"], progress["verdicts"], progress["surplus"]) == (
        PAIRS_READ, OVERLAP * PAIRS_READ, 0,
    )  # fmt: skip
    bodies = {record.event.event_id: record.event.body for record in review.said("pairs")}
    verdicts = Counter(
        (body.item_id, body.rater.id) for body in bodies.values() if isinstance(body, CompareMessages)
    )
    assert set(verdicts.values()) == {1}, "nobody answered an item twice"
    assert set(Counter(item for item, _ in verdicts).values()) == {OVERLAP}
    assert len({item for item, _ in verdicts}) == PAIRS_READ
    review.line.wait_folded()
    eventually(lambda: people[0].get("/queues/pairs/1")["progress"] == progress, "the log says the same")
    review.line.check_exact()


def _work(person: Person) -> list[float]:
    """Answer until nothing is left. Returns how long each `next` took, in seconds."""
    rng, waited = random.Random(person.name), []
    while True:
        began = time.perf_counter()
        item = person.take("pairs/1")
        waited.append(time.perf_counter() - began)
        if item is None:
            if person.get("/queues/pairs/1")["progress"]["leased"] == 0:
                return waited
            time.sleep(0.05)  # others hold the last items; should they leave them, somebody must take them
            continue
        best = rng.choice(item["candidates"])["id"]
        outcome = person.answer(item, {"better": ranked(item, best)})["outcome"]
        assert outcome == "answered", outcome
