"""Simulated traffic: the same again, believable in its parts, interleaved, at its pace."""

import itertools
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from plaudit_producers.clock import Clock
from plaudit_producers.simulator import MARKER, Scenario, run_scenario, simulate
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.codec.wire import Encoder, Record
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.errors import InvalidEventError, SettingsError
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.metrics.figures import figures, summed

from tests.support.recount import recount

START = 1_790_000_000_000_000
SCENARIO = Scenario(
    models={"good": 0.95, "poor": 0.5},
    conversations=2_000,
    rate=200,
    shift_at=0.5,
    shifts={"good": 0.2},
    feedback=0.06,
)

Timed = tuple[float, Record]


@cache
def traffic() -> list[Timed]:
    return list(simulate(SCENARIO, START))


def bodies(name: str, events: list[Timed] | None = None) -> Iterator[dict[str, Any]]:
    for _, record in traffic() if events is None else events:
        if record["body"][0] == f"plaudit.v1.{name}":
            yield record["body"][1]


def chats() -> dict[str, list[Timed]]:
    found: dict[str, list[Timed]] = {}
    for due, record in traffic():
        found.setdefault(record["conversation_id"], []).append((due, record))
    return found


def test_the_same_scenario_gives_the_same_events_and_another_seed_or_start_others() -> None:
    def ids(seed: int, start: int) -> list[str]:
        scenario = Scenario(conversations=50, seed=seed)
        return [record["event_id"] for _, record in simulate(scenario, start)]

    def texts(seed: int, start: int) -> list[str]:
        events = simulate(Scenario(conversations=50, seed=seed), start)
        return [record["body"][1].get("content", "") for _, record in events]

    assert ids(1, START) == ids(1, START)
    assert texts(1, START) == texts(1, START + 60_000_000)
    assert set(ids(1, START)).isdisjoint(ids(1, START + 1))
    assert set(ids(1, START)).isdisjoint(ids(2, START))
    assert texts(1, START) != texts(2, START)


@pytest.mark.slow
def test_every_event_is_right_once_and_in_order() -> None:
    found = traffic()
    times = [due for due, _ in found]
    assert times == sorted(times)
    assert len({record["event_id"] for _, record in found}) == len(found)
    for chat in chats().values():
        assert [record["sequence"] for _, record in chat] == list(range(len(chat)))
        assert [record["body"][0] for _, record in chat].index("plaudit.v1.StartConversation") == 0
    for _, record in found[:3000]:
        ConversationEvent.from_record(record)


@pytest.mark.slow
def test_the_fold_refuses_nothing_and_its_figures_fall_at_the_shift() -> None:
    encoder = Encoder("conversation_event")
    log = [
        KafkaRecord(
            0, offset, record["occurred_at"] // 1000,
            conversation_key(record["application"], record["conversation_id"]), encoder.encode(record),
        )
        for offset, (_, record) in enumerate(traffic())
    ]  # fmt: skip
    counted = recount(log, Rules())
    assert counted.refused == {}
    assert len(counted.states[0]) == 2_000
    buckets = counted.buckets[0]
    before, after = _figures(buckets, 0, 50), _figures(buckets, 70, 120)
    for name, kind in (("accuracy", "reviewer"), ("satisfaction", "user")):
        good, poor = before["good", name, kind], before["poor", name, kind]
        assert after["good", name, kind] < after["poor", name, kind]
        assert good > poor
        assert after["good", name, kind] < good - (0.3 if name == "accuracy" else 0.8)
        # Some dozens of verdicts: their share is known to about 0.13.
        assert after["poor", name, kind] == pytest.approx(poor, abs=0.35 if name == "accuracy" else 0.8)


def _figures(buckets: dict[str, Any], begin: int, end: int) -> dict[Any, float]:
    """Figures by model, name and rater kind, of the buckets between two seconds."""
    second = START // 1_000_000
    names = [name for name in buckets if name[:3] == "10s" and begin <= int(name[4:]) - second < end]
    found = {}
    for series, cells in summed(buckets[name] for name in names).items():
        _, model, _, variant, _ = series.split("|")
        for figure in figures(cells):
            if not variant and figure.scale in ("", "thumb") and figure.estimate.value is not None:
                found[model, figure.name, figure.rater_kind] = figure.estimate.value
    return found


@pytest.mark.slow
def test_feedback_is_sparse_and_some_of_it_late() -> None:
    answers = sum(body["role"] == "assistant" for body in bodies("AddMessage"))
    judged = [
        body["feedback"]
        for body in bodies("UpdateMessage")
        if body["feedback"]["kind"] in ("thumb", "number") and body["feedback"]["rater"]["kind"] == "user"
    ]
    assert 0.04 < len(judged) / answers < 0.08
    late = 0
    for chat in chats().values():
        names = [record["body"][0].rpartition(".")[2] for _, record in chat]
        if "EndConversation" in names:
            late += "UpdateMessage" in names[names.index("EndConversation") :]
    assert late > 20
    kinds = Counter((f["feedback"]["kind"], f["feedback"]["rater"]["kind"]) for f in bodies("UpdateMessage"))
    for expected in (
        ("thumb", "user"), ("number", "user"), ("text", "user"), ("signal", "user"),
        ("label", "reviewer"), ("correction", "reviewer"), ("number", "model"),
    ):  # fmt: skip
        assert kinds[expected] > 5, expected
    assert any(body["feedback"].get("value", 0) is None for body in bodies("UpdateMessage"))  # withdrawn


