"""A file that was changed and is imported again, on real servers: what is added, changed, refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from plaudit_infra.main import main
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.topics import DEAD_LETTERS

from tests.integration.test_replay import states
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Import = Callable[..., dict[str, dict[str, Any]]]


def chat(answer: str, **more: Any) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}],
        **more,
    }


@pytest.fixture
def imported(line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> tuple[Line, Import]:
    """A line with a worker, and a way to import records and get the states after that."""
    one = line()
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", one.kafka)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", one.connection.topic_prefix)
    monkeypatch.chdir(one.folder)
    one.start_worker()

    def send(*records: Any, options: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        (one.folder / "chats.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        assert main(["replay", "chats.jsonl", "--format", "openai-chat", *options]) == 0
        one.wait_folded()
        return states(one)

    return one, send


def events(found: dict[str, dict[str, Any]]) -> int:
    return sum(state["events"] for state in found.values())


def likes(found: dict[str, dict[str, Any]]) -> list[bool]:
    slots = [slot for state in found.values() for slot in state["feedback"].values()]
    return sorted(slot["feedback"]["value"][1]["like"] for slot in slots)


def test_one_label_more_is_one_event_more(imported: tuple[Line, Import]) -> None:
    one, send = imported
    before = send(chat("a", label=True), chat("b"), chat("c"))
    after = send(chat("new"), chat("b", label=False), chat("a", label=True), chat("c"))
    assert len(after) == len(before) + 1
    assert events(after) == events(before) + 1 + 4  # the label, and the chat that was inserted
    assert likes(after) == [False, True]
    assert list(one.read(DEAD_LETTERS)) == []


def test_what_changed_holds_and_what_cannot_change_is_a_dead_letter(imported: tuple[Line, Import]) -> None:
    one, send = imported
    before = send(chat("a", id="x", label=True), chat("b", id="y"), options=("--consent", "denied"))
    # A changed label holds although it has the same place in its chat; so does a grant of a later import.
    after = send(chat("a", id="x", label=False), chat("b", id="y"), options=("--consent", "granted"))
    assert likes(before) == [True]
    assert likes(after) == [False]
    assert [sorted(state["facts"]["consent"] for state in found.values()) for found in (before, after)] == [
        ["denied", "denied"],
        ["granted", "granted"],
    ]
    assert events(after) == events(before) + 3
    # Said once more, it would be a duplicate of the first import.
    assert likes(send(chat("a", id="x", label=True), chat("b", id="y"))) == [False]
    assert likes(send(chat("a", id="x", label=True), chat("b", id="y"), options=("--again", "2"))) == [True]
    last = send(chat("corrected", id="x", label=True), chat("b", id="y"))
    (letter,) = [DeadLetter.read(record) for record in one.read(DEAD_LETTERS)]
    assert letter.refusal.reason == "conflict"
    assert sorted(len(state["messages"]) for state in last.values()) == [2, 2]
    assert [state["producers"] for state in last.values()] == [{}, {}]  # so no event is missed
