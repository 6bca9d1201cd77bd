"""The way of a batch: what is sent, when it is acknowledged, and what is given up."""

from typing import Any

import pytest
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.aspect_declaration import AspectDeclaration
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.errors import ModelError
from plaudit_stream_processors.running.output import RefusedOutputError
from redis.exceptions import ConnectionError as RedisAwayError

from harness.waiting import come_true
from tests.stream_processors.scoring.builders import (
    PARTITION,
    FakeModel,
    FakeState,
    entity,
    message,
)
from tests.stream_processors.scoring.pipelines import EVENTS, Line, run

_THUMBS = {"name": "satisfaction", "kinds": ["thumb"], "levels": ["message"], "direction": "higher_is_better"}


def test_a_batch_is_scored_sent_and_then_acknowledged() -> None:
    line = Line(FakeState(entity("a", content="123"), entity("b", content="12345")))

    async def work() -> None:
        line.go.clear()
        line.give(0, message("a"), message("q", "user"), message("b"))
        await line.idle()
        assert line.acked == []
        line.go.set()
        await line.done(3)

    run(line, work)
    assert line.scores() == [("a", 0.3), ("b", 0.5)]
    labels = {"model": "fake", "version": "1"}
    assert line.metrics.registry.get_sample_value("plaudit_scorer_scores_total", labels) == 2


def test_batches_of_a_partition_are_acknowledged_in_order() -> None:
    line = Line(FakeState(entity("a")))

    async def work() -> None:
        line.go.clear()
        line.give(0, message("a"))
        line.give(1, message("q", "user"))
        await line.idle()
        assert line.acked == []
        line.go.set()
        await line.done(1, 2)

    run(line, work)


def test_a_batch_without_answers_waits_for_nothing() -> None:
    line = Line(FakeState(folded=0))

    async def work() -> None:
        line.give(0, message("q", "user"))
        await line.done(1)

    run(line, work)
    assert line.state.reads == 0


def test_a_batch_waits_until_the_worker_has_folded_it() -> None:
    line = Line(FakeState(entity("a"), folded=0))

    async def work() -> None:
        line.give(0, message("a"))
        await come_true(lambda: bool(line.pipeline.behind), "it waits for the worker")
        assert line.pipeline.behind[PARTITION].endswith("is folded up to 0, and 1 is needed")
        line.state.folded = 1
        await line.done(1)

    run(line, work)
    assert line.pipeline.behind == {}
    assert line.scores() == [("a", 0.6)]


def test_answers_that_get_too_late_while_they_wait_are_left_out() -> None:
    line = Line(FakeState(entity("a"), folded=0), lag_policy="skip", max_lag_s="1")

    async def work() -> None:
        line.give(0, message("a"))  # its record is of 1970
        line.state.folded = 1
        await line.done(1)

    run(line, work)
    assert line.scores() == []
    assert line.skipped() == {"lag": 1}


def test_what_is_not_scored_is_counted_by_reason() -> None:
    state = FakeState(
        entity("nan", content="nan"),
        entity("untemplated", content="untemplated"),
        entity("calls", content="", tool_calls=[{"id": "c", "name": "n", "arguments": "{}"}]),
        entity("early", completed_ms=499),
        entity("again", events=["another"]),
        entity("good"),
    )
    line = Line(state)

    async def work() -> None:
        ids = ("nan", "untemplated", "calls", "early", "again", "gone", "good")
        line.give(0, *(message(one) for one in ids), message("cut", status="cut"))
        await line.done(8)

    run(line, work)
    assert line.scores() == [("good", 0.6)]
    assert line.skipped() == dict.fromkeys(
        ("output", "input", "tool_calls", "no_version", "refused", "no_state", "status"), 1
    )


@pytest.mark.parametrize(
    ("declared", "skipped"),
    [("app", {"aspect": 1}), ("another", {})],
    ids=["its own", "another application's"],
)
def test_an_application_that_declares_its_aspects_gets_no_other_scores(
    declared: str, skipped: dict[str, float]
) -> None:
    thumbs = AspectDeclaration.model_validate(_THUMBS)
    line = Line(FakeState(entity("a")), aspects=Aspects({declared: [thumbs]}))

    async def work() -> None:
        line.give(0, message("a"))
        await line.done(1)

    run(line, work)
    assert line.skipped() == skipped
    assert len(line.sent) == 1 - len(skipped)


