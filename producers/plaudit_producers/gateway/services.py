"""The parts of a running gateway. Routes get them from `services_of`."""

from dataclasses import dataclass
from typing import Any

from plaudit_schemas.service.health import Health
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.service.redis_watch import RedisWatch
from plaudit_schemas.settings.connection import ConnectionSettings
from starlette.requests import HTTPConnection

from plaudit_producers.gateway.access.authenticator import Authenticator
from plaudit_producers.gateway.access.rate_limits import RateLimiter
from plaudit_producers.gateway.access.signing_keys import SigningKeys
from plaudit_producers.gateway.intake.aliases import AliasIndex
from plaudit_producers.gateway.intake.annotation_ledger import AnnotationLedger
from plaudit_producers.gateway.intake.bodies import RequestBodies
from plaudit_producers.gateway.intake.events import EventIntake
from plaudit_producers.gateway.intake.sender import EventSender
from plaudit_producers.gateway.intake.span_notes import SpanNotes
from plaudit_producers.gateway.intake.vote_ledger import VoteLedger
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_producers.live_reader import ConversationReader
from plaudit_producers.model_calls.memory import CallMemory


@dataclass(slots=True)
class ServiceChecks:
    """The problems that the last round of checks found; None where all is well.

    Attributes:
        registry: why there is no id of the event schema yet. It is asked for once only.
        topics: the topics are not those that the workers' state was made from. Events are taken all the
            same: they are safe in the log, and the way on for the workers sorts them (docs/operations.md).
        began: whether the gateway could take events once.
    """

    kafka: str | None = "not checked yet"
    redis: str | None = "not checked yet"
    registry: str | None = None
    topics: str | None = None
    began: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running gateway; `app.state.services`.

    Attributes:
        redis: a redis.asyncio client of a server or a cluster, with a timeout of a few seconds.
        redis_watch: looks whether Redis may lose keys and limits.
        aliases: which message an answer became, by its response id.
        notes: telemetry that waits for the rest of its call.
        call_memory: the model calls that Kafka has; its conversations are named application/id.
        votes: what Kafka has of the votes of Open WebUI.
        annotations: what Kafka has of the annotations of Label Studio.
        reader: None if no installed member reads conversations.
    """

    settings: GatewaySettings
    connection: ConnectionSettings
    metrics: MetricSet
    redis: Any
    redis_watch: RedisWatch
    authenticator: Authenticator
    signing: SigningKeys
    limiter: RateLimiter
    bodies: RequestBodies
    intake: EventIntake
    aliases: AliasIndex
    call_memory: CallMemory
    votes: VoteLedger
    annotations: AnnotationLedger
    notes: SpanNotes
    sender: EventSender
    reader: ConversationReader | None
    checks: ServiceChecks

    def unready(self) -> str | None:
        """Why the gateway should get no requests; None when it should get them.

        Redis is no reason: without it nothing is limited, but events still reach Kafka. Neither is a Kafka
        that went away: all gateways lose it together, and their clients should get a 503 that says when to
        try again, not an error of whatever stands before a service without gateways.
        """
        if not self.authenticator.ready:
            return self.authenticator.known.problem or "the API keys have not been read yet"
        return None if self.checks.began else self.takes_nothing()

    def takes_nothing(self) -> str | None:
        """Why no event is taken now; None if events are taken."""
        if self.sender.away:
            return "Kafka does not acknowledge"
        if self.sender.failing:
            return "librdkafka gave up, and its replacement has not yet delivered an event"
        return self.checks.kafka or self.checks.registry

    def degraded(self) -> str | None:
        """What a ready gateway has to do without; None if nothing is missing."""
        lacks = self.takes_nothing() if self.checks.began else None
        keys = self.authenticator.known.problem
        return lacks or keys or self.checks.redis or self.redis_watch.problem or self.checks.topics

    def health(self) -> Health:
        """The answers of the health and metrics routes. Without Redis a gateway is ready but degraded."""
        return Health(
            self.metrics.registry,
            unready=self.unready,
            degraded=self.degraded,
            before_metrics=self.update_gauges,
        )

    def update_gauges(self) -> None:
        """Set the gauges to the current values."""
        self.metrics.gauge("plaudit_gateway_events_waiting").set(self.sender.waiting())
        self.metrics.gauge("plaudit_gateway_request_bytes").set(self.bodies.held)
        known = self.authenticator.known
        self.metrics.gauge("plaudit_gateway_keys").set(len(known.keys or ()))
        self.metrics.gauge("plaudit_gateway_keys_lost").set(len(known.lost))
        self.metrics.gauge("plaudit_gateway_redis_evicting").set(self.redis_watch.evicts)
        self.metrics.gauge("plaudit_gateway_topics_changed").set(self.checks.topics is not None)
        self.metrics.gauge("plaudit_gateway_ready").set(self.unready() is None)
        self.metrics.gauge("plaudit_gateway_taking_events").set(self.takes_nothing() is None)


def services_of(connection: HTTPConnection) -> Services:
    """The services of the app that this request belongs to."""
    found: Services = connection.app.state.services
    return found
