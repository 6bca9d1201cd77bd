"""Places of labels in a real Redis: fair, given back, and the same for every worker and for the audit."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from plaudit_infra.audit.admitted_labels import AdmittedLabels
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects
from plaudit_schemas.service.redis import connect, execute
from plaudit_stream_processors.fold.rules import CURRENT_VERSION, LABELS_VERSION
from plaudit_stream_processors.metrics.declared import DeclaredFirst
from plaudit_stream_processors.metrics.generations import DAY_MS, generation_at
from plaudit_stream_processors.metrics.label_collector import LabelCollector
from plaudit_stream_processors.metrics.label_decisions import OwnValue
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.metrics.series import Labels
from plaudit_stream_processors.state.keys import labels_key, places_key
from plaudit_stream_processors.state.label_places import CLEAR_AFTER_MS, LabelPlaces
from plaudit_stream_processors.state.reset import delete_state, measure_state
from plaudit_stream_processors.worker.label_watch import PLACES_USED, LabelWatch
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics

pytestmark = pytest.mark.redis

LATER = 30_000 * DAY_MS
"""Midnight of a day after that of the clock of Redis, so that a test says what time it is."""


class _Shared:
    """A prefix of its own, and workers on it."""

    def __init__(self, client: Any, limit: int, keeps_ms: int = 0) -> None:
        self.client, self.prefix, self.limit = client, f"t{uuid.uuid4().hex[:8]}:", limit
        self.places = LabelPlaces(client, self.prefix, lambda: keeps_ms)
        self.audit = AdmittedLabels(client, self.prefix, ())

    def worker(self) -> LabelLimit:
        return LabelLimit(DeclaredFirst(self.places, self.limit, Aspects.none()))


@asynccontextmanager
async def shared(url: str, limit: int, keeps_ms: int = 0) -> AsyncIterator[_Shared]:
    client = connect(url)
    try:
        yield _Shared(client, limit, keeps_ms)
    finally:
        await client.aclose()


async def fold(worker: LabelLimit, *events: tuple[int, str, str]) -> list[str]:
    """Decide on a batch of events (arrival, application, model), and name their series."""
    decided = False
    while not decided:
        opened = await worker.open_batch([at for at, _, _ in events])
        collector = LabelCollector(opened.decisions)
        for _, application, model in events:
            collector.collect_application(application)
            collector.collect_body(application, {"model": {"id": model}})
        decided = await worker.decide_collected(opened)
    return [
        worker.names_at(at, CURRENT_VERSION).series_for(Labels(application, model, "", "", "sdk"))
        for at, application, model in events
    ]


def test_a_place_is_given_back_after_a_day_in_which_it_was_not_seen(valkey: str) -> None:
    async def run() -> None:
        async with shared(valkey, 2) as line:
            day = [LATER + number * DAY_MS for number in range(4)]
            assert await fold(line.worker(), (day[0], "a", "x"), (day[0], "a", "y")) == [
                "a|x|||sdk", "a|y|||sdk"
            ]  # fmt: skip
            assert await fold(line.worker(), (day[1], "a", "z"), (day[1], "a", "y")) == [
                "a|other|||sdk", "a|y|||sdk"
            ]  # fmt: skip
            # `x` was not seen on the second day; `y` was.
            assert await fold(line.worker(), (day[2], "a", "z"), (day[2], "a", "v")) == [
                "a|z|||sdk", "a|other|||sdk"
            ]  # fmt: skip
            held = {(each.kind, each.application): set(each.values) for each in await line.places.held()}
            assert held["model", "a"] == {"y\x00", "z\x00"}

    asyncio.run(run())


def test_cleared_places_are_free_at_once_and_earlier_events_stay_refused(valkey: str) -> None:
    async def run() -> None:
        async with shared(valkey, 1) as line:
            busy, lagging = line.worker(), line.worker()
            assert await fold(busy, (LATER, "a", "noise"), (LATER, "a", "real")) == [
                "a|noise|||sdk", "a|other|||sdk"
            ]  # fmt: skip
            from_ms = await line.places.clear([("model", "a")], LATER)
            assert from_ms == LATER + CLEAR_AFTER_MS
            assert await fold(busy, (from_ms, "a", "real"), (from_ms, "a", "noise")) == [
                "a|real|||sdk", "a|noise|||sdk"  # which it keeps for the day, but not from others
            ]  # fmt: skip
            assert await fold(lagging, (from_ms - 1, "a", "real")) == ["a|other|||sdk"]
            assert await fold(busy, (from_ms, "a", "third")) == ["a|other|||sdk"]
            tomorrow = LATER + DAY_MS
            assert await fold(busy, (tomorrow, "a", "noise"), (tomorrow, "a", "real")) == [
                "a|other|||sdk", "a|real|||sdk"
            ]  # fmt: skip

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12), ids="seed {}".format)
def test_all_workers_and_the_audit_name_every_event_alike(valkey: str, seed: int) -> None:
    chance = random.Random(seed)

    async def run() -> None:
        async with shared(valkey, 3) as line:
            workers, now = [line.worker() for _ in range(3)], LATER
            named: list[tuple[tuple[int, str, str], str]] = []
            for _ in range(60):
                now += chance.choice((0, 1000, CLEAR_AFTER_MS, DAY_MS // 3))
                if chance.random() < 0.15:
                    await line.places.clear([("model", chance.choice("ab"))], now)
                if chance.random() < 0.1:
                    workers[chance.randrange(3)] = line.worker()  # a restart
                batch = [
                    (
                        now - chance.choice((0, 0, 5, DAY_MS)),
                        chance.choice("abcde"),
                        f"m{chance.randrange(8)}",
                    )
                    for _ in range(chance.randrange(1, 6))
                ]
                together = [fold(worker, *batch) for worker in chance.sample(workers, 2)]
                first, second = await asyncio.gather(*together)
                assert first == second
                named += zip(batch, first, strict=True)
            await line.audit.refresh()
            for (at, application, model), series in named:
                names = line.audit.names_at(at, LABELS_VERSION)
                assert names.series_for(Labels(application, model, "", "", "sdk")) == series
            models = {series.split("|")[1] for _, series in named}
            assert "other" in models
            assert len(models) > 2

    asyncio.run(run())


def test_the_audit_takes_what_earlier_rules_admitted_for_their_events(valkey: str) -> None:
    async def run() -> None:
        async with shared(valkey, 1) as line:
            for kind, value in (("application", "a"), ("model", "old\x00"), ("aspect", "tone")):
                await execute(line.client, "SADD", labels_key(line.prefix, kind), value)
            assert await fold(line.worker(), (LATER, "a", "new")) == ["a|new|||sdk"]
            await line.audit.refresh()
            earlier, now = (line.audit.names_at(LATER, version) for version in (4, LABELS_VERSION))
            old, new = (Labels("a", model, "", "", "sdk") for model in ("old", "new"))
            assert [earlier.series_for(one) for one in (old, new)] == ["a|old|||sdk", "a|other|||sdk"]
            assert [now.series_for(one) for one in (old, new)] == ["a|other|||sdk", "a|new|||sdk"]
            assert (earlier.part_for("a", "tone"), now.part_for("a", "tone")) == ("tone", "other")

    asyncio.run(run())


def test_places_go_with_the_log_and_with_a_reset(valkey: str) -> None:
    async def run() -> None:
        async with shared(valkey, 2, keeps_ms=DAY_MS) as line:
            worker = line.worker()
            await fold(worker, (LATER, "a", "x"))
            await fold(worker, (LATER + 9 * DAY_MS, "a", "x"))
            ttl_ms = await execute(line.client, "PTTL", places_key(line.prefix, "model", LATER // DAY_MS))
            assert 2 * DAY_MS < ttl_ms <= 3 * DAY_MS
            assert await line.places.days() == [LATER // DAY_MS + 9]
            await line.places.clear([("model", "a")], LATER)
            assert (await measure_state(line.client, line.prefix)).keys == 7
            await delete_state(line.client, line.prefix)
            assert [key async for key in line.client.scan_iter(match=f"{line.prefix}*")] == []

    asyncio.run(run())


def test_the_share_of_taken_places_is_shown_by_one_worker(valkey: str) -> None:
    async def run() -> None:
        async with shared(valkey, 4) as line:
            await fold(
                line.worker(), (LATER, "a", "x"), (LATER, "a", "y"), (LATER, "b", "x"), (LATER, "a", "z")
            )
            metrics = WorkerMetrics()
            watch = LabelWatch(line.places, 4, metrics, Aspects.none())
            await watch.look(is_mine=True)
            share = metrics.registry.get_sample_value
            assert share(PLACES_USED, {"kind": "model"}) == 0.75
            assert share(PLACES_USED, {"kind": "application"}) == 0.5
            assert share(PLACES_USED, {"kind": "scorer"}) == 0
            await watch.look(is_mine=False)
            assert share(PLACES_USED, {"kind": "model"}) is None

    asyncio.run(run())


@pytest.mark.parametrize(
    ("values", "share"),
    [
        pytest.param([f"declared{at}" for at in range(6)], 0, id="more declared than places"),
        pytest.param(["declared0", "declared1", "mood"], 0.5, id="one of the two that are left"),
        pytest.param(["declared0", "declared1", "mood", "voice"], 1, id="both that are left"),
        pytest.param(["mood", "voice", "style"], 0.75, id="none declared"),
    ],
)
def test_declared_values_do_not_count_in_the_share(valkey: str, values: list[str], share: float) -> None:
    declared = [
        AspectDeclaration(name=f"declared{at}", kinds=("thumb",), levels=("message",), direction="neutral")
        for at in range(6)
    ]
    aspects = Aspects({"shop": declared})

    async def run() -> float | None:
        async with shared(valkey, 4) as line:
            places = DeclaredFirst(line.places, 4, aspects)
            own = [OwnValue("shop", value) for value in values]
            assert await places.admit("aspect", generation_at(LATER, ()), own, 0) == [True] * len(own)
            metrics = WorkerMetrics()
            await LabelWatch(line.places, 4, metrics, aspects).look(is_mine=True)
            return metrics.registry.get_sample_value(PLACES_USED, {"kind": "aspect"})

    assert asyncio.run(run()) == share


def test_places_are_listed_and_cleared_by_a_command(valkey: str, capsys: pytest.CaptureFixture[str]) -> None:
    now_ms = time.time_ns() // 1_000_000

    async def take() -> str:
        async with shared(valkey, 2) as line:
            await fold(line.worker(), (now_ms, "a", "x\n"), (now_ms, "b", "y"))
            return line.prefix

    prefix = asyncio.run(take())

    def labels(*words: str) -> tuple[int, str]:
        where = ["--redis-url", valkey, "--redis-prefix", prefix]
        code = main(["labels", words[0], *where, *words[1:]])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    code, listed = labels("list", "--metric-values", "2")
    assert (code, "a: model, 1 of 2 places" in listed, "last seen on 20" in listed) == (OK, True, True)
    assert "x\n" not in listed
    assert labels("clear", "--application", "c")[0] == FAILED
    assert "none of application, model" in labels("clear", "--all", "--kind", "colour")[1]
    code, told = labels("clear", "--application", "a")
    assert (code, "a: model, 1 places cleared" in told, "b:" in told) == (OK, True, False)
    assert "a: model" not in labels("list")[1]
    assert labels("clear", "--all")[0] == OK
    assert "no value has a place yet" in labels("list")[1]


def test_a_redis_that_is_away_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "list", "--redis-url", "redis://127.0.0.1:1/0"]) == FAILED
    assert "check PLAUDIT_REDIS_URL" in capsys.readouterr().err
