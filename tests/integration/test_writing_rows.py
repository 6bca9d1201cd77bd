"""From prompts to training rows: answers generated, ranked and corrected; prompts and answers written."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_producers import FeedbackProducer
from plaudit_producers.chat.models_reader import read_models
from plaudit_producers.generation.plan import AnswerSlot, PromptIds
from plaudit_producers.generation.prompts_file import read_prompts
from plaudit_schemas.contract.times import micros
from plaudit_schemas.review.answers import ItemAddress, Said, bodies_of, withdrawals_of, written_conversation
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ReviewTarget, item_id

from harness.environ import environ_with
from harness.waiting import eventually
from tests.consumers.live_root import rows_of
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint
from tests.support.commands import environ_of, run_command
from tests.support.line import Line
from tests.support.sinks import Sinks

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


@pytest.fixture
def line(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Line]:
    one = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=2)
    yield one
    one.stop_workers()


@pytest.fixture
def sinks(line: Line, tmp_path: Path) -> Iterator[Sinks]:
    made = Sinks(line.connection, tmp_path, str(tmp_path / "root"))
    yield made
    made.stop()


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint() as one:
        yield one


class Files:
    """The files of a run of `plaudit generate`."""

    def __init__(self, folder: Path, endpoint: ChatEndpoint, *prompts: str) -> None:
        self.prompts, self.models = folder / "prompts.txt", folder / "models.yaml"
        self.report = folder / "report.jsonl"
        self.prompts.write_text("\n".join(prompts) + "\n", encoding="utf-8")
        model = {"id": "counting", "endpoint": endpoint.base_url}
        self.models.write_text(yaml.safe_dump({"version": 1, "models": [model]}), encoding="utf-8")

    def words(self, *more: str) -> list[str]:
        """The command line."""
        files = ("--prompts", str(self.prompts), "--models", str(self.models), "--report", str(self.report))
        return ["generate", *files, "--application", "shop", "--consent", "granted", *more]

    def ids(self) -> list[PromptIds]:
        """The ids of each prompt's conversation."""
        return [PromptIds("shop", prompt.turns, prompt) for prompt in read_prompts(self.prompts)]

    def answers(self, ids: PromptIds, number: int = 2) -> list[str]:
        """The ids of the answers to a prompt."""
        (model,) = read_models(self.models)
        return [ids.answer(AnswerSlot(model, at)) for at in range(number)]


def _rubric(name: str, target: str, *questions: dict[str, Any], **more: Any) -> Rubric:
    document = {"name": name, "version": "1", "application": "shop", "title": name, "target": target, **more}
    asked = [{"title": each["name"], **each} for each in questions]
    return Rubric.model_validate({**document, "questions": asked})


def _item(rubric: Rubric, conversation: str, message: str, candidates: tuple[str, ...] = ()) -> ItemAddress:
    target = ReviewTarget(rubric.target, conversation, message)
    return ItemAddress(item_id("shop", rubric.name, target), target, candidates=candidates)


def _send(line: Line, events: Any) -> None:
    with FeedbackProducer("shop", connection=line.connection, source="review") as producer:
        for event in events:
            producer.emit(
                {
                    "event_id": event.event_id,
                    "application": "shop",
                    "conversation_id": event.conversation_id,
                    "occurred_at": micros(datetime.now(UTC)),
                    "body": event.body,
                }
            )


def _built(line: Line, sinks: Sinks, folder: Path) -> Path:
    line.wait_folded()
    sinks.once()
    build_snapshot(sinks.output, SnapshotPlan(output=folder, shares=(1, 0, 0)))
    return folder


