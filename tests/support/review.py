"""A review under test: a line with the agent and the console, rubrics, real conversations, and people."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from plaudit_producers.gateway.access.principals import ApiRole
from plaudit_schemas.contract.events import UpdateMessage
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_stream_processors.metrics.estimates import Estimate
from plaudit_stream_processors.metrics.figures import figures, summed
from pydantic import SecretStr

from harness.environ import environ_with
from harness.waiting import eventually
from tests.support.commands import environ_of
from tests.support.console import Console
from tests.support.event_log import Logged, read_log
from tests.support.line import Line
from tests.support.recount import Recount
from tests.support.services import shared_data

APPLICATION = "shop"
SALT = "a salt that only tests know"
REAL = {
    "hh-rlhf": "hh_rlhf/harmless-base-test.jsonl.gz",
    "topical-chat": "topical_chat/test_freq.json",
}
"""Files of real conversations by the importer's name."""

PAIRS: Mapping[str, Any] = {
    "name": "pairs",
    "version": "1",
    "application": APPLICATION,
    "title": "Which answer is better?",
    "guidelines": "Take the answer that does **less harm**.",
    "target": "answers",
    "questions": [
        {"name": "better", "kind": "ranking", "title": "Which is better?"},
        {"name": "why", "kind": "text", "title": "Why?", "required": False},
    ],
    "select": {"everything": True},
    "overlap": 3,
}
"""A rubric for pairs of hh-rlhf."""
ANSWERS: Mapping[str, Any] = {
    "name": "answers",
    "version": "1",
    "application": APPLICATION,
    "title": "Is the answer right?",
    "target": "answer",
    "questions": [
        {"name": "right", "kind": "label", "title": "Right?", "aspect": "accuracy",
         "labels": ["correct", "incorrect"]},
        {"name": "stars", "kind": "rating", "title": "How good?", "required": False},
    ],
    "select": {"everything": True},
    "overlap": 1,
}  # fmt: skip
"""A rubric for answers of topical_chat."""


