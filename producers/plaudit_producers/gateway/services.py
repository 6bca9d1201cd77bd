"""The parts of a running gateway. Routes find them by `services_of`."""

from dataclasses import dataclass
from typing import Any, Protocol

from plaudit_schemas.service.health import Health
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.settings.connection import ConnectionSettings
from starlette.requests import HTTPConnection

from plaudit_producers.gateway.access.authenticator import Authenticator
from plaudit_producers.gateway.access.rate_limits import RateLimiter
from plaudit_producers.gateway.access.signing_keys import SigningKeys
from plaudit_producers.gateway.intake.bodies import RequestBodies
from plaudit_producers.gateway.intake.events import EventIntake
from plaudit_producers.gateway.intake.sender import EventSender
from plaudit_producers.gateway.settings import GatewaySettings


class ConversationReader(Protocol):
    """Reads live conversations; what a member offers in the entry point group `plaudit.readers`."""

    async def get(self, application: str, conversation_id: str) -> dict[str, Any]:
        """One conversation as JSON.

        Raises:
            NotFoundError: there is none.
            ServiceUnavailableError: Redis does not answer.
        """

    async def aclose(self) -> None:
        """Let go of connections."""


@dataclass(slots=True)
class ServiceChecks:
    """What the last round of checks found; None where all is well."""

    kafka: str | None = "not checked yet"
    redis: str | None = "not checked yet"


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running gateway; `app.state.services`.

    Attributes:
        redis: a redis.asyncio client, of a cluster too; with a time-out of a few seconds.
        reader: None where no member that reads conversations is installed.
    """

    settings: GatewaySettings
    connection: ConnectionSettings
    metrics: MetricSet
    redis: Any
    authenticator: Authenticator
    signing: SigningKeys
    limiter: RateLimiter
    bodies: RequestBodies
    intake: EventIntake
    sender: EventSender
    reader: ConversationReader | None
    checks: ServiceChecks

    def unready(self) -> str | None:
        """Why the gateway should get no requests; None when it should. Redis is not a reason."""
        if not self.authenticator.ready:
            return "the API keys were not read yet"
        if self.sender.away:
            return "Kafka does not acknowledge"
        if self.sender.failing:
            return "librdkafka gave up, and its replacement has not proven itself"
        return self.checks.kafka

    def health(self) -> Health:
        """What the routes of health and metrics say. Without Redis the gateway is ready but degraded."""
        return Health(
            self.metrics.registry,
            unready=self.unready,
            degraded=lambda: self.checks.redis,
            before_metrics=self.update_gauges,
        )

    def update_gauges(self) -> None:
        """Bring the gauges up to date."""
        self.metrics.gauge("plaudit_gateway_events_waiting").set(self.sender.waiting())
        self.metrics.gauge("plaudit_gateway_request_bytes").set(self.bodies.held)
        self.metrics.gauge("plaudit_gateway_ready").set(self.unready() is None)


def services_of(connection: HTTPConnection) -> Services:
    """The services of the app that answers a request."""
    found: Services = connection.app.state.services
    return found
