"""The page of conversations over HTTP, on real servers: what is found, shown, sent, corrected and erased."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from plaudit_producers import FeedbackProducer, IdentityHash
from plaudit_producers.gateway.access.principals import ApiRole
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import ReviewTarget

from harness.waiting import eventually
from tests.support.console import Console
from tests.support.line import Line
from tests.support.sinks import Sinks

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

SECRET = "a secret of sixteen bytes or more"  # noqa: S105  # of a test
Json = dict[str, Any]


class Visit:
    """A person who is signed in."""

    def __init__(self, console: Console, key: str) -> None:
        self.client = httpx.Client(
            base_url=console.url,
            headers={"sec-fetch-site": "same-origin"},
            timeout=60,
            follow_redirects=False,
        )
        assert self.client.post("/sign-in", data={"key": key}).status_code == 303

    def get(self, path: str, status: int = 200, **asked: Any) -> Json:
        answer = self.client.get(f"/conversations/{path}", params=asked)
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    def post(self, path: str, status: int = 200, **asked: Any) -> Json:
        answer = self.client.post(f"/conversations/{path}", json=asked)
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    def ids(self, where: str = "live", **asked: Any) -> list[str]:
        """The ids that a search finds, over all of its parts."""
        found: list[str] = []
        place = None
        while True:
            part = self.get("search", where=where, **asked, **({"place": place} if place else {}))
            found += [each["id"] for each in part["found"]]
            place = part["place"]
            if place is None:
                return found

    def timeline(self, conversation_id: str) -> Json:
        """The history, once it is read."""
        self.post("timeline", id=conversation_id)
        told: list[Json] = []

        def is_read() -> bool:
            told.append(self.get("timeline", id=conversation_id))
            return not told[-1]["reading"]

        eventually(is_read, "the log is read")
        return told[-1]


Place = tuple[Line, Sinks, Console]
Arrive = Callable[..., Visit]


@pytest.fixture
def visit(place: Place) -> Iterator[Arrive]:
    """Signs somebody with these roles in."""
    made: list[Visit] = []

    def arrive(*roles: ApiRole, person: str | None = None) -> Visit:
        made.append(Visit(place[2], place[2].key(*roles, person=person)))
        return made[-1]

    yield arrive
    for one in made:
        one.client.close()


@pytest.fixture
def place(kafka: str, valkey: str, tmp_path: Path) -> Iterator[tuple[Line, Sinks, Console]]:
    line = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=3)
    sinks = Sinks(line.connection, tmp_path, str(tmp_path / "root"))
    settings = {"output": str(tmp_path / "root"), "review_identity_key": f"k1:{SECRET}"}
    console = Console(line.connection, tmp_path, settings)
    line.start_worker()
    yield line, sinks, console
    if console.process is not None:
        assert console.stop() == 0
    sinks.stop()
    line.stop_workers()


def _fill(line: Line) -> None:
    identity = IdentityHash("k1", SECRET.encode())
    with FeedbackProducer("shop", connection=line.connection, identity=identity) as producer:
        for number in range(60):
            chat = producer.start_conversation(f"c{number:02}", user_id=f"u{number % 3}", model="echo")
            question = chat.add_message("user", f"Where is parcel {number}?", message_id="q")
            answer = chat.add_message("assistant", f"It comes on day {number}.", message_id="a")
            if number % 20 == 0:
                chat.dislike(answer)
            if number == 7:
                chat.add_message(
                    "assistant",
                    "**Tomorrow**, <img src=x>",
                    message_id="b",
                    parent_id=question,
                    model={"id": "other", "version": "2"},
                )
            if number >= 40:
                chat.end()
    with FeedbackProducer("bank", connection=line.connection) as producer:
        producer.start_conversation("secret", user_id="u1").add_message("user", "Where is parcel 1?")
    line.wait_folded()


def test_conversations_are_found_among_live_and_finished_ones(
    place: Place, visit: Arrive, tmp_path: Path
) -> None:
    line, sinks, console = place
    _fill(line)
    sinks.once()
    console.start()
    reader = visit("reader")
    everything = reader.ids()
    assert sorted(everything) == [f"c{number:02}" for number in range(60)]
    first = reader.get("search", where="live")
    assert len(first["found"]) < 60, "one look is bounded"
    assert reader.ids(id="c07") == ["c07"]
    assert reader.ids(model="other@2") == reader.ids(model="other") == ["c07"]
    assert sorted(reader.ids(rating="low")) == ["c00", "c20", "c40"]
    assert reader.ids(text="PARCEL 33") == ["c33"]
    hashed = IdentityHash("k1", SECRET.encode())("u1")
    assert sorted(reader.ids(user="u1")) == sorted(reader.ids(user=hashed))
    assert len(reader.ids(user="u1")) == 20
    assert reader.ids(user="u9") == []
    finished = reader.ids("finished")
    assert sorted(finished) == [f"c{number}" for number in range(40, 60)]
    assert reader.ids("finished", rating="low") == ["c40"]
    assert reader.ids("finished", text="parcel 55") == ["c55"]
    assert len(reader.ids("finished", user="u1")) == len(reader.ids("finished", user=hashed)) == 7
    assert reader.ids(id="secret") == reader.ids("finished", id="secret") == []
    assert "no conversation" in reader.get("one", 404, id="secret")["detail"]
    reader.get("search", 422, where="live", place="x")
    reader.get("search", 422, where="finished", place="x")


def test_a_conversation_is_shown_now_and_as_of_each_event(place: Place, visit: Arrive) -> None:
    line, _, console = place
    _fill(line)
    console.start()
    lead = visit("lead", person="lea")
    shown = lead.get("one", id="c07")
    assert [message["id"] for message in shown["messages"]] == ["q", "a", "b"]
    assert shown["messages"][2]["html"].strip() == "<p><strong>Tomorrow</strong>, &lt;img src=x&gt;</p>"
    assert (shown["messages"][2]["model"], shown["messages"][2]["parent"]) == ("other 2", "q")
    lead.get("one", 409, id="c07", at="3")
    told = lead.timeline("c07")
    assert [event["body"] for event in told["events"]] == ["StartConversation", *["AddMessage"] * 3]
    assert told["whole"]
    offsets = [event["offset"] for event in told["events"]]
    for count, offset in enumerate(offsets):
        messages = lead.get("one", id="c07", at=offset)["messages"]
        assert [message["id"] for message in messages] == ["q", "a", "b"][:count]
    assert lead.get("one", id="c07", at=offsets[-1] + 1000)["source"] == "log"
    if offsets[0]:
        lead.get("one", 404, id="c07", at=offsets[0] - 1)
    with FeedbackProducer("shop", connection=line.connection) as producer:
        producer.conversation("c07").like("b")
    line.wait_folded()
    again = lead.timeline("c07")["events"]
    assert [event["offset"] for event in again][:-1] == offsets
    assert again[-1]["told"].endswith("satisfaction liked")
    lead.get("timeline", 404, id="c08")
    lead.post("timeline", 404, id="nobody")


def test_long_texts_are_cut_and_can_be_asked_for(place: Place, visit: Arrive) -> None:
    line, _, console = place
    with FeedbackProducer("shop", connection=line.connection) as producer:
        producer.start_conversation("long").add_message("user", "é" * 30_000, message_id="q")
    line.wait_folded()
    console.start()
    reader = visit("reader")
    (message,) = reader.get("one", id="long")["messages"]
    assert (len(message["text"]), message["more"]) == (20_000, 10_000)
    assert len(reader.get("message", id="long", message="q")["text"]) == 30_000
    reader.get("message", 404, id="long", message="r")


def _rubric(name: str, target: str, question: Json, application: str = "shop") -> Rubric:
    return Rubric.model_validate(
        {
            "name": name,
            "version": "1",
            "application": application,
            "title": name,
            "target": target,
            "questions": [{"name": "quality", "title": "Good?", **question}],
        }
    )


def test_a_lead_sends_a_conversation_to_reviewers(place: Place, visit: Arrive) -> None:
    line, _, console = place
    _fill(line)
    thumb: Json = {"kind": "thumb"}
    with RubricRegistry(line.connection) as registry:
        for rubric in (
            _rubric("answers", "answer", thumb),
            _rubric("chats", "conversation", thumb),
            _rubric("pairs", "answers", {"kind": "ranking"}),
            _rubric("prompts", "prompt", thumb),
            _rubric("others", "answer", thumb, application="bank"),
        ):
            registry.publish(rubric, ReviewSettings())
    console.start()
    lead = visit("lead", person="lea")
    assert sorted(queue["rubric"] for queue in lead.get("queues")["queues"]) == [
        "answers", "chats", "pairs", "prompts",
    ]  # fmt: skip
    for name, message in (("answers", "b"), ("chats", ""), ("pairs", "b"), ("prompts", "a"), ("pairs", "q")):
        lead.post("send", id="c07", rubric=name, message=message)
    lead.post("send", 422, id="c07", rubric="answers", message="q")
    lead.post("send", 422, id="c07", rubric="answers")
    lead.post("send", 404, id="c07", rubric="answers", message="z")
    lead.post("send", 404, id="c07", rubric="others", message="a")
    lead.post("send", 404, id="secret", rubric="answers", message="a")
    with RubricRegistry(line.connection) as registry:
        book = registry.book()
    sent = {
        name: [(each.target, each.sent_by) for each in book.sent(active.rubric)]
        for (_, name), active in book.active.items()
    }
    assert sent == {
        "answers": [(ReviewTarget("answer", "c07", "b"), "lea")],
        "chats": [(ReviewTarget("conversation", "c07", ""), "lea")],
        "pairs": [(ReviewTarget("answers", "c07", "q"), "lea")],
        "prompts": [(ReviewTarget("prompt", "c07", "q"), "lea")],
        "others": [],
    }
    reader = visit("reader")
    reader.get("queues", 403)
    reader.post("send", 403, id="c07", rubric="chats")


def test_a_correction_is_an_event_of_the_person_who_is_signed_in(place: Place, visit: Arrive) -> None:
    line, _, console = place
    _fill(line)
    console.start()
    lead = visit("lead", person="lea")
    lead.post("correct", id="c03", message="a", content="It is lost.")
    line.wait_folded()
    (given,) = [each for each in lead.get("one", id="c03")["feedback"] if each["message"] == "a"]
    hashed = IdentityHash("k1", SECRET.encode())("lea")
    assert (given["who"], given["correction"]) == (f"reviewer {hashed}", "It is lost.")
    lead.post("correct", 422, id="c03", message="q", content="x")
    lead.post("correct", 422, id="c03", message="a", content=" ")
    lead.post("correct", 422, id="c03", message="a", content="It comes on day 3.")
    lead.post("correct", 422, id="c03", message="a", content="é" * (1 << 19) + "x")
    lead.post("correct", 404, id="c03", message="z", content="x")
    visit("reader").post("correct", 403, id="c03", message="a", content="x")


def test_what_is_erased_is_gone_everywhere_at_once(place: Place, visit: Arrive) -> None:
    line, sinks, console = place
    _fill(line)
    sinks.once()
    console.start()
    admin = visit("admin")
    lead = visit("lead")
    offsets = [event["offset"] for event in lead.timeline("c45")["events"]]
    assert lead.get("one", id="c45", at=offsets[-1])["messages"]
    lead.post("erase", 403, id="c45", typed="c45")
    admin.post("erase", 422, id="c45", typed="c4")
    admin.post("erase", 404, id="nobody", typed="nobody")
    assert lead.get("one", id="c45")["messages"]
    admin.post("erase", id="c45", typed="c45", reason="asked for")
    for path, asked in (("one", {}), ("one", {"at": offsets[-1]}), ("message", {"message": "q"})):
        assert lead.get(path, 410 if "at" not in asked else 409, id="c45", **asked)["detail"]
    assert "c45" not in lead.ids() + lead.ids("finished")
    line.wait_folded()
    # A console that does not know who erased what: the state says it, then the files do.
    assert console.stop() == 0
    console.start()
    lead = visit("lead")
    lead.get("one", 410, id="c45")
    lead.post("timeline", 410, id="c45")
    assert "c45" not in lead.ids()
    sinks.once()
    assert "c45" not in lead.ids("finished")
    assert "c44" in lead.ids("finished")


def test_an_erasure_by_somebody_else_ends_a_history_that_was_read(place: Place, visit: Arrive) -> None:
    line, _, console = place
    _fill(line)
    console.start()
    lead = visit("lead")
    offset = lead.timeline("c05")["events"][-1]["offset"]
    with FeedbackProducer("shop", connection=line.connection) as producer:
        producer.conversation("c05").erase()
    line.wait_folded()
    lead.get("one", 410, id="c05", at=offset)
    lead.get("one", 409, id="c05", at=offset)


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        pytest.param(["reviewer"], 403, id="reviewers judge without it"),
        pytest.param(["producer"], 403, id="producers"),
        pytest.param(["reader"], 200, id="readers"),
        pytest.param(["lead"], 200, id="leads"),
        pytest.param(["admin"], 200, id="admins"),
    ],
)
def test_who_may_see_the_page(place: Place, visit: Arrive, roles: list[Any], status: int) -> None:
    _, _, console = place
    console.start()
    about = visit(*roles).get("about", status)
    if status == 200:
        assert (about["decides"], about["erases"]) == (roles != ["reader"], roles == ["admin"])


def test_servers_that_are_away_are_said(place: Place, visit: Arrive) -> None:
    _, _, console = place
    console.settings |= {"redis_url": "redis://127.0.0.1:1", "bootstrap_servers": "127.0.0.1:1"}
    console.start()
    lead = visit("lead")
    assert "Redis does not answer" in lead.get("search", 503, where="live")["detail"]
    assert "Redis does not answer" in lead.get("one", 503, id="c01")["detail"]
    assert "Kafka" in lead.get("queues", 503)["detail"]
    assert lead.get("search", 422, where="finished")["detail"]
