"""Which labels get series of their own."""

import asyncio
from collections.abc import Sequence

import pytest
from plaudit_stream_processors.metrics import label_decisions
from plaudit_stream_processors.metrics.generations import (
    DAY_MS,
    LabelGeneration,
    generation_at,
    generations_of,
)
from plaudit_stream_processors.metrics.label_decisions import OwnValue
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.metrics.series import Labels

from tests.support.shared_places import SharedPlaces, decide, opened_collector

VERSION = 5


def _models(limit: LabelLimit, application: str, *models: str, at: int = 0) -> None:
    async def run() -> None:
        collector = await opened_collector(limit, at)
        collector.collect_application(application)
        for model in models:
            collector.collect_body(application, {"model": {"id": model, "version": "7"}})
        await decide(limit, at)

    asyncio.run(run())


def _series(limit: LabelLimit, application: str, model: str, at: int = 0) -> str:
    return limit.names_at(at, VERSION).series_for(Labels(application, model, "7", "", "sdk"))


def test_what_is_not_admitted_counts_as_other_and_what_is_unknown_stays_so() -> None:
    labels, unknown = Labels("shop", "large", "7", "price:b", "sdk"), Labels("shop", "", "", "", "sdk")
    assert labels.limited(application=True, model=True, variant=True) == labels
    without_model = labels.limited(application=True, model=False, variant=True)
    assert without_model == Labels("shop", "other", "", "price:b", "sdk")
    without_variant = labels.limited(application=True, model=True, variant=False)
    assert without_variant == Labels("shop", "large", "7", "other", "sdk")
    assert unknown.limited(application=False, model=False, variant=False) == ("other", "", "", "", "sdk")


def test_a_configured_list_of_models_leaves_the_others_out() -> None:
    limit = LabelLimit(SharedPlaces(), models=["large"])
    _models(limit, "shop", "large", "small")
    assert _series(limit, "shop", "large") == "shop|large|7||sdk"
    assert _series(limit, "shop", "small") == "shop|other|||sdk"
    assert limit.refused_values == 1


def test_an_application_takes_no_places_of_another() -> None:
    limit = LabelLimit(SharedPlaces(2))
    _models(limit, "noisy", *(f"m{number}" for number in range(50)))
    _models(limit, "quiet", "a", "b")
    assert _series(limit, "noisy", "m1") == "noisy|m1|7||sdk"
    assert _series(limit, "noisy", "m2") == "noisy|other|||sdk"
    assert [_series(limit, "quiet", model) for model in "ab"] == ["quiet|a|7||sdk", "quiet|b|7||sdk"]


def test_applications_that_count_as_other_share_their_places() -> None:
    places = SharedPlaces(1)
    limit = LabelLimit(places)
    for application, model in (("first", "a"), ("second", "b"), ("third", "c")):
        _models(limit, application, model)
    assert _series(limit, "second", "b") == "other|b|7||sdk"
    assert _series(limit, "third", "c") == "other|other|||sdk"
    assert OwnValue("other", "c\x007") in places.asked


def test_versions_of_a_listed_model_are_limited_too_and_long_values_are_others() -> None:
    places = SharedPlaces(2)
    limit = LabelLimit(places, models=["large"])
    for version in ("1", "2", "x" * 300, "3"):

        async def add(version: str = version) -> None:
            collector = await opened_collector(limit)
            collector.collect_body("a", {"model": {"id": "large", "version": version}})
            await decide(limit)

        asyncio.run(add())
    names = limit.names_at(0, VERSION)
    admitted = [names.series_for(Labels("a", "large", version, "", "sdk")) for version in ("1", "2", "3")]
    assert admitted == ["other|large|1||sdk", "other|large|2||sdk", "other|other|||sdk"]
    assert all(len(own.value) < 300 for own in places.asked)


def test_what_was_refused_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_decisions, "REMEMBERED", 10)
    limit = LabelLimit(SharedPlaces(0))
    for number in range(100):
        _models(limit, "", f"m{number}")
        assert limit.refused_values <= 11
        assert _series(limit, "", f"m{number}") == "other|other|||sdk"


def test_each_day_decides_anew_and_asks_once() -> None:
    places = SharedPlaces()
    limit = LabelLimit(places)
    for at in (5, 6, DAY_MS, DAY_MS + 1, 7):
        _models(limit, "shop", "large", at=at)
        assert _series(limit, "shop", "large", at) == "shop|large|7||sdk"
    assert len(places.asked) == 4  # the application and the model, on each day


@pytest.mark.parametrize(
    ("arrived_ms", "begin_ms"),
    [
        pytest.param(DAY_MS + 5, DAY_MS, id="before a clear"),
        pytest.param(DAY_MS + 10, DAY_MS + 10, id="at a clear"),
        pytest.param(2 * DAY_MS - 1, DAY_MS + 20, id="after the last clear"),
        pytest.param(2 * DAY_MS, 2 * DAY_MS, id="the next day"),
    ],
)
def test_a_generation_begins_with_a_day_or_a_clear(arrived_ms: int, begin_ms: int) -> None:
    clears = [DAY_MS + 10, DAY_MS + 20]
    assert generation_at(arrived_ms, clears) == LabelGeneration(begin_ms)
    assert generations_of([arrived_ms, DAY_MS + 5], clears)[-1] == LabelGeneration(begin_ms)


def test_a_batch_without_records_has_no_generation() -> None:
    assert generations_of([], [5]) == []


class _Cleared(SharedPlaces):
    """Places that somebody clears, without this worker knowing, right before a question."""

    def __init__(self, limit: int, cleared_ms: int) -> None:
        super().__init__(limit)
        self._clears, self._cleared_ms = [], cleared_ms  # type: list[int], int

    async def admit(  # type: ignore[override]  # as the places in Redis
        self, kind: str, generation: LabelGeneration, values: Sequence[OwnValue], cleared_ms: int
    ) -> list[bool] | None:
        if not self._clears:
            self._clears = [self._cleared_ms]
            return None
        assert cleared_ms == self._cleared_ms
        return await super().admit(kind, generation, values, cleared_ms)

    async def clears(self) -> list[int]:
        return list(self._clears)


def test_a_clear_that_a_worker_did_not_know_opens_the_batch_again() -> None:
    limit = LabelLimit(_Cleared(5, 100))

    async def run() -> None:
        arrivals = (50, 150)
        opened = await limit.open_batch(arrivals)
        assert [one.generation for one in opened.decisions] == [LabelGeneration(0)]
        (await opened_collector(limit, *arrivals)).collect_application("shop")
        assert not await limit.decide_collected(opened)
        again = await limit.open_batch(arrivals)
        assert [one.generation for one in again.decisions] == [LabelGeneration(0), LabelGeneration(100)]
        (await opened_collector(limit, *arrivals)).collect_application("shop")
        assert await limit.decide_collected(again)
        assert not await limit.decide_collected(opened)  # of another partition, opened before

    asyncio.run(run())


def test_what_was_admitted_stays_so_after_a_clear() -> None:
    places = SharedPlaces()
    limit = LabelLimit(places)
    _models(limit, "shop", "large", at=50)
    limit._clears = [100]  # another partition of the worker has seen it
    assert _series(limit, "shop", "large", at=150) == "shop|large|7||sdk"
    assert _series(limit, "shop", "small", at=150) == "shop|other|||sdk"
