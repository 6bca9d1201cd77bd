"""The Faust app that keeps the review queues: wiring only."""

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from faust.types import TP
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.errors import RegistryError, ServiceUnavailableError, TopicError
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.review.follower import RubricFollower
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.service.redis import AWAY, connect
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.retention import RetentionSettings

from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.positions import SetAside
from plaudit_stream_processors.review_queue.acceptance import EventAcceptance, KeptStates
from plaudit_stream_processors.review_queue.metrics import ReviewQueueMetrics
from plaudit_stream_processors.review_queue.pipeline import ReviewPipeline
from plaudit_stream_processors.review_queue.queues import FollowedQueues
from plaudit_stream_processors.review_queue.seeding import QueueSeeder
from plaudit_stream_processors.review_queue.settings import ReviewQueueSettings
from plaudit_stream_processors.running.app import batched_app
from plaudit_stream_processors.running.events_log import EventsLog, events_bounds
from plaudit_stream_processors.running.follower import WorkerFollower, wire
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.state.folded import FoldedReader

log = logging.getLogger("plaudit.review-queue")

_BEGIN_S: Final = 1.0  # between two looks whether reading must begin again
_LOOKS_AWAY: Final = (*AWAY, ServiceUnavailableError, TopicError, RegistryError)


@dataclass(kw_only=True)
class ReviewKeeper(WorkerFollower):
    """The parts of one process that keeps the review queues."""

    metrics: ReviewQueueMetrics
    pipeline: ReviewPipeline
    follower: RubricFollower
    queues: FollowedQueues
    seeder: QueueSeeder

    def degraded(self) -> str | None:
        """What it has to do without although it is ready; None if nothing is missing."""
        return next(iter(self.queues.problems), None) or super().degraded()

    def update_metrics(self) -> None:
        """Set the gauges that show the present state."""
        super().update_metrics()
        self.metrics.gauge("plaudit_review_queue_unusable_rubrics").set(len(self.queues.problems))

    async def before_start(self) -> None:
        """Look at what is published."""
        await self.queues.look()
        for sentence in self.queues.problems:
            log.warning("%s", sentence)

    async def look(self) -> None:
        """Look at what is published, and bring queues and figures up to date with it."""
        try:
            if await self.queues.look() or await self._has_lost_a_queue():
                self.pipeline.must_begin_again = True
            now_ms = time.time_ns() // 1_000_000
            for queue in list(self.queues.active.values()):
                await self.seeder.seed(queue, now_ms)
            await self.queues.drop_ended(now_ms)
            self.metrics.show_progress(
                {name: await queue.store.progress() for name, queue in self.queues.active.items()}
            )
        except _LOOKS_AWAY as error:
            self.look_notice.note(str(error))
        else:
            self.look_notice.note(None)

    async def begin_again(self) -> None:
        """Read on where the queue furthest behind is, if that may be before what is read now."""
        if self.pipeline.must_begin_again and not self.app.rebalancing and self.pipeline.partitions:
            log.info("reading begins again at the positions of the queues")
            self.metrics.counter("plaudit_review_queue_begun_again_total").inc()
            await self.app.consumer.seek_to_committed()

    async def pass_loss(self, tp: TP, why: SetAside) -> bool:
        """Prepare to read on after records that Kafka has lost. False puts it off."""
        if why.why == "refused":  # no rubric is active, so nothing is read
            return False
        if why.why == "cut":
            # The queues know records that the log has lost, so they are made anew of what it has.
            for queue in self.queues.active.values():
                if queue.positions.get(tp.partition, 0) > why.end:
                    await queue.store.drop()
            self.pipeline.must_begin_again = True
            return False
        for queue in self.queues.active.values():
            await queue.pass_over(tp.partition, why.end)
        return True

    async def _has_lost_a_queue(self) -> bool:
        """Whether Redis was emptied. Without new events no batch would tell."""
        held = set(self.pipeline.partitions)
        return bool(held) and any([await each.is_lost(held) for each in list(self.queues.active.values())])

    async def close(self) -> None:
        """Free what the app does not free."""
        self.follower.close()
        await super().close()


def create_keeper(
    connection: ConnectionSettings,
    settings: ReviewQueueSettings,
    review: ReviewSettings,
    retention: RetentionSettings,
    began: EventsLog,
    *,
    metrics: ReviewQueueMetrics,
    readiness: Readiness,
) -> ReviewKeeper:
    """Wire the process. It connects to nothing before the app starts."""
    client, follower = connect(connection.redis_url.get_secret_value()), RubricFollower(connection)
    queues = FollowedQueues(
        follower,
        lambda name: ReviewQueue(client, connection.redis_prefix, name),
        review,
        settings.review_queue_keep_hours,
    )
    rules = Rules(retention.state_retention_ms, partitions=began.partitions)
    reader = FoldedReader(client, connection.redis_prefix)
    pipeline = ReviewPipeline(
        queues, reader,
        Decoder("conversation_event", schemas_of(connection), sparse=True),
        EventAcceptance(rules, KeptStates()), metrics, readiness, partial(events_bounds, connection),
    )  # fmt: skip
    app = batched_app(
        connection, settings.review_queue_group,
        batch=settings.review_queue_batch, session_s=settings.review_queue_session_s,
    )  # fmt: skip
    keeper = ReviewKeeper(
        app=app, began=began, client=client, metrics=metrics, readiness=readiness, pipeline=pipeline, log=log,
        follower=follower, queues=queues, seeder=QueueSeeder(reader, began.partitions),
    )  # fmt: skip
    wire(keeper, connection, "queue")

    @app.timer(settings.review_queue_look_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def look_for_rubrics() -> None:
        await keeper.look()

    @app.timer(_BEGIN_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def begin_again() -> None:
        await keeper.begin_again()

    return keeper