def test_a_stale_batch_is_acknowledged_and_nothing_else() -> None:
    line = Line(FakeState(entity("a")))

    async def work() -> None:
        line.give(0, message("a"), session=0)
        await line.done(1)

    run(line, work)
    assert line.sent == []


def test_partitions_that_go_take_what_is_under_way_with_them() -> None:
    line = Line(FakeState(entity("a"), folded=0))

    async def work() -> None:
        line.give(0, message("a"))
        line.give(1, message("a"))
        under_way = list(line.pipeline._tasks)
        await come_true(lambda: bool(line.pipeline.behind), "it waits for the worker")
        await line.pipeline.release([EVENTS])
        assert line.pipeline.partitions == set()
        assert [task.cancelled() for task in under_way] == [True, True]
        line.state.folded = 2
        line.give(0, message("a"))

    run(line, work)
    assert (line.sent, line.failures, line.pipeline.behind) == ([], [], {})


def test_what_comes_after_the_end_is_left_to_the_next_owner() -> None:
    line = Line(FakeState(entity("a"), folded=0))

    async def work() -> None:
        line.give(0, message("a"))
        await come_true(lambda: bool(line.pipeline.behind), "it waits for the worker")
        await line.pipeline.settle()
        line.state.folded = 2
        line.give(1, message("a"))
        await line.idle()

    run(line, work)
    assert (line.sent, line.acked, line.failures) == ([], [], [])


def test_an_answer_whose_first_record_was_refused_is_scored_by_the_one_that_was_taken() -> None:
    line = Line(FakeState(entity("a", events=["taken", "repeat"])))

    async def work() -> None:
        line.give(0, *[message("a")] * 3, events=["refused", "taken", "repeat"])
        await line.done(3)

    run(line, work)
    assert (line.scores(), line.skipped()) == ([("a", 0.6)], {"refused": 1})


def test_what_has_left_the_state_from_before_the_first_version_has_no_version() -> None:
    line = Line(FakeState(), active_from_ms=2000)

    async def work() -> None:
        line.give(0, message("early"))
        await line.done(1)

    run(line, work)
    assert line.skipped() == {"no_version": 1}


def test_it_goes_on_where_the_group_has_committed() -> None:
    line = Line(FakeState(), committed=41)

    async def work() -> None:
        assert await line.pipeline.acquire([EVENTS], 2) == {EVENTS: 41}

    run(line, work)


@pytest.mark.parametrize("error", [RedisAwayError("gone"), ModelError("no memory")], ids=["redis", "runtime"])
def test_what_is_away_is_asked_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    line, read = Line(FakeState(entity("a"))), FakeState.read
    fails = [error]

    async def fail_once(self: FakeState, *arguments: Any) -> None:
        if fails:
            raise fails.pop()
        await read(self, *arguments)

    monkeypatch.setattr(FakeState, "read", fail_once)

    async def work() -> None:
        line.give(0, message("a"))
        await line.done(1)

    run(line, work)
    assert line.scores() == [("a", 0.6)]


@pytest.mark.slow
def test_an_output_that_refuses_ends_the_scorer_and_nothing_is_acknowledged() -> None:
    line = Line(FakeState(entity("a")))
    refusal = line.refusal = RefusedOutputError("Kafka refused a record")

    async def work() -> None:
        line.give(0, message("a"))
        line.give(1, message("q", "user"))
        await come_true(lambda: bool(line.failures), "it fails")
        await line.idle()

    run(line, work)
    assert line.failures == [refusal]
    assert line.acked == []


def test_a_question_that_comes_late_makes_a_second_event_of_the_same_slot() -> None:
    line = Line(FakeState(entity("a", "q")), FakeModel(kind="exchange"))

    async def work() -> None:
        line.give(0, message("a"))
        await line.done(1)
        line.state.entities["q"] = entity("q", "", "user", content="Hi?")
        line.give(1, message("q", "user"), message("a"))
        await line.done(1, 3)

    run(line, work)
    assert line.scores() == [("a", 0.6), ("a", 1.0)]
    ids = {Decoder("conversation_event").decode(sent.value or b"")["event_id"] for sent in line.sent}
    assert len(ids) == 2


def test_a_repeat_has_the_same_event_id() -> None:
    ids = []
    for version in ("1", "1", "2"):
        line = Line(FakeState(entity("a")), FakeModel(version))

        async def work(line: Line = line) -> None:
            line.give(0, message("a"))
            await line.done(1)

        run(line, work)
        ids.append(Decoder("conversation_event").decode(line.sent[0].value or b"")["event_id"])
    assert ids[0] == ids[1] != ids[2]
