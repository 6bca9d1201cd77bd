"""Making the services, keeping them fresh, and letting go of them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from importlib import import_module
from importlib.metadata import entry_points

from confluent_kafka.admin import AdminClient
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import PlauditError, SettingsError
from plaudit_schemas.events import ConversationEvent, EndConversation
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

from plaudit_producers._encode import EventEncoder
from plaudit_producers._identity import IdentityHash
from plaudit_producers._link import connector
from plaudit_producers._options import ProducerOptions
from plaudit_producers._redact import Redact
from plaudit_producers.gateway.auth import Authenticator
from plaudit_producers.gateway.bodies import Bodies
from plaudit_producers.gateway.intake import MAX_BODY_BYTES, Intake
from plaudit_producers.gateway.keystore import REFRESH_S, key_store
from plaudit_producers.gateway.limits import RateLimiter
from plaudit_producers.gateway.redis_client import AWAY, connect
from plaudit_producers.gateway.sending import Sender
from plaudit_producers.gateway.services import Checks, ConversationReader, Services
from plaudit_producers.gateway.settings import GatewaySettings, pairs
from plaudit_producers.gateway.signing import signing_keys
from plaudit_producers.gateway.telemetry import Telemetry
from plaudit_producers.gateway.tokens import Verifier

log = logging.getLogger("plaudit.gateway")

READERS = "plaudit.readers"
"""Entry point group; its `conversation` is a function (ConnectionSettings) -> ConversationReader."""

_KAFKA_TIMEOUT_S = 2.0
_KEEP_UNACKED_S = 60.0


@contextlib.asynccontextmanager
async def services(settings: GatewaySettings, connection: ConnectionSettings) -> AsyncIterator[Services]:
    """The services, kept fresh until the block ends. Kafka and Redis may be away: they are waited for.

    Raises:
        SettingsError: a setting does not fit; librdkafka refuses an option; the hook cannot be loaded.
        RegistryError: the schema registry gave no id.
    """
    admin = admin_of(connection)
    made = await _made(settings, connection)
    await _check_once(made, admin)
    checking = asyncio.create_task(_keep_checking(made, admin))
    try:
        yield made
    finally:
        checking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await checking
        await made.limiter.close()
        made.sender.stop()
        if made.reader is not None:
            await made.reader.aclose()
        await made.redis.aclose()


async def _made(settings: GatewaySettings, connection: ConnectionSettings) -> Services:
    telemetry, redis = Telemetry(), connect(connection.redis_url.get_secret_value())
    signing = signing_keys(settings, redis, connection.redis_prefix)
    encoder = EventEncoder(connection.schemas())
    # The first call asks the registry for the schema's id, and may block on it.
    await asyncio.to_thread(encoder.encode, _sample().to_record())
    skipped = telemetry.counter("plaudit_gateway_limits_skipped_total")
    return Services(
        settings=settings,
        connection=connection,
        telemetry=telemetry,
        redis=redis,
        auth=Authenticator(key_store(settings, connection), Verifier(lambda: signing.secrets)),
        signing=signing,
        limiter=RateLimiter(redis, connection.redis_prefix, skipped=skipped.inc),
        bodies=Bodies(
            settings.gateway_max_buffer_mb << 20,
            largest_bytes=MAX_BODY_BYTES,
            within_s=settings.gateway_body_timeout_s,
        ),
        intake=Intake(encoder.encode, _redact(settings.gateway_redact), _identity(settings)),
        sender=_sender(settings, connection),
        reader=_reader(connection),
        checks=Checks(),
    )


def _sender(settings: GatewaySettings, connection: ConnectionSettings) -> Sender:
    options = ProducerOptions(
        source="gateway",
        linger_ms=settings.gateway_linger_ms,
        max_buffer_bytes=settings.gateway_max_buffer_mb << 20,
        delivery_timeout_s=max(_KEEP_UNACKED_S, 2 * settings.gateway_ack_timeout_s),
    )
    topic, connect = connection.topic_prefix + EVENTS, connector(connection, options)
    return Sender(topic, connect, ack_timeout_s=settings.gateway_ack_timeout_s)


def _reader(connection: ConnectionSettings) -> ConversationReader | None:
    for point in entry_points(group=READERS, name="conversation"):
        made: ConversationReader = point.load()(connection)
        return made
    return None


def _redact(place: str) -> Redact | None:
    if not place:
        return None
    module, _, name = place.partition(":")
    try:
        hook: Redact = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"PLAUDIT_GATEWAY_REDACT: {place} cannot be loaded ({error})") from None
    return hook


def _identity(settings: GatewaySettings) -> IdentityHash | None:
    for key_id, secret in pairs(settings.gateway_identity_key, 16).items():
        return IdentityHash(key_id, secret.encode())
    return None


async def _keep_checking(made: Services, admin: AdminClient) -> None:
    while True:
        await asyncio.sleep(REFRESH_S)
        try:
            await _check_once(made, admin)
        except Exception:
            log.exception("the checks go on after an error")


async def _check_once(made: Services, admin: AdminClient) -> None:
    await made.auth.refresh()
    try:
        await made.signing.refresh()
        await made.redis.ping()
        made.checks.redis = None
    except AWAY as error:
        made.checks.redis = f"Redis does not answer ({type(error).__name__})"
    made.checks.kafka = await asyncio.to_thread(_kafka_problem, admin, made.connection)
    made.telemetry.gauge("plaudit_gateway_ready").set(made.unready() is None)


def _kafka_problem(admin: AdminClient, connection: ConnectionSettings) -> str | None:
    name = connection.topic_prefix + EVENTS
    try:
        live = live_partitions(admin, connection, timeout_s=_KAFKA_TIMEOUT_S)
    except PlauditError as error:
        return str(error)
    return None if name in live else f"the topic {name} does not exist; run `plaudit topics create`"


def _sample() -> ConversationEvent:
    return ConversationEvent(application="gateway", conversation_id="sample", body=EndConversation())
