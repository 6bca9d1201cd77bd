"""The chat page in front of a whole line: Kafka, worker and sink, and what became of the chats there."""

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract import names
from plaudit_schemas.settings import load
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.chat_page import ChatPage
from harness.environ import environ_with
from harness.waiting import eventually
from tests.support.line import Line
from tests.support.said_chats import SaidChat, figures_of, from_row, from_state, shown_figures
from tests.support.sinks import Row, Sinks, rows
from tests.support.snapshot_reader import read_subset

APPLICATION = "chat"


def model(name: str, endpoint: str, answers: str = "") -> dict[str, str]:
    """A model of the page that answers as a model of the chat endpoint does, by default that of its name."""
    return {"id": name, "model": answers or name, "endpoint": endpoint}


@dataclass
class ChatLine:
    """A chat page, and the line behind it."""

    line: Line
    sinks: Sinks
    page: ChatPage

    def conversation_of(self, question: str) -> str:
        """The id of the conversation in which a message of this text is; from the log."""
        (found,) = {
            event["conversation_id"]
            for event in self.events()
            if event["body"][1].get("content") == question and event["body"][1].get("role") == "user"
        }
        return str(found)

    def events(self) -> list[dict[str, Any]]:
        """Every event of the log, decoded."""
        decoder = Decoder("conversation_event", sparse=True)
        return [decoder.decode(record.value or b"") for record in self.line.log()]

    def bodies(self, name: str) -> list[dict[str, Any]]:
        """The bodies of this name, such as names.ADD_MESSAGE, in the log."""
        return [event["body"][1] for event in self.events() if event["body"][0] == name]

    def thumbs(self) -> int:
        """How many likes and dislikes are in the log."""
        return sum(body["feedback"]["kind"] == "thumb" for body in self.bodies(names.UPDATE_MESSAGE))

    def has_ended(self, question: str) -> bool:
        """Whether the end of the conversation with this message is in the log."""
        ended = [event for event in self.events() if event["body"][0] == names.END_CONVERSATION]
        return bool(ended) and self.conversation_of(question) in {event["conversation_id"] for event in ended}

    def state(self, conversation_id: str) -> SaidChat:
        """What `plaudit conversation` says of a conversation."""
        words = ["conversation", f"{APPLICATION}/{conversation_id}", "--json"]
        return from_state(json.loads(self.run(*words)))

    def row(self, conversation_id: str) -> SaidChat:
        """What the latest row of a conversation holds."""
        return from_row(self._row(conversation_id))

    def check(self, said: SaidChat, question: str) -> SaidChat:
        """Assert that state and Parquet hold exactly what was said in the chat with this question.

        Returns it as the state has it: the messages in the order of the log.
        """
        conversation_id = self.conversation_of(question)
        found = self.state(conversation_id)
        assert found == said
        if said.end:
            eventually(lambda: bool(self._rows(conversation_id)), "the row is on disk")
            assert self.row(conversation_id) == said.as_row()
        return found

    def check_figures(self, chats: list[SaidChat], *models: str) -> None:
        """Assert that the figures of each model are exactly those of these chats, as `check` returns them."""
        group = load(WorkerSettings).worker_group
        monitor = LineMonitor(self.line.connection, profile="demo", group=group)
        try:
            for model in models:
                wanted, shown = figures_of(chats, model), dict[str, tuple[float | None, int]]()

                def equal() -> bool:
                    shown.clear()  # noqa: B023
                    shown.update(shown_figures(monitor, model))  # noqa: B023
                    return shown == wanted  # noqa: B023

                with contextlib.suppress(AssertionError):
                    eventually(equal, "the figures are exact")
                assert shown == wanted, model
        finally:
            monitor.close()

    def check_exact(self) -> None:
        """Assert that nothing was refused, lost or doubled, and that the log folds to state and counters."""
        # The browser's event loop runs in this thread, so the coroutines of the check need another one.
        with ThreadPoolExecutor(1) as thread:
            found = thread.submit(self.line.check_exact).result()
        assert found.refused == {}
        events = self.events()
        assert len({event["event_id"] for event in events}) == len(events)
        self._check_sequences(events)

    def pairs(self) -> set[tuple[str, str, str]]:
        """The preference rows of a snapshot of what is on disk: conversation, chosen text, rejected text."""
        snapshot = self.line.folder / "snapshot"
        output = ("--root", self.sinks.output, "--output", snapshot)
        self.run("datasets", "build", *output, "--subset", "preference")
        return {
            (row["conversation_id"], row["chosen"][-1]["content"], row["rejected"][-1]["content"])
            for row in read_subset(snapshot, "preference")
        }

    def run(self, *words: str | Path) -> str:
        """What a `plaudit` command on this line prints."""
        command = [sys.executable, "-m", "plaudit_infra.main", *map(str, words)]
        environ = environ_with(
            bootstrap_servers=self.line.kafka,
            redis_url=self.line.redis,
            topic_prefix=self.line.connection.topic_prefix,
            redis_prefix=self.line.connection.redis_prefix,
            data=str(self.line.folder),
        )
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _check_sequences(self, events: list[dict[str, Any]]) -> None:
        """Each producer's events of a conversation are numbered without a gap, in the order of the log."""
        found: dict[tuple[str, str], list[int]] = {}
        for event in events:
            if event["source"] == "sdk":
                key = event["conversation_id"], event["producer"]
                found.setdefault(key, []).append(event["sequence"])
        assert {key: numbers for key, numbers in found.items() if numbers != list(range(len(numbers)))} == {}

    def _rows(self, conversation_id: str) -> list[Row]:
        stored = rows(Path(self.sinks.output), "conversations")
        return [row for row in stored if row["conversation_id"] == conversation_id]

    def _row(self, conversation_id: str) -> Row:
        return max(self._rows(conversation_id), key=lambda row: int(row["revision"]))
