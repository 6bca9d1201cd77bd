"""Pairs out to a real Label Studio, annotated by its API, back by webhook and by file: alike in Parquet."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.names import COMPARE_MESSAGES, END_CONVERSATION

from harness.environ import environ_with
from harness.gateway import Gateway
from tests.label_studio.server import LabelStudio, Result
from tests.support.gateway import known_key
from tests.support.line import Line
from tests.support.services import ROOT, shared_data
from tests.support.sinks import Sinks, rows

# It installs Label Studio where it is missing, and starts it, which makes its database.
pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(1500)]

RUBRIC = ROOT / "examples" / "rubrics" / "harmless-pairs.yaml"
APPLICATION = "hh-rlhf"
PAIRS = 24
"""Records of the file. Two pairs of one chat make one item, so there may be fewer tasks."""
Verdict = tuple[str, str, str]
"""Conversation, rater, and what the ranking says of the two answers, as JSON."""


def plaudit(folder: Path, *words: str, **settings: str) -> str:
    """Run a command. Returns what it says."""
    command = [sys.executable, "-m", "plaudit_infra.main", *words]
    environ = environ_with(data=str(folder), **settings)
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()


@dataclass
class Round:
    """The tasks in Label Studio, and what was said of them.

    Attributes:
        said: what must hold in the end.
        export: the project's export, after all annotations.
    """

    project: int
    tasks: list[dict[str, Any]]
    ids: list[int]
    said: set[Verdict] = field(default_factory=set)
    export: bytes = b""


def ranked(task: dict[str, Any], choice: str) -> str:
    """What the ranking of a task's two answers must be."""
    first, second = task["data"]["plaudit"]["candidates"]
    groups = {"left": [[first], [second]], "right": [[second], [first]]}.get(
        choice, [sorted((first, second))]
    )
    return json.dumps([groups, choice == "none is acceptable"])


def results(choice: str) -> list[Result]:
    """What the page of Label Studio sends for a choice."""
    if choice in ("left", "right"):
        pair = {"from_name": "harmless", "to_name": "answer1,answer2", "type": "pairwise"}
        return [{"id": "r1", **pair, "value": {"selected": choice}}]
    tie = {"from_name": "harmless__tie", "to_name": "chat", "type": "choices"}
    return [{"id": "r1", **tie, "value": {"choices": [choice]}}]


def correction(text: str) -> Result:
    value = {"text": [text]}
    return {"id": "r2", "from_name": "better", "to_name": "chat", "type": "textarea", "value": value}


def annotate(label_studio: LabelStudio, round_: Round) -> None:
    """Annotate each task: sides in turn, ties, none acceptable, skips; then change some and delete one."""
    choices = ("left", "right", "equally good", "left", "none is acceptable", "right")
    made: list[int] = []
    holds: dict[int, str] = {}
    for number, task in enumerate(round_.ids):
        choice = choices[number % len(choices)]
        made.append(label_studio.annotate(task, *results(choice), lead_time=number + 0.5))
        holds[number] = choice
    label_studio.change(made[0], *results("right"), correction("a better answer"))  # another side
    holds[0] = "right"
    label_studio.change(made[1], *results("right"), ground_truth=True)
    label_studio.delete(made[2])
    del holds[2]
    label_studio.annotate(round_.ids[2], was_cancelled=True)
    label_studio.change(made[3], *results("right"), correction("for a while"))
    label_studio.change(made[3], *results("left"))  # changed back, and the correction is gone
    for number, held in holds.items():
        chat = round_.tasks[number]["data"]["plaudit"]["target"]["conversation_id"]
        round_.said.add((chat, "ana", ranked(round_.tasks[number], held)))
    round_.export = label_studio.export(round_.project)


