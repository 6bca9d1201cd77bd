"""The versions of a model: which scores what, and what is in memory."""

import asyncio
from collections.abc import Callable
from threading import Event

import pytest
from plaudit_schemas.errors import ModelError, SettingsError
from plaudit_schemas.models.activations import Activation
from plaudit_schemas.models.scores import AnswerModel
from plaudit_stream_processors.scoring.versions import UnusableError, Versions

from harness.waiting import all_wait, come_true
from tests.stream_processors.scoring.builders import FakeFollower, FakeModel, activation


class Shelf:
    """Opens fake models, except the versions that are broken."""

    def __init__(self, follower: FakeFollower) -> None:
        self.now_s = 0.0
        self.broken: dict[str, Exception] = {}
        self.opened: list[str] = []
        self.may_open = Event()
        self.may_open.set()
        self.versions = Versions(follower, self._open, self._close, clock=lambda: self.now_s)

    def _open(self, wanted: Activation) -> AnswerModel:
        self.opened.append(wanted.version)
        assert self.may_open.wait(60)
        if wanted.version in self.broken:
            raise self.broken[wanted.version]
        return FakeModel(wanted.version)

    async def ask(self, completed_ms: int) -> str | None:
        """The version that scores an answer of this time."""
        async with self.versions.active_at(completed_ms) as model:
            return None if model is None else model.version

    async def _close(self, model: AnswerModel) -> None:
        model.close()

    def at(self, completed_ms: int) -> str | None:
        """As `ask`."""
        return asyncio.run(self.ask(completed_ms))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(FakeFollower(activation("1", 1000), activation("2", 2000), activation("3", 3000)))


def test_an_answer_belongs_to_the_version_that_was_active_then(shelf: Shelf) -> None:
    assert [shelf.at(ms) for ms in (999, 1000, 1999, 2000, 3500)] == [None, "1", "1", "2", "3"]
    assert shelf.opened == ["1", "2", "3"], "each is loaded once, and none without need"


@pytest.mark.parametrize(
    "error", [ModelError("gone"), OSError("gone"), MemoryError(), KeyError("no such tensor")], ids=repr
)
def test_the_version_before_goes_on_while_one_cannot_be_loaded(shelf: Shelf, error: Exception) -> None:
    async def work() -> None:
        shelf.broken = {"3": error, "2": error}
        assert await shelf.ask(3500) == "1"
        assert shelf.versions.unusable.keys() == {"2", "3"}
        assert all(shelf.versions.unusable.values()), "a reason is never empty"
        del shelf.broken["3"]
        assert await shelf.ask(3500) == "1", "it is not tried with every answer"
        shelf.now_s = 16.0
        shelf.may_open.clear()
        assert await shelf.ask(3500) == "1", "it is tried again beside the version before it"
        assert await shelf.ask(3500) == "1"
        shelf.may_open.set()
        await come_true(lambda: "3" not in shelf.versions.unusable, "it is loaded")
        assert await shelf.ask(3500) == "3"
        assert shelf.opened.count("3") == 2
        assert shelf.versions.unusable.keys() == {"2"}
        shelf.now_s = 200.0
        assert shelf.versions.unusable == {}, "nobody needs it any more"

    asyncio.run(work())


def test_a_version_is_loaded_once_although_those_who_wait_for_it_give_up(shelf: Shelf) -> None:
    async def work() -> None:
        shelf.may_open.clear()
        given_up = asyncio.create_task(shelf.ask(1500))
        await come_true(lambda: shelf.opened == ["1"], "it is being loaded")
        given_up.cancel()
        await asyncio.wait([given_up])
        again = asyncio.create_task(shelf.ask(1500))
        await all_wait(again)
        assert shelf.versions.is_loading
        shelf.may_open.set()
        assert await again == "1"
        await come_true(lambda: not shelf.versions.is_loading, "it is loaded")

    asyncio.run(work())
    assert shelf.opened == ["1"]


def test_without_any_usable_version_answers_wait(shelf: Shelf) -> None:
    shelf.broken = {"1": ModelError("no such folder")}
    with pytest.raises(UnusableError, match="version 1 of fake cannot be used: no such folder"):
        shelf.at(1500)


def test_what_concerns_every_version_ends_the_scorer(shelf: Shelf) -> None:
    shelf.broken = {"2": SettingsError("CUDA is required")}
    with pytest.raises(SettingsError):
        shelf.at(2500)


def test_a_new_version_is_loaded_before_its_time(shelf: Shelf) -> None:
    asyncio.run(shelf.versions.look())
    assert shelf.opened == ["3"]


def test_models_that_nobody_uses_any_more_are_closed(shelf: Shelf) -> None:
    loaded: Callable[[], set[str]] = lambda: {model.version for model in shelf.versions.loaded}  # noqa: E731

    async def work() -> None:
        for completed_ms in (1500, 2500, 3500):
            await shelf.ask(completed_ms)
        await shelf.versions.look()
        shelf.now_s = 61.0
        async with shelf.versions.active_at(1500):
            await shelf.versions.close_unused()
            assert loaded() == {"1", "3"}, "one is in use, and the newest will be"
        await shelf.versions.close_unused()
        assert loaded() == {"1", "3"}
        shelf.now_s = 130.0
        await shelf.versions.close_unused()
        assert loaded() == {"3"}
        await shelf.versions.close()
        assert loaded() == set()

    asyncio.run(work())


def test_a_version_stays_while_the_time_of_the_next_is_far_ahead() -> None:
    shelf = Shelf(FakeFollower(activation("1", 1000), activation("2", 10**9)))

    async def work() -> None:
        await shelf.versions.look()
        await shelf.ask(1500)
        shelf.now_s = 100.0
        await shelf.versions.close_unused()

    asyncio.run(work())
    assert {model.version for model in shelf.versions.loaded} == {"1", "2"}


def test_a_look_goes_on_alone_after_those_who_wait_for_it_gave_up() -> None:
    follower = FakeFollower(activation("1", 0), known_ms=500)
    versions = Shelf(follower).versions

    async def work() -> None:
        follower.may_look.clear()
        given_up = asyncio.create_task(versions.know(900))
        await come_true(lambda: follower.looks == 1, "it looks")
        given_up.cancel()
        await asyncio.wait([given_up])
        again = asyncio.create_task(versions.know(900))
        await all_wait(again)
        assert follower.looks == 1, "two looks at once would spoil each other"
        follower.may_look.set()
        await again

    asyncio.run(work())
    assert follower.looks == 1


def test_publications_are_looked_at_again_only_for_times_that_are_not_known() -> None:
    follower = FakeFollower(activation("1", 0), known_ms=500)
    shelf = Shelf(follower)

    async def work() -> None:
        await shelf.versions.know(400)
        assert follower.looks == 0
        await asyncio.gather(shelf.versions.know(900), shelf.versions.know(800))
        assert follower.looks == 1

    asyncio.run(work())
