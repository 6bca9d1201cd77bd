"""Three reviewers and a lead at the page Review in Chromium, on real servers that are killed meanwhile."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import evalica
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pytest
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.gateway.access.principals import ApiRole
from plaudit_schemas.contract.events import AddMessage
from plaudit_schemas.review.changes import Answers
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.targets import QueueName
from plaudit_schemas.service.redis import connect
from playwright.sync_api import Browser, Page, expect

from harness.waiting import eventually
from tests.e2e.reviewer import Judge, Reviewer, judged_text, right
from tests.support.event_log import PARTITIONS
from tests.support.line import Line
from tests.support.review import ANSWERS, APPLICATION, PAIRS, REAL, ReviewLine, accuracy_of, review_line
from tests.support.scorers import Scorers, once
from tests.support.services import shared_data
from tests.support.sinks import Sinks, rows

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(1500)]

PEOPLE = ("ana", "ben", "cleo")
CHATS = 2
CONTROLS = 8
Found = TypeVar("Found")
Seen = dict[tuple[str, str], str]


@pytest.fixture
def redis_server(valkey_server: Callable[[], ValkeyServer]) -> ValkeyServer:
    return valkey_server()


@pytest.fixture
def review(kafka: str, redis_server: ValkeyServer, tmp_path: Path) -> Iterator[ReviewLine]:
    # A conversation that was judged ends again soon, so that its new revision is written.
    settings = {"idle_timeout_s": "2", "sweep_interval_s": "0.5"}
    line = Line(kafka, redis_server.address, tmp_path, PARTITIONS, settings)
    with review_line(line) as made:
        yield made.start()


@pytest.fixture
def scoring(review: ReviewLine) -> Iterator[Scorers]:
    """A scorer beside the reviewers."""
    made = Scorers(review.line)
    made.publish("1", delay_ms=1)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def people(review: ReviewLine, browser: Browser) -> Iterator[Callable[[str, Judge], Reviewer]]:
    """Opens a browser for a person; an error in a page fails the test."""
    contexts, errors = [], list[str]()

    def arrive(name: str, judge: Judge) -> Reviewer:
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        role: ApiRole = "lead" if name == "lea" else "reviewer"
        return Reviewer(page, review.console, review.key(name, role), judge)

    yield arrive
    for context in contexts:
        context.close()
    assert errors == []


def careful(page: Page) -> list[str]:
    """Reads the answer."""
    return ["1" if right(judged_text(page)) else "2"]


def careless(_page: Page) -> list[str]:
    """Reads nothing, and says that it is correct."""
    return ["1"]


def first_of_alphabet(page: Page) -> list[str]:
    """Takes the answer that comes first by its letters; says that two of one beginning tie."""
    texts = [each.inner_text() for each in page.locator(".candidates .said").all()]
    return ["="] if texts[0][:1] == texts[1][:1] else ["1" if texts[0] < texts[1] else "2"]


def test_pairs_are_ranked_by_three_while_everything_is_killed(
    review: ReviewLine, people: Callable[[str, Judge], Reviewer], redis_server: ValkeyServer, scoring: Scorers
) -> None:
    review.publish(PAIRS)
    review.replay("hh-rlhf", limit=5)
    scoring.running[-1].kill()  # in the middle of it, most likely
    count = review.wait_items(review.sign_in("lea", "lead"), "pairs/1", lambda found: found == 5)
    team = [people(name, first_of_alphabet).open("pairs/1") for name in PEOPLE]
    for reviewer in team:
        reviewer.answer()
    review.line.end_worker(review.line.workers[-1])
    review.end_agent(review.agents[-1])
    for reviewer in team:
        reviewer.answer()
    review.line.start_worker()
    review.start_agent()
    scoring.start()
    _kill_console(review, team)
    _kill_redis(redis_server, team)
    for reviewer in team:
        while not reviewer.finished:
            reviewer.answer()
    _wait_all_said(review, PAIRS, count)
    found = _reviewed(review, PAIRS)
    assert [(sorted(each), len(set(map(json.dumps, each.values())))) for each in found.values()] == [
        (list(PEOPLE), 1)
    ] * count
    assert [sorted(reviewer.items) for reviewer in team] == [sorted(found)] * len(team)
    _check_scores(review, scoring)


def _check_scores(review: ReviewLine, scoring: Scorers) -> None:
    """Each answer has one score."""
    if scoring.running[-1].poll() is not None:
        scoring.start()  # it met a Redis that was killed
    scoring.wait_scored()
    said = (record.event for record in review.log())
    answers = {
        (event.conversation_id, event.body.message_id)
        for event in said
        if isinstance(event.body, AddMessage) and event.body.role == "assistant"
    }
    assert once(scoring.sent()).keys() == answers


def _kill_console(review: ReviewLine, team: list[Reviewer]) -> None:
    """Everybody has an answer ready; it outlives the console, and goes to the next one."""
    review.console.settings["console_port"] = review.console.url.rpartition(":")[2]
    ready = [reviewer.fill() for reviewer in team]
    review.console.kill()
    team[0].page.keyboard.press("Enter")
    expect(team[0].page.locator(".notice")).to_contain_text("Your answers are kept in this browser.")
    review.console.start()
    # It tries again by itself; the new console does not know anybody.
    expect(team[0].page.get_by_role("link", name="Sign in again")).to_be_visible()
    for reviewer, item in zip(team, ready, strict=True):
        reviewer.again("pairs/1")
        assert reviewer.shown == item
        expect(reviewer.page.locator(".notice")).to_have_text("Your draft is here again.")
        reviewer.page.keyboard.press("Enter")
        reviewer.move_on(item)


def _kill_redis(server: ValkeyServer, team: list[Reviewer]) -> None:
    """An answer that is sent while Redis is away gets there once it is back."""
    one = team[0]
    item = one.fill()
    server.kill()
    one.page.keyboard.press("Enter")
    expect(one.page.locator(".notice")).to_contain_text("Not sent yet")
    server.start()
    one.move_on(item)


def test_the_careless_one_is_found_and_a_lead_settles(
    review: ReviewLine, people: Callable[[str, Judge], Reviewer], tmp_path: Path
) -> None:
    rubric, count = _with_controls(review)
    review.wait_items(review.sign_in("lea", "lead"), "answers/2", lambda found: found == count)
    team = [people(name, careless if name == "cleo" else careful).open("answers/2") for name in PEOPLE]
    while not all(reviewer.finished for reviewer in team):
        for reviewer in team:
            if not reviewer.finished:
                reviewer.answer()
    _wait_all_said(review, rubric, count)
    _check_accuracy(review, rubric)
    verdicts = _reviewed(review, rubric)
    lea = people("lea", careful)
    lea.console.sign_in(lea.page, lea.key, "/review")
    lea.page.get_by_role("heading", name="Review", exact=True).wait_for()
    lea.page.evaluate("location.hash = '#/answers/2/lead'")
    # The figures may be from before the last answers; the page looks at them again by itself.
    row = lea.page.get_by_role("row").filter(has=lea.page.get_by_role("rowheader", name="cleo"))
    expect(row).to_contain_text("Look at: below the others on control questions")
    judged = lea.page.get_by_role("definition").nth(1)
    expect(judged).to_have_text(str(count))
    alpha = _alpha_apart(Sinks(review.line.connection, tmp_path, str(tmp_path / "root")), set(verdicts))
    agreement = lea.page.get_by_role("region", name="Agreement by question").get_by_role("row").nth(1)
    expect(agreement.locator("b")).to_have_text(re.compile(rf"^({alpha - 5e-4:.2f}|{alpha + 5e-4:.2f})$"))
    for name in ("ana", "ben"):
        careful_row = lea.page.get_by_role("row").filter(has=lea.page.get_by_role("rowheader", name=name))
        expect(careful_row).to_contain_text(f"{CONTROLS} of {CONTROLS}")
        expect(careful_row).not_to_contain_text("Look at")
    waiting = {item for item, said in verdicts.items() if len({one["right"] for one in said.values()}) > 1}
    assert waiting
    expect(lea.page.locator("a.settle")).to_have_count(len(waiting))
    lea.page.keyboard.press("s")
    lea.page.get_by_role("heading", name="What reviewers said").wait_for()
    while not lea.page.get_by_role("heading", name="Nothing left to settle").is_visible():
        lea.answer()
    assert sorted(lea.items) == sorted(waiting)


def _wait_all_said(review: ReviewLine, rubric: Any, count: int) -> None:
    """Wait until every item has the words of all, in the log and in the queue."""

    def all_said() -> bool:
        review.supervise()
        return _is_confirmed(review, rubric, count)

    eventually(all_said, "everything is judged by all")
    review.line.wait_folded(supervised=True)


def _check_accuracy(review: ReviewLine, rubric: Any) -> None:
    """The accuracy of the stream is what most reviewers said of each answer, to control questions too."""
    said = _reviewed(review, rubric, controls=True).values()
    correct = [sum(each["right"] == "correct" for each in answers.values()) >= 2 for answers in said]

    async def count() -> Any:
        return accuracy_of(await asyncio.to_thread(review.line.check_exact))

    accuracy = _apart(count())
    assert accuracy.count == len(correct)
    assert accuracy.value == pytest.approx(sum(correct) / len(correct))


def _with_controls(review: ReviewLine) -> tuple[dict[str, Any], int]:
    """Publish the rubric for answers twice: the second version has controls that are all incorrect.

    Returns it, and how many items it has beside them.
    """
    chats = list(json.loads(shared_data(REAL["topical-chat"]).read_text()).values())[:CHATS]
    answers = sum(turn["agent"] == "agent_2" for chat in chats for turn in chat["content"])
    review.publish({**ANSWERS, "overlap": 3})
    review.replay("topical-chat", limit=CHATS)
    review.wait_items(review.sign_in("eve", "lead"), "answers/1", lambda found: found == answers)
    seen = _texts(review, ANSWERS)
    wrong = [
        {"conversation": conversation, "message": message, "expected": {"right": "incorrect"}}
        for (conversation, message), text in seen.items() if not right(text)
    ][:CONTROLS]  # fmt: skip
    rubric = {**ANSWERS, "version": "2", "overlap": 3, "controls": {"share": 0.5, "items": wrong}}
    review.publish(rubric)
    return rubric, answers - len(wrong)


def _apart(reading: Coroutine[Any, Any, Found]) -> Found:
    """Run a coroutine in a thread of its own: the browser's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, reading).result()


