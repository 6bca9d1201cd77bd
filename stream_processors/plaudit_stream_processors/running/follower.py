"""What processes that follow the worker are made of, and their timers."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final

from faust.types import TP
from plaudit_schemas.errors import PlauditError, TopicError
from plaudit_schemas.service.redis import RedisClient
from plaudit_schemas.service.wait_notice import WaitNotice
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.positions import SetAside
from plaudit_stream_processors.running.events_log import EventsLog, events_log, refuse_remade
from plaudit_stream_processors.running.follower_metrics import FollowerMetrics
from plaudit_stream_processors.running.following import FollowingPipeline
from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.running.process import AppParts
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.transport import Transport

_TOPIC_CHECK_S: Final = 10.0
_READ_ON_S: Final = 2.0  # between two looks for partitions whose log has lost records


@dataclass(kw_only=True)
class WorkerFollower(AppParts):
    """The parts of one process that follows the worker; `app` is what runs.

    Attributes:
        output: what it sends to Kafka through; None if it sends nothing.
        log: its logger.
        unseen_log: why the topic of events could not be looked at; None if it could.
        look_notice: says that what is published cannot be looked at.
    """

    app: Any
    began: EventsLog
    client: RedisClient
    metrics: FollowerMetrics
    readiness: Readiness
    pipeline: FollowingPipeline
    log: logging.Logger
    output: GaplessOutput | None = None
    failure: BaseException | None = None
    unseen_log: str | None = None

    def __post_init__(self) -> None:
        self.look_notice = WaitNotice(self.log, "waiting to look at what is published")

    @property
    def kafka_away(self) -> str | None:
        """Why Kafka cannot be used now; None while nothing is known to be wrong."""
        return (None if self.output is None else self.output.away) or self.unseen_log

    def waits_for(self) -> str | None:
        """A service or the worker that is known to be away; None while there is none."""
        behind = next(iter(self.pipeline.behind.values()), None)
        return self.readiness.waiting_for or self.kafka_away or behind

    def waits_since(self) -> float | None:
        """Since when nothing was done for the partition that has waited longest; None if none waits.

        A worker that is behind is no hang.
        """
        since: float | None = self.app.consumer.waits_since()
        return None if self.pipeline.behind else since

    def unready(self) -> str | None:
        """Why it is not ready; None when it is."""
        if self.failure is not None or self.app.crashed:
            return f"failed: {self.ended_by}"
        if not self.pipeline.partitions and not self.app.unassigned:
            return "no partition was assigned yet"
        waiting = self.readiness.unready(
            rebalancing=bool(self.app.rebalancing),
            waits_since=self.waits_since(),
            kafka_away=self.kafka_away,
        )
        return waiting or self.lacks()

    def lacks(self) -> str | None:
        """What it cannot work without and does not have; None if it has all."""
        return None

    def degraded(self) -> str | None:
        """What it has to do without although it is ready; None if nothing is missing."""
        return next(iter(self.pipeline.behind.values()), None)

    def update_metrics(self) -> None:
        """Set the gauges that show the present state."""
        self.metrics.show_ready(self.unready() is None)
        self.metrics.show_lag(self.lag())

    async def before_start(self) -> None:
        """Look at what it needs, once, before it joins its group. Errors of Plaudit end the process."""

    async def pass_loss(self, _tp: TP, _why: SetAside) -> bool:
        """Prepare to read on after records that Kafka has lost. False puts it off."""
        return True

    async def close(self) -> None:
        """Free what the app does not free."""
        await self.client.aclose()

    def fail(self, error: BaseException) -> None:
        """End the process with an error."""
        if self.failure is None:
            self.failure = error
            self.log.error("stopping: %s", error)


def wire(follower: WorkerFollower, connection: ConnectionSettings, verb: str) -> None:
    """Let batches reach the pipeline, and look after the topic of events.

    Args:
        verb: what is done with the batches; the name of the app's agent.
    """
    app, pipeline = follower.app, follower.pipeline
    Transport.use_positions(app, pipeline, follower.began.id)
    pipeline.on_failure = follower.fail
    topic = app.topic(follower.began.name, key_serializer="raw", value_serializer="raw")

    @app.agent(topic, name=verb)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def take_batches(stream: Any) -> None:
        async for event in stream.noack().events():  # the pipeline acknowledges, once a batch is done
            pipeline.process_batch(event.value, event.ack)

    @app.timer(_TOPIC_CHECK_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def check_topic() -> None:
        await _is_same_topic(follower, connection)

    @app.timer(_READ_ON_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def read_on() -> None:
        if not app.rebalancing and app.consumer.aside and await _is_same_topic(follower, connection):
            await _read_on(follower)


async def _is_same_topic(follower: WorkerFollower, connection: ConnectionSettings) -> bool:
    """Whether the topic is surely still the one that the process began with; fails if it is another one."""
    try:
        now = await asyncio.to_thread(events_log, connection)
    except PlauditError as error:
        follower.unseen_log = str(error)
        return False
    follower.unseen_log = None
    try:
        refuse_remade(follower.began, now)
    except TopicError as error:
        follower.fail(error)
        return False
    return True


async def _read_on(follower: WorkerFollower) -> None:
    """Go on with partitions whose log has lost what was to be read next. Nobody can handle it any more."""
    consumer = follower.app.consumer
    for tp, why in list(consumer.aside.items()):
        if not await follower.pass_loss(tp, why) or not await consumer.read_again(tp, why.end):
            continue
        if why.why == "deleted":
            follower.metrics.note_deleted(why.end - why.first)
        follower.log.warning(
            "partition %d: Kafka has lost records around offset %d; reading goes on at %d",
            tp.partition, why.first, why.end,
        )  # fmt: skip
