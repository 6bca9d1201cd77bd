"""`with plaudit.conversation(id)`: which conversation code runs in, and what is recorded there."""

import asyncio
import contextvars
import logging
import os
import select
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import plaudit_producers as plaudit
import pytest
from plaudit_producers.integrations import producers
from plaudit_producers.integrations.producers import recorder_of, shared_producer
from plaudit_producers.integrations.recording import record_call
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.errors import InvalidEventError, SettingsError

from tests.support.model_calls import FoldedLog, call, chat


def current_id() -> str | None:
    current = plaudit.current_conversation()
    return current.id if current else None


def test_blocks_nest_and_leave_nothing_behind() -> None:
    with plaudit.conversation("outer") as outer:
        with plaudit.conversation("inner"):
            assert current_id() == "inner"
        assert plaudit.current_conversation() is outer
        with pytest.raises(ZeroDivisionError), plaudit.conversation():
            raise ZeroDivisionError
        assert current_id() == "outer"
    assert current_id() is None


def test_one_without_an_id_gets_one() -> None:
    with plaudit.conversation() as one, plaudit.conversation() as other:
        assert len({one.id, other.id, ""}) == 3


def test_tasks_see_their_own() -> None:
    async def visit(name: str) -> str | None:
        async with plaudit.conversation(name):
            await asyncio.sleep(0)
            return await asyncio.create_task(inner())

    async def inner() -> str | None:
        await asyncio.sleep(0)
        return await asyncio.to_thread(current_id)

    async def visit_all(names: list[str]) -> list[str | None]:
        return await asyncio.gather(*map(visit, names))

    names = [f"c{number}" for number in range(5)]
    assert asyncio.run(visit_all(names)) == names


