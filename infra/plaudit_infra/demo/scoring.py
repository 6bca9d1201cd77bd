"""The demo's scoring: the loop that makes scorers, what the view says of it, and when it has caught up."""

import re
import threading
import time
from typing import Final

from plaudit_schemas.kafka.lag import LagReader
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_infra.demo.errands import Errands
from plaudit_infra.demo.line import DemoLine
from plaudit_infra.demo.scorer_loop import LoopPlan, ScorerLoop
from plaudit_infra.demo.scorer_trainer import DELAY_S, SCORER, ScorerTrainer

_SCORES: Final = re.compile(
    r'^plaudit_scorer_scores_total\{model="[^"]*",version="([^"]*)"\} (\S+)$', re.MULTILINE
)
_GROUP: Final = f"plaudit.scorer.{SCORER}"


class Scoring:
    """Trains scorers of the line's rows, and keeps a process that scores. It never ends the demo."""

    def __init__(self, line: DemoLine, connection: ConnectionSettings, plan: LoopPlan) -> None:
        stopping = threading.Event()
        self._line, self._plan = line, plan
        errands = Errands(line.training, line.environ, stopping)
        self._trainer = ScorerTrainer(line.output, line.training, errands, line.add_note, self._published)
        self._loop = ScorerLoop(self._trainer, plan, line.add_note, stopping)
        self._lag = LagReader(connection, _GROUP)
        self._active_at: float | None = None

    def start(self) -> None:
        """Begin in a thread of its own, and go on with the scorers of an earlier demo in this folder."""
        if self._trainer.has_models():
            self._line.add_scorer()
        self._loop.start()

    def stop(self) -> None:
        """End what runs."""
        self._loop.stop()
        self._lag.close()

    def see(self, conversations: int) -> None:
        """Tell how many conversations are on disk."""
        self._loop.see(conversations)

    def finished(self) -> bool:
        """Whether no further scorer is to come."""
        return self._loop.finished()

    def scores(self) -> bool:
        """Whether a scorer is published, active, and its process is ready."""
        supervisor = self._line.supervisor
        if self._active_at is None or supervisor is None or time.monotonic() < self._active_at:
            return False
        return supervisor.is_ready("scorer")

    def published(self) -> bool:
        """Whether a scorer was published in this demo."""
        return self._active_at is not None

    def caught_up(self) -> bool:
        """Whether everything in the log was looked at by the scorer. False if Kafka does not answer."""
        lag = self._lag.read()
        return lag is not None and lag.waiting == 0

    def lines(self) -> list[str]:
        """What the view says: the newest scorer, how good it was on held-out answers, what was scored."""
        told = [f"scorer     {line}" for line in self._trainer.told or (self._none(),)]
        counts = self._counts()
        if counts:
            parts = (f"{count:,} by {SCORER}@{version}" for version, count in sorted(counts.items()))
            told.append(f"scores     {', '.join(parts)}, since its process started")
        return told

    def _none(self) -> str:
        if self._trainer.training:
            return f"none yet: {self._trainer.training} is being trained"
        enough = self._plan.conversations
        rows = f"{enough:,} conversations are" if enough else "the first half is"
        reason = self._trainer.trouble or f"one is trained once {rows} on disk"
        return f"none{'' if self.finished() else ' yet'}: {reason}"

    def _counts(self) -> dict[str, int]:
        supervisor, service = self._line.supervisor, self._line.scorer
        if supervisor is None or service is None or not supervisor.is_ready("scorer"):
            return {}
        return scores_by_version(service.read("/metrics") or "")

    def _published(self) -> None:
        self._line.add_scorer()
        self._active_at = time.monotonic() + DELAY_S + 1  # a second more than the broker needs


def scores_by_version(metrics: str) -> dict[str, int]:
    """Version -> how many scores it gave, from a scorer's metrics in Prometheus' text format."""
    return {version: int(float(count)) for version, count in _SCORES.findall(metrics)}