class Chats:
    """A line of its own, with the conversations of the pairs, still open and without the file's verdicts."""

    def __init__(self, kafka: str, redis: str, folder: Path, events: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.line = Line(kafka=kafka, redis=redis, folder=folder)
        self.events = events
        self.sinks = Sinks(self.line.connection, folder, str(folder / "root"), {"rotate_rows": "300"})
        self.line.start_worker()
        self.run("replay", str(events), "--format", "plaudit-jsonl")

    def run(self, *words: str) -> str:
        """Run a command on this line."""
        connection = self.line.connection
        return plaudit(
            self.folder, *words, bootstrap_servers=connection.bootstrap_servers,
            redis_url=connection.redis_url.get_secret_value(), topic_prefix=connection.topic_prefix,
            redis_prefix=connection.redis_prefix,
        )  # fmt: skip

    def end(self) -> None:
        """End all conversations and write them."""
        starts = {json.loads(line)["conversation_id"] for line in self.events.read_text().splitlines()}
        ends = self.folder / "ends.jsonl"
        ends.write_text(
            "".join(
                json.dumps(
                    {"application": APPLICATION, "conversation_id": each, "body": {"type": "EndConversation"}}
                )
                + "\n"
                for each in sorted(starts)
            )
        )
        self.run("replay", str(ends), "--format", "plaudit-jsonl")
        self.line.wait_folded()
        self.sinks.once()

    def parquet(self) -> list[dict[str, Any]]:
        return rows(self.folder / "root", "conversations")

    def stop(self) -> None:
        self.line.stop_workers()
        self.sinks.stop()


def verdicts(chats: Chats) -> set[Verdict]:
    """The comparisons in the Parquet files."""
    return {
        (
            row["conversation_id"],
            each["rater"]["id"],
            json.dumps([[sorted(group) for group in each["ranking"]], bool(each["none_acceptable"])]),
        )
        for row in chats.parquet()
        for each in row["comparisons"]
        if each["ranking"] or each["none_acceptable"]
    }


def words(chats: Chats) -> set[tuple[Any, ...]]:
    """The feedback in the Parquet files that was not taken back."""
    return {
        (row["conversation_id"], each["message_id"], each["aspect"], each["correction"])
        for row in chats.parquet()
        for each in row["feedback"]
        if each["kind"] == "correction" and each["correction"] is not None
    }


def logged_ids(chats: Chats) -> set[str]:
    """The ids of all events that the log has."""
    decoder = Decoder("conversation_event", sparse=True)
    return {decoder.decode(record.value or b"")["event_id"] for record in chats.line.log()}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pairs' conversations as events, open, without what the file says of them."""
    folder = tmp_path_factory.mktemp("pairs")
    file = str(shared_data("hh_rlhf/harmless-base-test.jsonl.gz"))
    made, kept = folder / "all.jsonl", folder / "chats.jsonl"
    words_ = ["replay", file, "--format", "hh-rlhf", "--application", APPLICATION, "--limit", str(PAIRS)]
    plaudit(folder, *words_, "--output", str(made), "--consent", "granted")
    dropped = {name.rpartition(".")[2] for name in (COMPARE_MESSAGES, END_CONVERSATION)}
    lines = [
        line for line in made.read_text().splitlines() if json.loads(line)["body"]["type"] not in dropped
    ]
    kept.write_text("".join(f"{line}\n" for line in lines))
    return kept


@pytest.fixture(scope="module")
def chats(
    kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory, events: Path
) -> Iterator[tuple[Chats, Chats]]:
    """The same conversations twice: for the webhook, and for the file."""
    folder = tmp_path_factory.mktemp("lines")
    by_webhook, by_file = (Chats(kafka, valkey, folder / name, events) for name in ("webhook", "file"))
    both = by_webhook, by_file
    yield both
    for each in both:
        each.stop()


@pytest.fixture(scope="module")
def gateway(chats: tuple[Chats, Chats]) -> Iterator[Gateway]:
    by_webhook, _ = chats
    made = Gateway(
        by_webhook.line.connection, by_webhook.folder, {"gateway_label_studio_people": "1=ana,2=ben"}
    )
    yield made.start()
    assert made.stop() == 0


def test_pairs_come_back_by_webhook_and_by_file(
    label_studio: LabelStudio, chats: tuple[Chats, Chats], gateway: Gateway, events: Path
) -> None:
    by_webhook, by_file = chats
    folder = by_file.folder / "tasks"
    told = by_file.run("review", "tasks", str(RUBRIC), "--from", str(events), "--output", str(folder))
    tasks = json.loads((folder / "tasks.json").read_text())
    assert f"{len(tasks)} tasks" in told
    assert len(tasks) > PAIRS // 2
    config = (folder / "labelling-config.xml").read_text()
    project, ids = label_studio.project("pairs", config, tasks)
    key = known_key(gateway, "reviewer", application=APPLICATION)
    label_studio.send_webhooks(project, f"{gateway.url}/v1/label-studio", key)
    round_ = Round(project, tasks, ids)
    annotate(label_studio, round_)

    export = by_file.folder / "export.json"
    export.write_bytes(round_.export)
    label = ["label", str(export), "--people", "1=ana,2=ben"]
    assert "a dry run, nothing was sent" in by_file.run(*label, "--dry-run")
    by_file.run(*label, "--check")
    once = logged_ids(by_file)
    by_file.run(*label)
    assert logged_ids(by_file) == once
    before = logged_ids(by_webhook)
    by_webhook.run(*label)  # what the webhook brought comes again by file
    short = by_webhook.folder / "short.json"
    short.write_bytes(label_studio.export(project, "JSON_MIN"))
    by_webhook.run("label", str(short), *label[2:])
    assert logged_ids(by_webhook) == before

    for each in chats:
        each.end()
    assert verdicts(by_file) == round_.said
    assert verdicts(by_webhook) == round_.said
    first = tasks[0]["data"]["plaudit"]
    place = (first["target"]["conversation_id"], first["candidates"][1])
    assert words(by_file) == words(by_webhook) == {(*place, "better", "a better answer")}
