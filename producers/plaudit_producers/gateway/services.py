"""What the routes work with, made once for an app. Routers of others find it by `services_of`."""

from dataclasses import dataclass
from typing import Any, Protocol

from plaudit_schemas.connection import ConnectionSettings
from starlette.requests import HTTPConnection

from plaudit_producers.gateway.auth import Authenticator
from plaudit_producers.gateway.bodies import Bodies
from plaudit_producers.gateway.intake import Intake
from plaudit_producers.gateway.limits import RateLimiter
from plaudit_producers.gateway.sending import Sender
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_producers.gateway.signing import SigningKeys
from plaudit_producers.gateway.telemetry import Telemetry


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
class Checks:
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
    telemetry: Telemetry
    redis: Any
    auth: Authenticator
    signing: SigningKeys
    limiter: RateLimiter
    bodies: Bodies
    intake: Intake
    sender: Sender
    reader: ConversationReader | None
    checks: Checks

    def unready(self) -> str | None:
        """Why the gateway should get no requests; None when it should. Redis is not a reason."""
        if not self.auth.ready:
            return "the API keys were not read yet"
        if self.sender.away:
            return "Kafka does not acknowledge"
        if self.sender.failing:
            return "librdkafka gave up, and its replacement has not proven itself"
        return self.checks.kafka


def services_of(connection: HTTPConnection) -> Services:
    """The services of the app that answers a request."""
    found: Services = connection.app.state.services
    return found