def test_chats_have_what_real_ones_have() -> None:
    messages = list(bodies("AddMessage"))
    by_id = {message["message_id"]: message for message in messages}
    answers = [message for message in messages if message["role"] == "assistant"]
    assert all(message["content"].startswith(MARKER) for message in messages)
    assert any(ord(character) > 0xFFFF for message in messages for character in message["content"])
    assert len({body["tags"]["locale"] for body in bodies("StartConversation")}) == 6
    assert all(100 < answer["latency_ms"] < 60_000 for answer in answers)
    assert all(answer["first_token_ms"] < answer["latency_ms"] for answer in answers)
    assert {answer["status"] for answer in answers} == {"complete", "cut", "error"}
    assert 0.01 < sum(answer["abstained"] for answer in answers) / len(answers) < 0.06
    siblings = Counter(answer["parent_id"] for answer in answers)
    assert 0.02 < sum(number > 1 for number in siblings.values()) / len(siblings) < 0.25
    comparisons = list(bodies("CompareMessages"))
    assert len(comparisons) > 100
    for comparison in comparisons:
        assert len({by_id[candidate]["parent_id"] for candidate in comparison["candidates"]}) == 1
    assert {len(comparison["ranking"]) for comparison in comparisons} == {1, 2}  # ties too
    ended = sum(1 for _ in bodies("EndConversation"))
    assert 0.7 < ended / 2_000 < 0.85  # the others are left open
    consent = Counter(body["consent"] for body in bodies("StartConversation"))
    assert 0.8 < consent["granted"] / 2_000 < 0.9
    assert consent["denied"] > 0
    assert len({body["user_id"] for body in bodies("StartConversation")}) > 100


def test_chats_are_interleaved_and_the_rate_is_kept() -> None:
    window = [record for due, record in traffic() if 20 <= due < 30]
    assert len({record["conversation_id"] for record in window}) > 100
    changes = sum(a["conversation_id"] != b["conversation_id"] for a, b in itertools.pairwise(window))
    assert changes > 0.9 * len(window)
    for begin in range(10, 90, 20):
        count = sum(begin <= due < begin + 20 for due, _ in traffic())
        assert count / 20 == pytest.approx(SCENARIO.rate, rel=0.2)


def test_fewer_open_chats_go_faster_at_the_same_rate() -> None:
    events = list(simulate(Scenario(rate=200, open_conversations=5, duration_s=20), START))
    assert len(events) / 20 == pytest.approx(200, rel=0.25)
    assert events[-1][0] < 20


@pytest.mark.slow
def test_it_goes_on_without_an_end() -> None:
    events = list(itertools.islice(simulate(Scenario(rate=500), START), 20_000))
    assert events[-1][0] == pytest.approx(40, rel=0.15)


@pytest.mark.slow
def test_a_shift_may_come_at_a_time() -> None:
    scenario = Scenario({"m": 1.0}, rate=100, duration_s=60, shift_at=30, shifts={"m": 0.0})
    share = Scenario({"m": 1.0}, rate=100, duration_s=60, shift_at=0.5, shifts={"m": 0.0})
    assert list(simulate(scenario, START)) == list(simulate(share, START))
    assert [scenario.is_shifted(at, 1) for at in (0, 29.9, 30, 59)] == [False, False, True, True]
    by_count = Scenario({"m": 1.0}, conversations=10, shift_at=0.5, shifts={"m": 0.0})
    assert [by_count.is_shifted(0, begun) for begun in (1, 5, 6, 10)] == [False, False, True, True]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"models": {}}, id="no models"),
        pytest.param({"models": {"": 0.5}}, id="model without a name"),
        pytest.param({"models": {"m": 1.5}}, id="quality above one"),
        pytest.param({"rate": 0}, id="rate of zero"),
        pytest.param({"conversations": 0}, id="no conversations"),
        pytest.param({"duration_s": -1}, id="negative duration"),
        pytest.param({"open_conversations": 0}, id="no open conversations"),
        pytest.param({"feedback": 2}, id="feedback above one"),
        pytest.param({"shift_at": 10}, id="shift-at without a shift"),
        pytest.param({"shifts": {"aurora-2": 0.5}}, id="shift without shift-at"),
        pytest.param({"shifts": {"other": 0.5}, "shift_at": 10}, id="shift of an unknown model"),
        pytest.param({"shifts": {"aurora-2": 0.5}, "shift_at": 0.5}, id="shift after a share of no end"),
        pytest.param({"shifts": {"aurora-2": 0.5}, "shift_at": 0, "duration_s": 5}, id="shift at zero"),
    ],
)
def test_wrong_scenarios_are_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Scenario(**wrong)
    with pytest.raises(InvalidEventError):
        Scenario(application="no spaces")


def test_each_event_is_sent_when_it_is_due() -> None:
    started = 1_790_000_000.0
    now, slept, producer = started, 0.0, InMemoryProducer()

    def sleep(seconds: float) -> None:
        nonlocal now, slept
        now, slept = now + seconds, slept + seconds

    clock = Clock(lambda: now, lambda: round(now * 1_000_000), sleep)
    seen: list[float] = []
    scenario = Scenario(rate=100, duration_s=20)
    sent = run_scenario(scenario, producer, clock=clock, progress=lambda _: seen.append(now - started))
    assert sent.total() == len(producer.messages) == len(seen)
    assert seen == pytest.approx([due for due, _ in simulate(scenario, START)], abs=0.001)
    assert slept == pytest.approx(20, abs=0.5)
    assert run_scenario(scenario, InMemoryProducer(), clock=clock, wait=False) == sent
    assert slept == pytest.approx(20, abs=0.5)
