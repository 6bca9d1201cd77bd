"""Scorers under test: real processes that score a line's answers with tiny models, and what they sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.names import NUMBER, UPDATE_MESSAGE
from plaudit_schemas.models.activations import Activation, Activations
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.models.registry import ModelRegistry

from tests.support.followers import FollowerProcesses
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
class Scorers(FollowerProcesses):
    """Scorer processes that share a group, and the publications of their model."""

    command: str = "scorer"

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

    def usual(self) -> dict[str, str]:
        """The settings that all scorers have."""
        return {**super().usual(), "scorer_model": MODEL, "scorer_min_delay_s": str(DELAY_MS / 1000)}

    def wait_scored(self) -> None:
        """Wait until the group has handled every record of the log."""
        self.wait_handled(f"plaudit.scorer.{MODEL}")

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


def once(sent: list[SentScore]) -> dict[tuple[str, str], SentScore]:
    """The score of each answer, by conversation and message. No answer may have two."""
    by_event = {score.event_id: score for score in sent}
    found: dict[tuple[str, str], SentScore] = {}
    for score in by_event.values():
        place = score.conversation_id, score.message_id
        assert place not in found, f"two scores: {found[place]} and {score}"
        found[place] = score
    return found