def _queue(review: ReviewLine, rubric: Any, client: Any) -> ReviewQueue:
    return ReviewQueue(
        client, review.line.connection.redis_prefix, QueueName(APPLICATION, rubric["name"], rubric["version"])
    )


def _reviewed(review: ReviewLine, rubric: Any, *, controls: bool = False) -> dict[str, dict[str, Answers]]:
    """Item -> reviewer -> answers, of all that are no controls, or of these too."""

    async def read() -> dict[str, dict[str, Answers]]:
        async with contextlib.aclosing(connect(review.line.redis)) as client:
            queue = _queue(review, rubric, client)
            return {
                each.id: {**each.verdicts, **each.surplus}
                async for each in queue.items()
                if controls or "control" not in each.reasons
            }

    return _apart(read())


def _texts(review: ReviewLine, rubric: Any) -> Seen:
    """(conversation, message) -> text, of all items."""

    async def read() -> Seen:
        found: Seen = {}
        async with contextlib.aclosing(connect(review.line.redis)) as client:
            queue = _queue(review, rubric, client)
            for each in [each async for each in queue.items()]:
                item = await queue.find(each.id)
                assert item is not None
                for message in json.loads(item.context)["messages"]:
                    if message["message_id"] == each.target.message_id:
                        found[each.target.conversation_id, each.target.message_id] = message["content"]
        return found

    return _apart(read())


def _is_confirmed(review: ReviewLine, rubric: Any, count: int) -> bool:
    verdicts = _reviewed(review, rubric)
    return len(verdicts) == count and all(len(each) == len(PEOPLE) for each in verdicts.values())


def _alpha_apart(sink: Sinks, items: set[str]) -> float:
    """Krippendorff's alpha of the verdicts in the Parquet, by somebody else's implementation."""
    said: dict[str, dict[str, str]] = {}

    def all_written() -> bool:
        sink.once()
        for each in _feedback(Path(sink.output)):
            if each["item_id"] in items and each["aspect"] == "accuracy":
                said.setdefault(each["rater"]["id"], {})[each["item_id"]] = each["labels"][0]
        return sum(map(len, said.values())) == len(items) * len(PEOPLE)

    eventually(all_written, "every verdict is in the Parquet")
    return float(evalica.alpha(pd.DataFrame(said).T, distance="nominal").alpha)


def _feedback(root: Path) -> Iterator[dict[str, Any]]:
    for row in rows(root, "conversations"):
        yield from row["feedback"]
    yield from (row["feedback"] for row in rows(root, "amendments") if row["feedback"])
