"""Answers are asked for over HTTP, once each, and become siblings in the log."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.chat.endpoints import AnswerDelta, EndpointTimeouts
from plaudit_producers.chat.errors import EndpointError, EndpointErrorKind
from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.generation.asking import AnswerAsker, AskingPace
from plaudit_producers.generation.errors import GenerationError
from plaudit_producers.generation.journal import GenerationJournal
from plaudit_producers.generation.outcome import describe_generation, describe_plan
from plaudit_producers.generation.plan import BATCH_TAG, GenerationPlan
from plaudit_producers.generation.prompts_file import GenerationPrompt
from plaudit_producers.generation.recording import GenerationRecorder
from plaudit_producers.generation.run import Generation, GenerationSummary
from plaudit_producers.testing import AsyncInMemoryProducer
from plaudit_schemas.contract.events import AddMessage, EndConversation, StartConversation

from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint

PROMPTS = tuple(
    GenerationPrompt(number, ({"role": "user", "content": text},), tags={"topic": "sky"})
    for number, text in enumerate(("Why is the sky blue?", "Why is it dark at night?"), 1)
)
TIMEOUTS = EndpointTimeouts(5, 5, 5)


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint() as one:
        yield one


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds
        await asyncio.sleep(0)

    def pace(self, rate: float | None = None) -> AskingPace:
        return AskingPace(rate, lambda: self.now, self.sleep)


class Runs:
    """Runs with one report and one log."""

    def __init__(self, folder: Path, *models: ChatModel, answers: int = 2) -> None:
        self.path = folder / "report.jsonl"
        self.plan = GenerationPlan("shop", models, answers, "sky-1", tags={"licence": "CC0"})
        self.time = FakeTime()
        self.producer = AsyncInMemoryProducer("shop")
        self.asker = AnswerAsker(self.time.pace(), TIMEOUTS)

    def run(
        self, *prompts: GenerationPrompt, retry_errors: bool = False, ask: Any = None
    ) -> GenerationSummary:
        self.asker = AnswerAsker(self.time.pace(), TIMEOUTS, **({"ask": ask} if ask else {}))
        with GenerationJournal(self.path, {"application": "shop"}) as journal:
            recorder = GenerationRecorder(self.producer)
            generation = Generation(self.plan, journal, recorder, self.asker, retry_errors=retry_errors)
            return asyncio.run(generation.run(prompts or PROMPTS, 3))

    def bodies(self, kind: type[Any]) -> list[Any]:
        return [event.body for event in self.producer.events if isinstance(event.body, kind)]

    def answers(self) -> list[AddMessage]:
        return [body for body in self.bodies(AddMessage) if body.role == "assistant"]


def model_at(endpoint: ChatEndpoint, name: str, **fields: Any) -> ChatModel:
    return ChatModel.model_validate({"id": name, "endpoint": endpoint.base_url, **fields})


def test_each_prompt_has_all_answers_as_siblings(endpoint: ChatEndpoint, tmp_path: Path) -> None:
    tgi = ChatModel(id="tgi", version="3", kind="tgi", endpoint=endpoint.tgi_url("echo"))
    runs = Runs(tmp_path, model_at(endpoint, "counting", parameters={"temperature": 0.5}), tgi)
    summary = runs.run()
    assert (summary.wanted, summary.statuses, summary.known) == (8, {"complete": 8}, 0)
    starts = runs.bodies(StartConversation)
    assert [start.tags for start in starts] == [{"licence": "CC0", "topic": "sky", BATCH_TAG: "sky-1"}] * 2
    asked = {body.message_id: body.content for body in runs.bodies(AddMessage) if body.role == "user"}
    assert sorted(asked.values()) == sorted(prompt.turns[0]["content"] for prompt in PROMPTS)
    by_parent: dict[str, set[str]] = {}
    for answer in runs.answers():
        assert answer.model is not None
        assert answer.usage is not None
        assert (answer.status, answer.finish_reason) == ("complete", "stop")
        assert answer.latency_ms is not None
        assert asked[answer.parent_id or ""] in answer.content
        by_parent.setdefault(answer.parent_id or "", set()).add(answer.message_id)
    assert {parent: len(ids) for parent, ids in by_parent.items()} == dict.fromkeys(asked, 4)
    assert {answer.parameters for answer in runs.answers()} == {'{"temperature": 0.5}', None}
    assert len(runs.bodies(EndConversation)) == 2
    assert {event.source for event in runs.producer.events} == {"sdk"}


def test_a_second_run_asks_nothing_and_sends_nothing(endpoint: ChatEndpoint, tmp_path: Path) -> None:
    runs = Runs(tmp_path, model_at(endpoint, "counting"))
    runs.run()
    sent, requests = len(runs.producer.events), len(endpoint.requests)
    summary = runs.run()
    assert (summary.known, summary.statuses, summary.resent) == (4, {}, 0)
    assert (len(runs.producer.events), len(endpoint.requests)) == (sent, requests)


def test_more_answers_and_prompts_are_added(endpoint: ChatEndpoint, tmp_path: Path) -> None:
    runs = Runs(tmp_path, model_at(endpoint, "counting"), answers=1)
    runs.run(PROMPTS[0])
    runs.plan = GenerationPlan("shop", runs.plan.models, 2, "sky-1")
    summary = runs.run(*PROMPTS)
    assert (summary.known, summary.statuses) == (1, {"complete": 3})
    assert len(endpoint.requests) == 4
    assert len({answer.message_id for answer in runs.answers()}) == 4
    assert len(runs.bodies(StartConversation)) == 2


def test_an_answer_that_did_not_reach_kafka_is_sent_again_and_not_asked_again(
    endpoint: ChatEndpoint, tmp_path: Path
) -> None:
    runs = Runs(tmp_path, model_at(endpoint, "counting"), answers=1)
    runs.run(PROMPTS[0])
    (answer,) = [event for event in runs.producer.events if isinstance(event.body, AddMessage)][-1:]
    lines = runs.path.read_text().splitlines()
    runs.path.write_text(
        "\n".join(line for line in lines if answer.event_id not in json.loads(line).get("sent", ())) + "\n"
    )
    before = [event for event in runs.producer.events if isinstance(event.body, AddMessage)][-1]
    runs.producer.clear()
    summary = runs.run(PROMPTS[0])
    assert (summary.resent, len(endpoint.requests)) == (1, 1)
    (again, _end) = runs.producer.events
    assert (again.event_id, again.body) == (before.event_id, before.body)


def test_the_same_prompts_have_the_same_ids_in_every_place(endpoint: ChatEndpoint, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        runs = Runs(tmp_path / name, model_at(endpoint, "echo"))
        runs.run()
        found.append({(event.event_id, event.conversation_id) for event in runs.producer.events})
    assert found[0] == found[1]


def test_equal_prompts_are_conversations_of_their_own(endpoint: ChatEndpoint, tmp_path: Path) -> None:
    runs = Runs(tmp_path, model_at(endpoint, "echo"), answers=1)
    runs.run(
        PROMPTS[0],
        GenerationPrompt(9, PROMPTS[0].turns, copy=1),
        GenerationPrompt(10, PROMPTS[0].turns, own_id="x"),
    )
    assert len({event.conversation_id for event in runs.producer.events}) == 3


def test_the_models_system_prompt_is_part_of_the_conversation(endpoint: ChatEndpoint, tmp_path: Path) -> None:
    runs = Runs(tmp_path, model_at(endpoint, "echo", system_prompt="Be brief."), answers=1)
    own = GenerationPrompt(2, ({"role": "system", "content": "Be long."}, {"role": "user", "content": "Hi"}))
    runs.run(PROMPTS[0], own)
    sent = sorted(request.body["messages"][0]["content"] for request in endpoint.requests)
    assert sent == ["Be brief.", "Be long."]
    assert sorted(body.content for body in runs.bodies(AddMessage) if body.role == "system") == sent
    with pytest.raises(GenerationError, match="different system prompts"):
        GenerationPlan("shop", (*runs.plan.models, model_at(endpoint, "counting")), 1, "b")


def test_a_failed_answer_is_recorded_and_asked_again_with_the_flag_alone(
    endpoint: ChatEndpoint, tmp_path: Path
) -> None:
    runs = Runs(tmp_path, model_at(endpoint, "empty"), answers=1)
    summary = runs.run(PROMPTS[0])
    (failed,) = runs.answers()
    assert (summary.error_kinds, failed.status) == ({"empty_answer": 1}, "error")
    assert failed.metadata["error_kind"] == "empty_answer"
    assert runs.run(PROMPTS[0]).statuses == {}
    endpoint.answers.append("Because of the air.")
    summary = runs.run(PROMPTS[0], retry_errors=True)
    assert (summary.statuses, summary.error_kinds) == ({"complete": 1}, {})
    answer = runs.answers()[-1]
    assert (answer.content, answer.status) == ("Because of the air.", "complete")
    # Under one id, so that the fold puts the answer in the place of the failure.
    assert (answer.parent_id, answer.message_id) == (failed.parent_id, failed.message_id)
    assert len({event.event_id for event in runs.producer.events}) == len(runs.producer.events)


@pytest.mark.parametrize(
    ("name", "requests", "slept"),
    [
        pytest.param("bad-key", 1, [], id="a wrong key"),
        pytest.param("no-such-model", 1, [], id="an unknown model"),
        pytest.param("rate-limited", 4, [7, 7, 7], id="a busy model"),
    ],
)
def test_a_model_that_cannot_answer_is_asked_no_more_and_nothing_is_recorded(
    endpoint: ChatEndpoint, tmp_path: Path, name: str, requests: int, slept: list[float]
) -> None:
    runs = Runs(tmp_path, model_at(endpoint, name), model_at(endpoint, "echo"), answers=1)
    runs.plan = GenerationPlan("shop", runs.plan.models[:1], 1, "b")
    summary = runs.run(PROMPTS[0])
    assert (summary.left, list(runs.asker.stopped)) == (1, [name])
    assert (len(endpoint.requests), runs.time.slept) == (requests, slept)
    assert runs.producer.events == []
    told = describe_generation(summary, runs.asker.stopped, "r", retry_errors=False)
    assert f"{name} was asked no more" in told
    assert "1 answers are missing; start it again" in told


def test_one_model_that_fails_does_not_hold_up_the_others(endpoint: ChatEndpoint, tmp_path: Path) -> None:
    runs = Runs(tmp_path, model_at(endpoint, "forbidden"), model_at(endpoint, "echo"), answers=1)
    summary = runs.run()
    assert (summary.left, summary.statuses) == (2, {"complete": 2})
    assert len(runs.answers()) == 2


class Failing:
    """A model that fails a few times first."""

    def __init__(self, *kinds: EndpointErrorKind, retry_after_s: float | None = None) -> None:
        self.kinds, self.retry_after_s, self.requests = list(kinds), retry_after_s, 0

    async def __call__(
        self, model: ChatModel, turns: Sequence[dict[str, str]], timeouts: EndpointTimeouts
    ) -> AsyncGenerator[AnswerDelta]:
        self.requests += 1
        if self.kinds:
            raise EndpointError(self.kinds.pop(0), "It failed.", self.retry_after_s)
        yield AnswerDelta("Because.", finish_reason="stop")


@pytest.mark.parametrize(
    ("failing", "slept", "status"),
    [
        pytest.param(Failing("server_error", "timeout"), [1, 2], "complete", id="twice, then an answer"),
        pytest.param(
            Failing("too_many_requests", retry_after_s=30), [30], "complete", id="as long as it says"
        ),
        pytest.param(Failing(*("server_error",) * 9), [1, 2, 4], "error", id="too often"),
        pytest.param(Failing("refused_request"), [], "error", id="what another try does not change"),
    ],
)
def test_what_may_pass_is_tried_again(
    tmp_path: Path, failing: Failing, slept: list[float], status: str
) -> None:
    runs = Runs(tmp_path, ChatModel(id="m", endpoint="http://127.0.0.1:1/v1"), answers=1)
    summary = runs.run(PROMPTS[0], ask=failing)
    assert (runs.time.slept, summary.statuses) == (slept, {status: 1})


def test_a_model_that_wants_too_much_patience_is_left_out(tmp_path: Path) -> None:
    runs = Runs(tmp_path, ChatModel(id="m", endpoint="http://127.0.0.1:1/v1"), answers=1)
    failing = Failing("too_many_requests", retry_after_s=3600)
    assert runs.run(PROMPTS[0], ask=failing).left == 1
    assert (failing.requests, runs.time.slept) == (1, [])


def test_requests_are_spaced(tmp_path: Path) -> None:
    runs = Runs(tmp_path, ChatModel(id="m", endpoint="http://127.0.0.1:1/v1"), answers=4)
    time, failing = FakeTime(), Failing()
    asker = AnswerAsker(time.pace(2.0), TIMEOUTS, ask=failing)
    with GenerationJournal(runs.path, {}) as journal:
        generation = Generation(runs.plan, journal, GenerationRecorder(runs.producer), asker)
        asyncio.run(generation.run(PROMPTS[:1], 1))
    assert (failing.requests, time.slept) == (4, [0.5, 0.5, 0.5])


def test_an_outage_of_kafka_ends_the_run_and_the_next_one_sends_what_is_known(tmp_path: Path) -> None:
    runs = Runs(tmp_path, ChatModel(id="m", endpoint="http://127.0.0.1:1/v1"), answers=3)
    failing = Failing()
    runs.producer = AsyncInMemoryProducer("shop", max_buffer_events=1, when_full="raise")
    runs.producer.go_offline()
    summary = runs.run(PROMPTS[0], ask=failing)
    assert summary.failure is not None
    assert "it ended early" in describe_generation(summary, {}, "r", retry_errors=False)
    asked = failing.requests
    runs.producer = AsyncInMemoryProducer("shop")
    summary = runs.run(PROMPTS[0], ask=failing)
    assert (summary.known, summary.resent, failing.requests) == (asked, asked, 3)
    assert len(runs.answers()) == 3


def test_what_would_be_asked_is_told() -> None:
    model = ChatModel(id="m", endpoint="http://127.0.0.1:1/v1")
    told = describe_plan(GenerationPlan("shop", (model,), 3, "sky-1"), PROMPTS, 2)
    assert "2 prompts, 3 answers of each model (m)\n6 answers, of which earlier runs have 2" in told
    assert "line 1: 1 messages, 'Why is the sky blue?', tags topic=sky, plaudit.generated=sky-1" in told
    assert told.endswith("nothing was asked or sent")
