"""The parents that a handle names by itself: from what it knows, and never against the caller."""

import asyncio
import os
import sys
import threading

import pytest
from plaudit_producers import BufferFullError
from plaudit_producers.testing import AsyncInMemoryProducer, InMemoryProducer
from plaudit_schemas.contract.events import AddMessage
from plaudit_schemas.errors import InvalidEventError

Parents = dict[str, str | None]


def parents(producer: InMemoryProducer | AsyncInMemoryProducer) -> Parents:
    """Message id -> the parent in its event. Of a message that was sent twice, the last."""
    bodies = (event.body for event in producer.events)
    return {body.message_id: body.parent_id for body in bodies if isinstance(body, AddMessage)}


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        pytest.param("uaua", [None, 0, 1, 2], id="turns"),
        pytest.param("sua", [None, 0, 1], id="a system message first"),
        pytest.param("uatta", [None, 0, 1, 2, 3], id="two tools"),
        pytest.param("aa", [None, None], id="two of the assistant"),
        pytest.param("uu", [None, None], id="two of the user"),
        pytest.param("uaau", [None, 0, None, 2], id="two of the assistant between the user's"),
        pytest.param("sa", [None, None], id="an answer to nothing"),
        pytest.param("us", [None, None], id="a system message later"),
    ],
)
def test_a_message_follows_the_one_that_it_can_answer(roles: str, expected: list[int | None]) -> None:
    producer = InMemoryProducer()
    chat = producer.start_conversation()
    names = {"u": "user", "a": "assistant", "t": "tool", "s": "system"}
    ids = [chat.add_message(names[role], role) for role in roles]
    assert parents(producer) == {
        each: None if place is None else ids[place] for each, place in zip(ids, expected, strict=True)
    }


def test_a_handle_that_knows_nothing_names_nothing() -> None:
    producer = InMemoryProducer()
    producer.start_conversation("c").add_message("user", "x", message_id="q")
    producer.conversation("c").add_message("assistant", "x", message_id="a")
    assert parents(producer) == {"q": None, "a": None}


def test_what_the_caller_says_holds_and_is_known_from_then_on() -> None:
    producer = InMemoryProducer()
    chat = producer.conversation("c")
    chat.add_message("user", "?", message_id="q", parent_id="elsewhere")
    chat.add_message("assistant", "1", message_id="a1")
    chat.add_message("assistant", "2", message_id="a2", parent_id="q")  # another answer to the question
    chat.add_message("user", "??", message_id="q2")
    chat.add_message("user", "root", message_id="r", parent_id="")
    chat.add_message("assistant", "3", message_id="a3", parent_id=None)
    assert parents(producer) == {"q": "elsewhere", "a1": "q", "a2": "q", "q2": "a2", "r": "", "a3": "r"}


def test_a_partial_message_is_completed_under_the_parent_that_it_has() -> None:
    producer = InMemoryProducer()
    chat = producer.conversation("c")
    question = chat.add_message("user", "?")
    answer = chat.add_message("assistant", "It ar", status="partial")
    after = chat.add_message("user", "Hello?")
    assert parents(producer) == {question: None, answer: question, after: answer}
    chat.add_message("assistant", "It arrives.", message_id=answer)
    assert parents(producer)[answer] is None  # the fold keeps the first
    last = chat.add_message("assistant", "!")
    assert parents(producer)[last] == after


def test_a_message_that_was_not_sent_is_nobodys_parent() -> None:
    producer = InMemoryProducer(when_full="raise", max_buffer_events=1, strict=True)
    chat = producer.conversation("c")
    question = chat.add_message("user", "?")
    with pytest.raises(InvalidEventError):
        chat.add_message("assistant", "x", latency_ms=-1)
    producer.go_offline()
    chat.like(question)
    with pytest.raises(BufferFullError):
        chat.add_message("assistant", "!", message_id="a")
    producer.go_online()
    chat.add_message("assistant", "!", message_id="a")
    assert parents(producer) == {question: None, "a": question}


def test_threads_that_share_a_handle_make_one_chain() -> None:
    producer, switch = InMemoryProducer(), sys.getswitchinterval()
    chat = producer.conversation("c")
    first = chat.add_message("assistant", "", message_id="calls")
    start = threading.Barrier(8)

    def add_results(thread: int) -> None:
        start.wait(30)
        for number in range(50):
            chat.add_message("tool", "x", message_id=f"{thread}/{number}")

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=add_results, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(switch)
    found = parents(producer)
    assert len(found) == 401
    children = {parent: message for message, parent in found.items() if parent is not None}
    assert len(children) == 400  # no two of them follow the same message
    length, current = 0, first
    while current in children:
        length, current = length + 1, children[current]
    assert length == 400


def test_tasks_that_share_a_handle_make_one_chain() -> None:
    async def send() -> Parents:
        async with AsyncInMemoryProducer(when_full="block", max_buffer_events=2) as producer:
            chat = producer.conversation("c")
            await chat.add_message("assistant", "", message_id="calls")
            producer.go_offline()
            calls = [chat.add_message("tool", "x", message_id=f"t{number}") for number in range(5)]
            tasks = asyncio.gather(*calls)
            await asyncio.sleep(0)
            producer.go_online()
            await tasks
            forgotten = chat.add_message("tool", "x", message_id="never awaited")
            forgotten.close()  # type: ignore[attr-defined]  # a coroutine
            await chat.add_message("assistant", "x", message_id="a")
            return parents(producer)

    assert asyncio.run(send()) == {
        "calls": None, "t0": "calls", "t1": "t0", "t2": "t1", "t3": "t2", "t4": "t3", "a": "t4"
    }  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_goes_on_with_what_the_handle_knows() -> None:
    producer = InMemoryProducer()
    chat = producer.conversation("c")
    question = chat.add_message("user", "?")
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        answer = chat.add_message("assistant", "!")
        os.write(writer, str(parents(producer)[answer]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100).decode() == question
