"""The chat page when Kafka, the endpoint, the page or the visitor goes away: nothing is lost or doubled."""

from collections.abc import Callable, Iterator

import pytest
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_schemas.contract import names
from playwright.sync_api import expect

from harness.waiting import eventually
from tests.e2e.chat_line import ChatLine, model
from tests.e2e.chat_visitor import COUNTING, ECHO, Visitor
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint, chat_endpoint_process

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(900)]

Start = Callable[..., ChatLine]
Arrive = Callable[..., Visitor]


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint() as one:
        yield one


def test_a_chat_goes_on_while_kafka_is_away(
    chat_line: Start, visitors: Arrive, endpoint: ChatEndpoint, kafka_server: Callable[[], KafkaServer]
) -> None:
    broker = kafka_server()
    whole = chat_line(model(COUNTING, endpoint.base_url, "counting"), bootstrap=broker.address)
    one = visitors(whole)
    one.visit()
    one.thumb(one.ask("with Kafka"), "Like")
    whole.line.wait_folded()
    broker.stop()
    answer = one.ask("without Kafka")
    one.thumb(answer, "Dislike")
    one.stars(answer, 2)
    one.answer_again()
    assert whole.page.status("/health/ready") == 200
    expect(one.page.locator("#notice [role=alert]")).to_have_count(0)
    broker.start()
    one.thumb(one.ask("with Kafka again"), "Like")
    said = one.clear()
    eventually(lambda: whole.has_ended("with Kafka"), "the end is in the log")
    whole.line.wait_folded(supervised=True)
    whole.check(said, "with Kafka")
    whole.check_exact()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_page_that_ends_while_kafka_is_away_keeps_what_was_said(
    chat_line: Start,
    visitors: Arrive,
    endpoint: ChatEndpoint,
    kafka_server: Callable[[], KafkaServer],
    how: str,
) -> None:
    broker = kafka_server()
    whole = chat_line(model(COUNTING, endpoint.base_url, "counting"), bootstrap=broker.address)
    one = visitors(whole)
    one.visit()
    one.ask("before")
    whole.line.wait_folded()
    broker.stop()
    one.thumb(one.ask("meanwhile"), "Like")
    getattr(whole.page, how)()
    whole.page.start()
    broker.start()
    eventually(lambda: whole.thumbs() == 1, "the like is in the log")
    whole.line.wait_folded(supervised=True)
    whole.check(one.said, "before")
    whole.check_exact()


def test_of_an_endpoint_that_is_killed_the_part_is_kept_as_cut(chat_line: Start, visitors: Arrive) -> None:
    with chat_endpoint_process(pace_s=0.5) as process:
        whole = chat_line(model(ECHO, process.base_url, "echo"))
        one = visitors(whole, model=ECHO)
        one.visit()
        one.send("one two three four five six seven eight nine ten")
        eventually(lambda: "one two" in one.shown()[-1]["text"], "a part of the answer is shown")
        process.kill()
        part = one.hear("cut")
        assert "You said: one two three four five six seven eight nine ten".startswith(part)
        told = one.shown()[-1]["note"]
        process.start()
        again = one.answer_again()
        assert again.endswith("nine ten")
    said = one.clear()
    whole.line.wait_folded()
    whole.check(said, "one two three four five six seven eight nine ten")
    (metadata,) = [
        message["metadata"] for message in whole.bodies(names.ADD_MESSAGE) if message["content"] == part
    ]
    assert metadata["error"] in told
    assert metadata["error_kind"] == "cut_stream"
    whole.check_exact()


def test_a_closed_tab_ends_by_the_idle_rule(
    chat_line: Start, visitors: Arrive, endpoint: ChatEndpoint
) -> None:
    whole = chat_line(model(COUNTING, endpoint.base_url, "counting"), worker={"idle_timeout_s": "10"})
    one = visitors(whole)
    one.visit()
    one.thumb(one.ask("anybody there?"), "Like")
    one.page.close()
    one.said.end = "idle"
    eventually(lambda: whole.has_ended("anybody there?"), "the sweeper has ended the chat")
    whole.line.wait_folded()
    whole.check(one.said, "anybody there?")


def test_a_reload_goes_on_with_the_same_chat(
    chat_line: Start, visitors: Arrive, endpoint: ChatEndpoint
) -> None:
    whole = chat_line(model(COUNTING, endpoint.base_url, "counting"), model("held", endpoint.base_url))
    one = visitors(whole)
    one.visit()
    answer = one.ask("first")
    one.thumb(answer, "Like")
    one.reload()
    one.thumb(answer, "Liked")  # it is lit, and taken back
    one.choose("held")
    one.send("second")
    endpoint.release(2)
    eventually(lambda: one.shown()[-1]["text"] == "You said:", "the answer has begun")
    one.reload()
    endpoint.release(20)
    assert one.hear() == "You said: second"
    whole.line.wait_folded()
    whole.check(one.said, "first")
    assert whole.page.stop() == 0
    whole.page.start()
    one.reload()
    one.choose(COUNTING)
    one.ask("third")
    said = one.clear()
    whole.line.wait_folded()
    whole.check(said, "first")
    assert whole.conversation_of("third") == whole.conversation_of("first")
    whole.check_exact()
