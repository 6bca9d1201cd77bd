"""A look through live conversations is bounded, newest first, and goes on where it stopped."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redis
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.recorded_line import partitions_key
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics import EVENTS
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.queries.live_look import LiveLook, Look, LookLimits, LookPlace
from plaudit_stream_processors.state.fields import changed_fields
from plaudit_stream_processors.state.keys import partition_keys

pytestmark = pytest.mark.redis
PARTITIONS = 3
Fits = Callable[[ConversationState], bool]


class Place:
    """Live conversations that the test puts into Redis."""

    def __init__(self, url: str) -> None:
        self.prefix = f"t{uuid.uuid4().hex[:8]}."
        self.connection = ConnectionSettings(
            redis_url=SecretUrl(url), redis_prefix=self.prefix, topic_prefix=self.prefix
        )
        self.client = redis.Redis.from_url(url)
        self.client.hset(partitions_key(self.prefix), self.prefix + EVENTS, str(PARTITIONS))

    def add(self, name: str, moment_ms: int, *, application: str = "shop", **options: Any) -> None:
        """A conversation with a tag of the size `padding`."""
        state = ConversationState(application, name)
        state.events, state.lifecycle, state.activity_ms = 1, ["e"], moment_ms
        state.is_open, state.erased = options.get("is_open", True), options.get("erased", False)
        if not state.is_open:
            state.end, state.spent = {"reason": "closed", "arrived_ms": moment_ms}, []
        state.facts = {"tags": {"padding": "x" * options.get("padding", 0)}}
        state.dirty["conversation"] = None
        keys = partition_keys(self.prefix, sum(map(ord, name)) % PARTITIONS)
        fields = changed_fields(state)
        mapping: dict[Any, Any] = dict(zip(fields[::2], fields[1::2], strict=True))
        self.client.hset(keys.conversation + state.key, mapping=mapping)
        self.client.zadd(keys.open if state.is_open else keys.ended, {state.key: moment_ms})

    def look(self, fits: Fits = lambda _: True, after: LookPlace | None = None, **limits: Any) -> Look:
        async def look() -> Look:
            searcher = LiveLook(self.connection)
            try:
                return await searcher.look("shop", fits, after, LookLimits(**limits))
            finally:
                await searcher.aclose()

        return asyncio.run(look())

    def all(self, fits: Fits = lambda _: True, **limits: Any) -> list[str]:
        """The ids that looks find, until there is nothing more."""
        found: list[str] = []
        after: LookPlace | None = None
        while True:
            part = self.look(fits, after, **limits)
            found += [state.conversation_id for _, state in part.found]
            if part.place is None:
                return found
            after = LookPlace.parse(part.place.text())


@pytest.fixture
def place(valkey: str) -> Place:
    return Place(valkey)


@pytest.mark.slow
def test_all_are_found_newest_first_in_whatever_pieces(place: Place) -> None:
    for number in range(150):
        place.add(f"c{number:03}", 1000 + number, is_open=number % 2 == 0)
    newest_first = [f"c{number:03}" for number in reversed(range(150))]
    assert place.all(found=1000) == newest_first
    assert place.all(found=7) == newest_first
    assert place.all(found=1000, read=16) == newest_first
    assert place.all(found=1000, passed=5) == newest_first
    assert place.all(found=1000, size=1) == newest_first
    assert place.all(found=1000, seconds=0) == newest_first
    part = place.look(lambda state: state.conversation_id == "c000", read=16)
    assert (part.found, part.looked, part.reached_ms) == ([], 16, 1134)


@pytest.mark.slow
def test_many_of_one_moment_come_once_each(place: Place) -> None:
    names = [f"c{number:03}" for number in range(300)]
    for name in names:
        place.add(name, 1000)
    several: tuple[dict[str, Any], ...] = ({"found": 1000}, {"found": 7}, {"read": 8, "found": 1000})
    for limits in several:
        assert sorted(place.all(**limits)) == names


def test_other_applications_and_what_was_erased_are_passed_over(place: Place) -> None:
    place.add("mine", 1000)
    place.add("theirs", 1001, application="shop2")
    place.add("gone", 1002, erased=True, is_open=False)
    place.add("large", 1003, padding=1 << 20)
    assert place.all() == ["large", "mine"]
    keys = partition_keys(place.prefix, 0)
    place.client.zadd(keys.open, {"shop/vanished": 1004})
    place.client.hset(keys.conversation + "shop/broken", "progress", "no JSON")
    place.client.zadd(keys.open, {"shop/broken": 1005})
    assert place.all() == ["large", "mine"]


def test_a_place_where_no_worker_ever_ran_is_empty(valkey: str) -> None:
    empty = Place(valkey)
    empty.client.delete(partitions_key(empty.prefix))
    assert empty.look() == Look([], 0, None, None)


def test_a_redis_that_is_away_is_said(valkey: str) -> None:
    away = Place(valkey)
    away.connection = away.connection.model_copy(update={"redis_url": SecretUrl("redis://127.0.0.1:1")})
    with pytest.raises(ServiceUnavailableError, match="Redis does not answer"):
        away.look()


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["", "1000", "~shop/c", "x~shop/c", "1000~", "12345678901234567~shop/c"],
    ids=["empty", "no key", "no moment", "no number", "an empty key", "too late"],
)
def test_a_place_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="no place of a search"):
        LookPlace.parse(text)
