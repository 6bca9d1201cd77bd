"""Whether what is judged exists."""

import asyncio
from typing import Any

import pytest
from plaudit_producers.importers.model import Batch, Place
from plaudit_producers.interchange.live_check import LiveCheck, live_check
from plaudit_schemas.contract.names import ADD_MESSAGE, COMPARE_MESSAGES, UPDATE_MESSAGE
from plaudit_schemas.errors import NotFoundError, SettingsError

from tests.producers.interchange.rubrics import document


class Reader:
    """Has one conversation, and counts what it is asked."""

    def __init__(self, **changed: Any) -> None:
        self.asked = 0
        self.closed = False
        self._changed = changed

    async def get(self, application: str, conversation_id: str) -> dict[str, Any]:
        self.asked += 1
        if (application, conversation_id) not in (("shop", "c1"), ("shop", "c2")):
            raise NotFoundError("no such conversation")
        return document(**self._changed)

    async def aclose(self) -> None:
        self.closed = True


def batch(*bodies: tuple[str, dict[str, Any]], chat: str = "c1") -> Batch:
    return Batch(
        Place(1, 1), [{"application": "shop", "conversation_id": chat, "body": each} for each in bodies]
    )


@pytest.mark.parametrize(
    ("judged", "problem"),
    [
        (batch((UPDATE_MESSAGE, {"message_id": "a1"})), None),
        (batch((UPDATE_MESSAGE, {"message_id": None})), None),
        (batch((COMPARE_MESSAGES, {"candidates": ["a1", "a2"]})), None),
        (batch((ADD_MESSAGE, {"message_id": "new", "parent_id": "q1"})), None),
        (batch((ADD_MESSAGE, {"message_id": "new", "parent_id": ""})), None),
        (batch((UPDATE_MESSAGE, {"message_id": "a9"})), "conversation c1 has no message a9; correct its id"),
        (batch((COMPARE_MESSAGES, {"candidates": ["a1", "a9"]})), "has no message a9"),
        (batch((ADD_MESSAGE, {"message_id": "new", "parent_id": "q9"})), "has no message q9"),
        (batch((UPDATE_MESSAGE, {}), chat="c9"), "there is no live conversation c9 of application shop"),
    ],
    ids=[
        "a message", "the conversation", "answers", "below a prompt", "a root", "no message", "no answer",
        "no prompt", "no conversation",
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(judged: Batch, problem: str | None) -> None:
    reader = Reader()
    with live_check(reader) as check:
        found = check.problem_of(judged)
        assert found == problem if problem is None else problem in str(found)
        check.problem_of(judged)
    assert (reader.asked, reader.closed) == (1, True)


def test_an_erased_conversation_is_not_there() -> None:
    with live_check(Reader(erased=True)) as check:
        assert "there is no live conversation c1" in str(check.problem_of(batch((UPDATE_MESSAGE, {}))))


def test_it_remembers_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_producers.interchange.live_check._REMEMBERED", 1)
    reader = Reader()
    with asyncio.Runner() as runner:
        check = LiveCheck(reader, runner)
        for chat in ("c1", "c2", "c1"):
            assert check.problem_of(batch((UPDATE_MESSAGE, {}), chat=chat)) is None
    assert reader.asked == 3


def test_without_a_reader_it_says_what_to_install() -> None:
    with pytest.raises(SettingsError, match="install plaudit-stream-processors"), live_check(None):
        pass
