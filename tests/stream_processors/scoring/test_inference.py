"""The thread that runs models."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from plaudit_schemas.errors import ModelError
from plaudit_schemas.models.inputs import Turn, Turns
from plaudit_stream_processors.scoring.inference import Inference, Result, Scored

from tests.stream_processors.scoring.builders import FakeModel


def turns(*texts: str) -> list[Turns]:
    return [[Turn("assistant", text)] for text in texts]


def told(results: Sequence[Result]) -> list[object]:
    return [result.score.number if isinstance(result, Scored) else result for result in results]


def together(*work: Coroutine[Any, Any, list[Result]]) -> list[Any]:
    async def run() -> list[Any]:
        return list(await asyncio.gather(*work, return_exceptions=True))

    return asyncio.run(run())


def test_results_come_in_order_with_the_reasons_of_those_without_a_score() -> None:
    inference, model = Inference(), FakeModel()
    (results,) = together(inference.score(model, turns("abc", "untemplated", "nan", "abcde")))
    assert told(results) == [0.3, "input", "output", 0.5]
    inference.close()


def test_callers_that_wait_are_served_in_one_call_of_each_model() -> None:
    inference, model, other = Inference(), FakeModel("1"), FakeModel("2")
    found = together(
        inference.score(model, turns("a")),
        inference.score(other, turns("bb")),
        inference.score(model, turns("ccc", "dddd")),
    )
    assert [told(results) for results in found] == [[0.1], [0.2], [0.3, 0.4]]
    assert (len(model.calls), len(other.calls)) == (1, 1)
    inference.close()


def test_a_text_at_which_the_runtime_fails_does_not_keep_the_others_from_their_scores() -> None:
    inference, model = Inference(), FakeModel(fails_at=["poison"])
    (results, alone) = together(
        inference.score(model, turns("a", "poison", "bb")),
        inference.score(FakeModel(fails_at=["x"]), turns("x")),
    )
    assert told(results) == [0.1, "output", 0.2]
    assert told(alone) == ["output"]
    inference.close()


def test_a_runtime_that_fails_at_everything_fails_for_each_caller() -> None:
    inference, model = Inference(), FakeModel(fails_at=["", "a", "b"])
    for error in together(inference.score(model, turns("a")), inference.score(model, turns("b"))):
        assert isinstance(error, ModelError)
    (after,) = together(inference.score(FakeModel(), turns("a")))
    assert told(after) == [0.1]
    inference.close()


def test_a_caller_that_gives_up_does_no_harm_to_the_others() -> None:
    inference, model = Inference(), FakeModel()

    async def run() -> list[Result]:
        given_up = asyncio.create_task(inference.score(model, turns("a")))
        other = asyncio.create_task(inference.score(model, turns("bb")))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        return await other

    assert told(asyncio.run(run())) == [0.2]
    inference.close()


@pytest.mark.parametrize(
    ("call_s", "calls"), [(60.0, [40, 80]), (0.0, [40, 40, 40])], ids=["quick-model", "slow-model"]
)
def test_a_call_takes_no_more_than_the_model_does_in_good_time(
    call_s: float, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plaudit_stream_processors.scoring.inference._CALL_S", call_s)
    inference, model = Inference(), FakeModel()
    together(*(inference.score(model, turns(*"a" * 40)) for _ in range(3)))
    assert [len(texts) for texts in model.calls] == calls
    inference.close()


def test_what_was_given_up_before_its_call_is_not_scored() -> None:
    inference, model = Inference(), FakeModel()

    async def run() -> None:
        given_up = asyncio.create_task(inference.score(model, turns("a")))
        await asyncio.sleep(0)
        given_up.cancel()
        await inference.score(model, turns("bb"))

    asyncio.run(run())
    assert model.calls == [["bb"]]
    inference.close()


def test_usage_counts_tokens_and_padding() -> None:
    inference, model = Inference(), FakeModel()
    together(inference.score(model, turns("abc", "de")))
    assert (inference.usage.tokens, inference.usage.padding) == (5, 1)
    assert inference.usage.seconds > 0
    inference.close()


def test_nothing_to_score_asks_the_model_nothing() -> None:
    inference, model = Inference(), FakeModel()
    assert together(inference.score(model, []), inference.score(model, turns("untemplated"))) == [
        [],
        ["input"],
    ]
    assert model.calls == []
    inference.close()