def test_a_thread_has_it_in_a_copy_of_the_context_only() -> None:
    with plaudit.conversation("c1"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(contextvars.copy_context().run, current_id).result() == "c1"
        assert pool.submit(current_id).result() is None


def test_a_generator_that_ends_in_another_context_ends_quietly() -> None:
    # As Starlette streams a plain generator: each step runs in a copy of the request's context.
    def parts() -> Iterator[str | None]:
        with plaudit.conversation("c1"):
            yield current_id()
            yield "end"

    stream = parts()
    steps = [contextvars.copy_context().run(next, stream, None) for _ in range(3)]
    assert (steps, current_id()) == (["c1", "end", None], None)


def test_what_a_copy_of_the_context_leaves_is_left_there() -> None:
    def leave(block: plaudit.conversation) -> str | None:
        block.__exit__(None, None, None)
        return current_id()

    def enter() -> list[str | None]:
        found = []
        for outer in (None, plaudit.conversation("outer")):
            if outer is not None:
                outer.__enter__()
            block = plaudit.conversation("c1")
            block.__enter__()
            found.append(contextvars.copy_context().run(leave, block))
        return found

    # In a copy, since the block is never left where it was entered.
    assert contextvars.copy_context().run(enter) == [None, "outer"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param({"conversation_id": ""}, "conversation_id must have 1 to 128 characters", id="empty id"),
        pytest.param({"conversation_id": "x" * 129}, "1 to 128 characters, not 129", id="long id"),
        pytest.param({"conversation_id": 7}, "must be a text, not int", id="number as id"),
        pytest.param({"user_id": 7}, "user_id must be a text, not int", id="number as user"),
        pytest.param({"consent": "yes"}, "consent must be one of denied, granted", id="unknown consent"),
        pytest.param({"tags": {"a": 1}}, "must be a text", id="number as tag"),
        pytest.param({"tags": ["a"]}, "tags must be a dict of texts", id="list of tags"),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_given(arguments: Any, problem: str) -> None:
    with pytest.raises(InvalidEventError, match=problem):
        plaudit.conversation(**arguments, strict=True)
    with plaudit.conversation(**arguments) as current:  # no chat fails because of it
        producer = InMemoryProducer()
        assert record_call(call(chat("u: a"), "b", conversation_id=None), producer)
    assert {event.conversation_id for event in producer.events} == {current.id}
    assert current.consent == ("denied" if "consent" in arguments else "unspecified")


def test_what_the_context_says_is_recorded_and_the_page_gets_its_message_id() -> None:
    producer = InMemoryProducer()
    with plaudit.conversation("c1", user_id="u-1", consent="granted", tags={"a": "b"}) as current:
        before = current.last_message_id
        (made,) = record_call(call(chat("u: a"), "b", conversation_id=None, tags={"c": "d"}), producer)
        assert (before, current.last_message_id) == (None, made)
    state = FoldedLog(producer).state
    facts = {name: state.facts[name] for name in ("user_id", "consent", "tags")}
    assert facts == {"user_id": "u-1", "consent": "granted", "tags": {"a": "b", "c": "d"}}
    assert state.is_open


def test_what_the_call_itself_names_goes_first() -> None:
    producer = InMemoryProducer()
    with plaudit.conversation("other", user_id="u-2", consent="granted") as current:
        record_call(call(chat("u: a"), "b", user_id="u-1", consent="denied"), producer)
        assert current.last_message_id is None
    facts = FoldedLog(producer).state.facts
    assert (facts["user_id"], facts["consent"]) == ("u-1", "denied")


def test_a_stream_that_ends_elsewhere_is_recorded_where_it_began() -> None:
    producer = InMemoryProducer()
    with plaudit.conversation("c1") as current:
        pass
    record_call(call(chat("u: a"), "b", conversation_id=None), producer, current)
    assert FoldedLog(producer).paths() == [["a", "b"]]
    assert current.last_message_id is not None


def test_feedback_later_by_the_message_id_alone() -> None:
    producer, later = InMemoryProducer(), InMemoryProducer()
    with plaudit.conversation("c1", user_id="u-1") as current:
        record_call(call(chat("u: a"), "b", conversation_id=None), producer)
    later.message(current.last_message_id or "").like()
    state = FoldedLog(producer, later).state
    (feedback,) = state.feedback.values()
    assert feedback["message_id"] == current.last_message_id
    assert FoldedLog(later, producer).state.messages.keys() == state.messages.keys()  # in any order


@pytest.fixture
def _no_shared_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producers, "_shared", None)


@pytest.mark.usefixtures("_no_shared_producer")
def test_the_shared_producer_is_made_once_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PLAUDIT_APPLICATION", "shop")
    monkeypatch.setenv("PLAUDIT_SPOOL_DIR", str(tmp_path))
    made = shared_producer()
    assert (made.application, made.options.spool_dir) == ("shop", tmp_path)
    assert recorder_of().producer is shared_producer() is made


@pytest.mark.usefixtures("_no_shared_producer")
@pytest.mark.parametrize(
    ("variable", "value"),
    [("PLAUDIT_APPLICATION", "a shop"), ("PLAUDIT_APPLICATON", "shop")],
    ids=["bad name", "misspelt variable"],
)
def test_a_wrong_setting_is_said_and_a_later_call_tries_again(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        shared_producer()
    monkeypatch.delenv(variable)
    assert shared_producer().application == "default"


def test_integrations_of_one_producer_share_their_memory(caplog: pytest.LogCaptureFixture) -> None:
    producer = InMemoryProducer()
    with caplog.at_level(logging.WARNING, "plaudit_producers"):
        for _ in range(2):
            recorder_of(producer).record(call(chat("u: a"), "b"))
    assert len(producer.events) == 3
    recorder_of(InMemoryProducer()).record(call(chat("u: a"), "b"))
    assert len(producer.events) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_records_although_a_thread_of_the_parent_was_recording() -> None:
    producer = InMemoryProducer()
    recorder = recorder_of(producer)
    held, done = Event(), Event()

    def hold() -> None:
        with recorder._memory.lock:
            held.set()
            done.wait(60)

    thread = Thread(target=hold)
    thread.start()
    held.wait(60)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  # coverage does not see it
        try:
            made = record_call(call(chat("u: a"), "b"), producer)
            os.write(writing, made[0].encode())
        finally:
            os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], 60)
    done.set()
    thread.join()
    if not ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert os.read(reading, 200).endswith(b"@c1")
    os.close(reading)