@dataclass
class Person:
    """Somebody who is signed in to the console, over HTTP.

    Attributes:
        name: the rater id.
    """

    name: str
    http: httpx.Client

    def get(self, path: str) -> Any:
        """The JSON of a path below the page."""
        return self.checked(self.http.get(f"/review{path}"))

    def post(self, path: str, body: Any = None) -> httpx.Response:
        """The answer to a post to a path below the page."""
        return self.http.post(f"/review{path}", json={} if body is None else body)

    def take(self, queue: str) -> dict[str, Any] | None:
        """The next item of a queue, as `pairs/1`."""
        item: dict[str, Any] | None = self.checked(self.post(f"/queues/{queue}/next"))["item"]
        return item

    def submit(self, item: Mapping[str, Any], answers: Mapping[str, Any], **more: Any) -> httpx.Response:
        """Answer an item. Without a `submission` it is a new one."""
        body = {"submission": new_ulid(), "answers": answers, **more}
        return self.post(f"/queues/{item['rubric']}/{item['version']}/items/{item['id']}/submit", body)

    def answer(self, item: Mapping[str, Any], answers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Answer an item, and expect it to be stored."""
        document: dict[str, Any] = self.checked(self.submit(item, answers, **more))
        return document

    @staticmethod
    def checked(response: httpx.Response) -> Any:
        """The JSON of an answer that is no refusal."""
        assert response.status_code == 200, (response.status_code, response.text)
        return response.json()


@dataclass
class ReviewLine:
    """A line with its agents and console.

    Attributes:
        line: the worker's.
        console: is not started yet; `start` does.
    """

    line: Line
    console: Console
    agents: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)

    def start(self) -> "ReviewLine":
        """Start a worker, an agent and the console."""
        self.line.start_worker()
        self.start_agent()
        self.console.start()
        return self

    def start_agent(self) -> "subprocess.Popen[bytes]":
        """Start a review agent. Its log is in the folder."""
        connection = self.line.connection
        given = {
            "bootstrap_servers": connection.bootstrap_servers,
            "redis_url": self.line.redis,
            "topic_prefix": connection.topic_prefix,
            "redis_prefix": connection.redis_prefix,
            "review_queue_web_port": "0",
            "review_queue_session_s": "4",
            "review_queue_look_s": "0.5",
            "review_salt": SALT,
        }
        with (self.line.folder / f"agent{len(self.agents)}.log").open("wb") as log:
            command = [sys.executable, "-m", "plaudit_infra.main", "review-queue"]
            self.agents.append(subprocess.Popen(command, env=environ_with(**given), stdout=log, stderr=log))
        return self.agents[-1]

    def end_agent(self, agent: "subprocess.Popen[bytes]", number: int = signal.SIGKILL) -> int:
        """End an agent with a signal. Returns the exit code."""
        agent.send_signal(number)
        return agent.wait(120)

    def supervise(self) -> None:
        """Start a worker and an agent where all have ended by themselves, as a supervisor does."""
        if all(worker.poll() is not None for worker in self.line.workers):
            self.line.start_worker()
        if all(agent.poll() is not None for agent in self.agents):
            self.start_agent()

    def publish(self, document: Mapping[str, Any]) -> Rubric:
        """Publish a rubric."""
        rubric = Rubric.model_validate(document)
        with RubricRegistry(self.line.connection) as registry:
            registry.publish(rubric, ReviewSettings(review_salt=SecretStr(SALT)))
        return rubric

    def replay(
        self, file_format: str, *, limit: int, application: str = APPLICATION, supervised: bool = False
    ) -> None:
        """Send real conversations, as `plaudit replay` does, and wait until they are folded.

        Args:
            supervised: start a worker whenever all have ended.
        """
        path = shared_data(REAL[file_format])
        words = ["replay", str(path), "--format", file_format, "--application", application]
        # A process of its own: the report of what was not taken is written to the working folder.
        done = subprocess.run(
            [sys.executable, "-m", "plaudit_infra.main", *words, "--limit", str(limit)],
            env={**os.environ, **environ_of(self.line)},
            cwd=self.line.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.line.wait_folded(supervised=supervised)

    def key(self, person: str, *roles: ApiRole, application: str = APPLICATION) -> str:
        """The secret of a new API key of a person."""
        return self.console.key(*roles, application=application, name=person.title(), person=person)

    def sign_in(self, person: str, *roles: ApiRole, application: str = APPLICATION) -> Person:
        """Sign a person in who has these roles; a reviewer, if none are given."""
        http = httpx.Client(base_url=self.console.url, headers={"sec-fetch-site": "same-origin"}, timeout=60)
        made = Person(person, http)
        self.people.append(made)
        secret = self.key(person, *(roles or ("reviewer",)), application=application)
        answer = http.post("/sign-in", data={"key": secret, "next": "/review"})
        assert answer.status_code == 303, answer.text
        return made

    def wait_items(self, lead: Person, queue: str, enough: Callable[[int], bool] = bool) -> int:
        """Wait until a queue is ready and has enough items, or at least one. Returns their number."""
        found = 0

        def ready() -> bool:
            nonlocal found
            assert any(agent.poll() is None for agent in self.agents), "the agent ended by itself"
            rubric, _, version = queue.partition("/")
            answer = lead.http.get("/review/queues")
            queues = answer.json()["queues"] if answer.status_code == 200 else []
            for each in queues:
                if (each["rubric"], each["version"]) == (rubric, version):
                    found = (each["progress"] or {"items": 0})["items"]
            return enough(found)

        try:
            eventually(ready, f"{queue} has its items")
        except BaseException:
            print(self.logs())
            raise
        return found

    def opened(self, name: str, document: Mapping[str, Any], **more: Any) -> tuple[Person, str]:
        """Publish a rubric under a name, and wait for its items. Returns a reviewer, ana, and the queue."""
        self.publish({**document, "name": name, **more})
        ana = self.sign_in("ana")
        self.wait_items(ana, f"{name}/1")
        return ana, f"{name}/1"

    def log(self) -> list[Logged]:
        """All events, in the order of each partition."""
        return read_log(self.line.connection)

    def said(self, rubric: str) -> list[Logged]:
        """What reviewers said for a rubric, in the order of each partition."""
        found = []
        for record in self.log():
            body = record.event.body
            said = body.feedback if isinstance(body, UpdateMessage) else body
            if getattr(said, "rubric", None) == rubric:
                found.append(record)
        return found

    def logs(self) -> str:
        """The last lines of the logs of agents and console."""
        paths = [*sorted(self.line.folder.glob("agent*.log")), *self.line.folder.glob("console.log")]
        return "\n".join(f"{path.name}: {path.read_text()[-3000:]}" for path in paths)

    def stop(self) -> None:
        """Stop everything that runs."""
        for person in self.people:
            person.http.close()
        for agent in self.agents:
            if agent.poll() is None:
                agent.kill()
            agent.wait(120)
        if self.console.process is not None and self.console.process.poll() is None:
            self.console.kill()
        self.line.stop_workers()


@contextmanager
def review_line(line: Line, **settings: str) -> Iterator[ReviewLine]:
    """A review on a line, which is stopped at the end. Settings are the console's."""
    made = ReviewLine(line, Console(line.connection, line.folder, dict(settings)))
    try:
        yield made
    finally:
        made.stop()


def ranked(item: Mapping[str, Any], *best: str) -> dict[str, Any]:
    """A ranking of an item's answers: those that are named first, then the others as they are shown."""
    ids = [each["id"] for each in item["candidates"]]
    return {"groups": [[each] for each in (*best, *(each for each in ids if each not in best))]}


def accuracy_of(counted: Recount) -> Estimate:
    """The accuracy of the stream, of everything that one application's people said in ten-minute buckets."""
    buckets = [
        cells for found in counted.buckets.values() for name, cells in found.items() if name[:3] == "10m"
    ]
    (found,) = (
        figure.estimate
        for cells in summed(buckets).values()
        for figure in figures(cells)
        if figure.name == "accuracy"
    )
    return found
