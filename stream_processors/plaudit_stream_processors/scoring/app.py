"""The scorer's Faust app: wiring only."""

import logging
from dataclasses import dataclass
from typing import Final

from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.errors import RegistryError, ServiceUnavailableError, SettingsError, TopicError
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.models.follower import ActivationFollower
from plaudit_schemas.models.runtime import CPU
from plaudit_schemas.service.redis import connect
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.running.app import batched_app
from plaudit_stream_processors.running.events_log import EventsLog
from plaudit_stream_processors.running.follower import WorkerFollower, wire
from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.scoring.chunks import ChunkScorer
from plaudit_stream_processors.scoring.committed import CommittedOffsets
from plaudit_stream_processors.scoring.inference import Inference
from plaudit_stream_processors.scoring.metrics import ScorerMetrics
from plaudit_stream_processors.scoring.overtaken import OvertakenMessages
from plaudit_stream_processors.scoring.pipeline import ScorerPipeline
from plaudit_stream_processors.scoring.score_output import ScoreOutput
from plaudit_stream_processors.scoring.selection import AnswerSelection
from plaudit_stream_processors.scoring.settings import ScorerSettings
from plaudit_stream_processors.scoring.versions import OpenVersion, Versions
from plaudit_stream_processors.state.messages import MessageReader

log = logging.getLogger("plaudit.scorer")

_CLOSE_S: Final = 10.0


@dataclass(kw_only=True)
class Scorer(WorkerFollower):
    """The parts of one scorer, wired together; `app` is what runs."""

    metrics: ScorerMetrics
    follower: ActivationFollower
    inference: Inference
    versions: Versions
    committed: CommittedOffsets
    expects_cuda: bool = False

    def waits_for(self) -> str | None:
        """A service or the worker that is known to be away, or a version; None while there is none."""
        loading = "a version is being loaded" if self.versions.is_loading else None
        return super().waits_for() or loading

    def waits_since(self) -> float | None:
        """Since when nothing was scored of the partition that has waited longest; None if none waits.

        A slow model is no hang. Neither is a worker that is behind.
        """
        since = super().waits_since()
        return None if since is None else max(since, self.inference.ended_at)

    def lacks(self) -> str | None:
        """A version; None if one is published."""
        if self.follower.activations.newest is None:
            return f"no version of {self.follower.name} is published; run `plaudit models publish`"
        return None

    def degraded(self) -> str | None:
        """What a ready scorer has to do without; None if nothing is missing."""
        return next(iter(self.unusable), None) or super().degraded()

    @property
    def unusable(self) -> list[str]:
        """What is wrong with publications of this model, a sentence for each."""
        name, versions = self.follower.name, self.versions.unusable
        unread = [
            f"publication {key} cannot be read, so what is active may be another version: {reason}"
            for key, reason in self.follower.unreadable
        ]
        return [
            f"version {one} of {name} cannot be used: {reason}" for one, reason in versions.items()
        ] + unread

    def update_metrics(self) -> None:
        """Set the gauges that show the present state."""
        super().update_metrics()
        self.metrics.show_usage(self.inference.usage)
        on_cpu = any(model.provider == CPU for model in self.versions.loaded)
        self.metrics.gauge("plaudit_scorer_unwanted_provider").set(self.expects_cuda and on_cpu)
        self.metrics.show_models(self.versions.loaded, self.unusable)

    async def before_start(self) -> None:
        """Look at what is published."""
        await self.versions.look()
        self.log.info("the model is %s", self.follower.name)

    async def close(self) -> None:
        """Free what the app does not free."""
        await self.versions.close()
        self.inference.close()
        self.follower.close()
        self.committed.close()
        await super().close()


def create_scorer(
    connection: ConnectionSettings,
    settings: ScorerSettings,
    open_version: OpenVersion,
    model: str,
    began: EventsLog,
    *,
    metrics: ScorerMetrics,
    readiness: Readiness,
) -> Scorer:
    """Wire a scorer. It connects to nothing before the app starts.

    Args:
        model: the name of the published model.
    """
    client = connect(connection.redis_url.get_secret_value())
    output, inference, overtaken = GaplessOutput(connection), Inference(), OvertakenMessages()
    follower = ActivationFollower(connection, model, min_delay_ms=int(settings.scorer_min_delay_s * 1000))
    versions = Versions(follower, open_version, inference.release)
    schemas, group = schemas_of(connection), settings.group_of(model)
    encoder = Encoder("conversation_event", schemas)
    aspects = read_aspects(connection.aspects)
    chunks = ChunkScorer(
        MessageReader(client, connection.redis_prefix), versions, inference,
        ScoreOutput(output.send_records, encoder, began.name, aspects), overtaken, metrics,
    )  # fmt: skip
    committed = CommittedOffsets(connection, connection.topic_prefix + group, began.id)
    pipeline = ScorerPipeline(
        committed, encoder, Decoder("conversation_event", schemas, sparse=True),
        AnswerSelection(settings, overtaken, began.partitions), chunks, metrics, readiness,
    )  # fmt: skip
    app = batched_app(connection, group, batch=settings.scorer_batch, session_s=settings.scorer_session_s)
    scorer = Scorer(
        app=app, began=began, client=client, output=output, metrics=metrics, readiness=readiness, log=log,
        follower=follower, inference=inference, versions=versions, committed=committed, pipeline=pipeline,
    )  # fmt: skip
    wire(scorer, connection, "score")
    _wire_timers(scorer, settings)
    return scorer


def _wire_timers(scorer: Scorer, settings: ScorerSettings) -> None:
    app, versions = scorer.app, scorer.versions

    @app.timer(settings.scorer_look_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def look_for_publications() -> None:
        try:
            await versions.look()
        except SettingsError as error:
            scorer.fail(error)
        except (ServiceUnavailableError, TopicError, RegistryError) as error:
            scorer.look_notice.note(str(error))
        else:
            scorer.look_notice.note(None)

    @app.timer(_CLOSE_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def close_unused() -> None:
        await versions.close_unused()
