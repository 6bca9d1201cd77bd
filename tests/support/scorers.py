"""Scorers under test: real processes that score a line's answers with tiny models, and what they sent."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.names import NUMBER, UPDATE_MESSAGE
from plaudit_schemas.kafka.lag import LagReader
from plaudit_schemas.models.activations import Activation, Activations
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.models.registry import ModelRegistry

from harness.environ import environ_with
from harness.waiting import eventually
from tests.support.line import Line
from tests.support.tiny_models import POLITE, write_model

MODEL = "polite"
DELAY_MS = 300
"""From a publication to its activation; tests cannot wait for a minute."""


class SentScore(NamedTuple):
    """A score as it stands in the log.

    Attributes:
        sent_ms: the broker's timestamp.
    """

    event_id: str
    conversation_id: str
    message_id: str
    version: str
    number: float
    partition: int
    sent_ms: int


@dataclass
class Scorers:
    """Scorer processes that share a group, and the publications of their model."""

    line: Line
    settings: dict[str, str] = field(default_factory=dict)
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def publish(
        self,
        version: str,
        weights: Mapping[str, float] = POLITE,
        *,
        delay_ms: int = DELAY_MS,
        **fields: Any,
    ) -> Activation:
        """Write a tiny model, and publish it."""
        folder = self.folder_of(version)
        write_model(folder, weights=weights, **{"name": MODEL, "version": version, **fields})
        manifest, sha256 = read_manifest(folder)
        with ModelRegistry(self.line.connection, min_delay_ms=1) as registry:
            return registry.publish(manifest, sha256, str(folder), delay_ms=delay_ms)

    def folder_of(self, version: str) -> Path:
        """The folder of a published version."""
        return self.line.folder / "models" / version

    def activations(self) -> Activations:
        """What was active when."""
        with ModelRegistry(self.line.connection) as registry:
            return registry.activations(MODEL)

    def start(self, **settings: str) -> "subprocess.Popen[bytes]":
        """Start a scorer. Its log is in the folder."""
        connection = self.line.connection
        given = {
            "bootstrap_servers": connection.bootstrap_servers,
            "redis_url": self.line.redis,
            "topic_prefix": connection.topic_prefix,
            "redis_prefix": connection.redis_prefix,
            "scorer_model": MODEL,
            "scorer_web_port": "0",
            "scorer_session_s": "4",
            "scorer_min_delay_s": str(DELAY_MS / 1000),
            "scorer_look_s": "0.5",
            **self.settings,
            **settings,
        }
        with (self.line.folder / f"scorer{len(self.running)}.log").open("wb") as log:
            command = [sys.executable, "-m", "plaudit_infra.main", "scorer"]
            self.running.append(subprocess.Popen(command, env=environ_with(**given), stdout=log, stderr=log))
        return self.running[-1]

    def logs(self) -> str:
        """The last lines of the scorers' logs."""
        paths = sorted(self.line.folder.glob("scorer*.log"))
        return "\n".join(f"{path.name}: {path.read_text()[-2500:]}" for path in paths)

    def address(self, number: int = -1) -> str:
        """The address of health and metrics of a scorer."""
        log = self.line.folder / f"scorer{range(len(self.running))[number]}.log"
        eventually(lambda: "health and metrics on" in log.read_text(), "the scorer serves its health")
        return next(word for word in log.read_text().split() if word.startswith("http://"))

    def port(self, number: int = -1) -> int:
        """The port of health and metrics of a scorer."""
        return int(self.address(number).rstrip("/").rpartition(":")[2])

    def wait_scored(self) -> None:
        """Wait until the group has handled every record of the log."""
        reader = LagReader(self.line.connection, f"plaudit.scorer.{MODEL}")

        def done() -> bool:
            lag = reader.read()
            return lag is not None and lag.waiting == 0 and lag.events > 0

        try:
            eventually(done, "every record is handled", 180)
        except BaseException:
            print(self.logs(), self.line.logs())
            raise
        finally:
            reader.close()

    def sent(self) -> list[SentScore]:
        """All scores in the log, repeats included."""
        decoder = Decoder("conversation_event")
        found = []
        for record in self.line.log():
            assert record.value is not None
            event = decoder.decode(record.value)
            name, body = event["body"]
            if name != UPDATE_MESSAGE or event["source"] != "scorer":
                continue
            feedback = body["feedback"]
            kind, value = feedback["value"]
            assert (kind, value["minimum"], value["maximum"]) == (NUMBER, 0, 1)
            assert (feedback["rater"]["kind"], feedback["rater"]["id"]) == ("model", MODEL)
            found.append(
                SentScore(
                    event["event_id"], event["conversation_id"], body["message_id"],
                    feedback["rater"]["version"], value["number"], record.partition, record.timestamp,
                )
            )  # fmt: skip
        return found

    def stop(self) -> None:
        """Kill the scorers that still run."""
        for one in self.running:
            if one.poll() is None:
                one.send_signal(signal.SIGCONT)  # a test may have paused it
                one.kill()
            one.wait(60)


def once(sent: list[SentScore]) -> dict[tuple[str, str], SentScore]:
    """The score of each answer, by conversation and message. No answer may have two."""
    by_event = {score.event_id: score for score in sent}
    found: dict[tuple[str, str], SentScore] = {}
    for score in by_event.values():
        place = score.conversation_id, score.message_id
        assert place not in found, f"two scores: {found[place]} and {score}"
        found[place] = score
    return found