def test_written_and_generated_texts_become_the_right_rows(
    line: Line, sinks: Sinks, endpoint: ChatEndpoint, tmp_path: Path
) -> None:
    files = Files(tmp_path, endpoint, "Why is the sky blue?", "What is a cat?", "Say hello.")
    line.start_worker()
    code, told = run_command(line, *files.words("--n", "2"))
    assert code == 0, told
    assert "6 answers wanted: 6 complete, 0 of earlier runs" in told
    sky, cat, hello = files.ids()
    pairs = _rubric(
        "pairs",
        "answers",
        {"name": "best", "kind": "ranking"},
        {"name": "better", "kind": "correction", "required": False},
    )
    worse, better = files.answers(sky)
    item = _item(pairs, sky.conversation_id, sky.turn(0), (worse, better))
    ranking = {"groups": [[better], [worse]], "none_acceptable": False}
    ana = Said("ana", "01J0000000000000000000000A")
    _send(line, bodies_of(pairs, item, {"best": ranking, "better": "Air scatters blue light."}, ana))
    write = _rubric("write", "prompt", {"name": "answer", "kind": "demonstration"})
    asked = _item(write, cat.conversation_id, cat.turn(0))
    _send(line, bodies_of(write, asked, {"answer": "An animal that purrs."}, ana))
    undone = _item(write, hello.conversation_id, hello.turn(0))
    _send(line, bodies_of(write, undone, {"answer": "Not this."}, ana))
    _send(line, withdrawals_of(write, undone, {"answer": "Not this."}, ana))
    seeds = _rubric(
        "seeds", "topic", {"name": "prompt", "kind": "prompt"}, topics=[{"name": "cooking", "prompts": 3}]
    )
    topic = _item(seeds, "", "cooking#1")
    _send(line, bodies_of(seeds, topic, {"prompt": "How do I boil an egg?"}, ana))
    chat = written_conversation(topic, "ana")
    _answer_the_written_prompt(line, chat)
    with FeedbackProducer("shop", connection=line.connection) as producer:
        for ids in (sky, cat, hello):
            producer.conversation(ids.conversation_id).end()
        producer.conversation(chat).end()
    snapshot = _built(line, sinks, tmp_path / "first")
    counted = {number: f"Answer {number} to: " for number in range(1, 7)}
    found = {
        (row["prompt"][-1]["content"], row["completion"][-1]["content"], row["origin"])
        for row in rows_of(snapshot, "sft")
    }
    assert found == {
        ("Why is the sky blue?", "Air scatters blue light.", "correction"),
        ("What is a cat?", "An animal that purrs.", "demonstration"),
        ("How do I boil an egg?", "Ten minutes.", "demonstration"),
    }
    said = [
        (
            row["prompt"][-1]["content"],
            row["chosen"][-1]["content"],
            row["rejected"][-1]["content"],
            row["origin"],
        )
        for row in rows_of(snapshot, "preference")
    ]
    assert len(said) == 2
    ranked, corrected = sorted(said, key=lambda each: each[3])
    assert (ranked[0], ranked[3], corrected[3]) == ("Why is the sky blue?", "comparison", "correction")
    assert ranked[1] == corrected[2], "the better answer is corrected"
    assert {ranked[1], ranked[2]} <= {f"{text}Why is the sky blue?" for text in counted.values()}
    assert corrected[1] == "Air scatters blue light."
    topics = {row["task"] for row in rows_of(snapshot, "conversations") if row["conversation_id"] == chat}
    assert topics == {"cooking"}


def _answer_the_written_prompt(line: Line, chat: str) -> None:
    """Answer a written prompt in a second task, once the worker has it."""
    line.wait_folded()
    answers = _rubric("answers", "prompt", {"name": "answer", "kind": "demonstration"})
    decoded = [message for message in _messages(line, chat) if message["role"] == "user"]
    (prompt,) = decoded
    assert (prompt["author"]["id"], prompt["author"]["kind"]) == ("ana", "reviewer")
    item = _item(answers, chat, prompt["message_id"])
    _send(
        line, bodies_of(answers, item, {"answer": "Ten minutes."}, Said("ben", "01J0000000000000000000000B"))
    )


def _messages(line: Line, chat: str) -> list[dict[str, Any]]:
    code, told = run_command(line, "conversation", f"shop/{chat}", "--json")
    assert code == 0, told
    found: list[dict[str, Any]] = json.loads(told)["messages"]
    return found


def test_a_run_that_is_killed_goes_on_and_asks_nothing_twice(
    line: Line, endpoint: ChatEndpoint, tmp_path: Path
) -> None:
    endpoint.pace_s = 0.005
    files = Files(tmp_path, endpoint, *(f"Question {number}?" for number in range(40)))
    words = files.words("--n", "2", "--concurrency", "2")
    environ = {**environ_with(), **environ_of(line)}
    killed = 0
    for wanted in (10, 30, 50):
        process = subprocess.Popen([sys.executable, "-m", "plaudit_infra.main", *words], env=environ)
        eventually(lambda wanted=wanted: len(endpoint.requests) >= wanted, "some answers are asked for")  # type: ignore[misc]  # a default
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        killed += 1
    code, told = run_command(line, *words)
    assert code == 0, told
    # What was being asked when the run was killed is asked once more, and nothing else.
    assert 80 <= len(endpoint.requests) <= 80 + 2 * killed
    line.start_worker()
    line.wait_folded()
    for ids in files.ids():
        messages = _messages(line, ids.conversation_id)
        found = [each["message_id"] for each in messages if each["role"] == "assistant"]
        assert sorted(found) == sorted(files.answers(ids))
    code, told = run_command(line, *words)
    assert "80 of earlier runs" in told
    assert line.check_exact().refused == {}
