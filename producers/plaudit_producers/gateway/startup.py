"""Make the services, keep them fresh, and close them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from confluent_kafka.admin import AdminClient
from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.wire import SchemaSource
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.errors import PlauditError, RegistryError
from plaudit_schemas.kafka.producer import connector
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.service.cancelling import cancel_and_wait
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.service.recorded_line import read_recorded
from plaudit_schemas.service.redis import AWAY, connect, why_away
from plaudit_schemas.service.redis_watch import RedisWatch
from plaudit_schemas.service.wait_notice import WaitNotice
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions
from plaudit_schemas.topics.live import described_topics
from plaudit_schemas.topics.problems import find_changes

from plaudit_producers.gateway.access.authenticator import Authenticator
from plaudit_producers.gateway.access.browser_tokens import TokenVerifier
from plaudit_producers.gateway.access.key_stores import REFRESH_S, key_store_of
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_producers.gateway.access.rate_limits import RateLimiter
from plaudit_producers.gateway.access.signing_keys import signing_keys_of
from plaudit_producers.gateway.intake.aliases import AliasIndex
from plaudit_producers.gateway.intake.annotation_ledger import AnnotationLedger
from plaudit_producers.gateway.intake.bodies import RequestBodies
from plaudit_producers.gateway.intake.events import MAX_BODY_BYTES, EventIntake
from plaudit_producers.gateway.intake.sender import EventSender
from plaudit_producers.gateway.intake.span_notes import SpanNotes
from plaudit_producers.gateway.intake.vote_ledger import VoteLedger
from plaudit_producers.gateway.services import ServiceChecks, Services
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_producers.live_reader import installed_reader
from plaudit_producers.model_calls.memory import CallMemory
from plaudit_producers.privacy import identity_hash, load_redact
from plaudit_producers.sdk.options import ProducerOptions
from plaudit_producers.sdk.outbox import kafka_log

log = logging.getLogger("plaudit.gateway")

_KAFKA_TIMEOUT_S = 2.0
_REDIS_TIMEOUT_S: Final = 5.0
_KEYS_TIMEOUT_S: Final = 3.0
_KEEP_UNACKED_S: Final = 60.0
_REGISTRY_AGAIN_S: Final = 2.0
_HOUR_S: Final = 3600


@contextlib.asynccontextmanager
async def run_services(
    settings: GatewaySettings, connection: ConnectionSettings, metrics: MetricSet
) -> AsyncIterator[Services]:
    """The services, kept fresh until the block ends. They count in `metrics`, which has GATEWAY_METRICS.

    Kafka, Redis and the schema registry may be away at the start: until they answer, the gateway is not
    ready, or degraded.

    Raises:
        SettingsError: a setting is wrong, librdkafka refuses an option, or the redact hook cannot be loaded.
        KeyStoreError: the file of API keys is missing, or holds something else.
    """
    admin = admin_of(connection)
    encoder = EventEncoder()
    services = await _make_services(settings, connection, encoder, metrics)
    await _check_once(services, admin)
    tasks = [
        asyncio.create_task(_keep_checking(services, admin)),
        asyncio.create_task(_learn_schema_id(services.checks, schemas_of(connection), encoder)),
    ]
    try:
        yield services
    finally:
        await cancel_and_wait(*tasks)
        # The limiter first: its last call still needs Redis.
        await services.limiter.close()
        services.sender.stop()
        if services.reader is not None:
            await services.reader.aclose()
        await asyncio.to_thread(services.authenticator.known.close)
        await services.redis.aclose()


async def _make_services(
    settings: GatewaySettings, connection: ConnectionSettings, encoder: EventEncoder, metrics: MetricSet
) -> Services:
    known = KnownKeys(
        key_store_of(settings, connection, timeout_s=_KEYS_TIMEOUT_S),
        metrics.counter("plaudit_gateway_key_reads_failed_total").inc,
    )
    known.require()  # before anything is opened
    redis = connect(connection.redis_url.get_secret_value(), timeout_s=_REDIS_TIMEOUT_S)
    signing = signing_keys_of(settings, redis, connection.redis_prefix)
    return Services(
        settings=settings,
        connection=connection,
        metrics=metrics,
        redis=redis,
        redis_watch=RedisWatch(connection.redis_url.get_secret_value()),
        authenticator=Authenticator(known, TokenVerifier(lambda: signing.secrets)),
        signing=signing,
        limiter=RateLimiter(
            redis,
            connection.redis_prefix,
            on_skipped=metrics.counter("plaudit_gateway_limits_skipped_total").inc,
        ),
        bodies=RequestBodies(
            settings.gateway_max_buffer_mb << 20,
            largest_bytes=MAX_BODY_BYTES,
            within_s=settings.gateway_body_timeout_s,
        ),
        intake=EventIntake(
            encoder.encode,
            load_redact(settings.gateway_redact, "PLAUDIT_GATEWAY_REDACT"),
            identity_hash(settings.gateway_identity_key),
            read_aspects(connection.aspects),
        ),
        aliases=AliasIndex(
            redis, connection.redis_prefix, lasts_s=int(settings.gateway_alias_hours * _HOUR_S)
        ),
        call_memory=CallMemory(),
        votes=VoteLedger(redis, connection.redis_prefix),
        annotations=AnnotationLedger(redis, connection.redis_prefix),
        notes=SpanNotes(redis, connection.redis_prefix),
        sender=_make_sender(settings, connection),
        reader=installed_reader(connection),
        # The packaged id is known already.
        checks=ServiceChecks(registry="not asked yet" if connection.schema_registry_url else None),
    )


def _make_sender(settings: GatewaySettings, connection: ConnectionSettings) -> EventSender:
    options = ProducerOptions(
        source="gateway",
        linger_ms=settings.gateway_linger_ms,
        max_buffer_bytes=settings.gateway_max_buffer_mb << 20,
        # At least as long as a request and its retry wait, so that the retry finds the event and joins it.
        delivery_timeout_s=max(_KEEP_UNACKED_S, 2 * settings.gateway_ack_timeout_s),
    )
    return EventSender(
        connection.topic_prefix + EVENTS,
        connector(connection, options.kafka(), kafka_log),
        ack_timeout_s=settings.gateway_ack_timeout_s,
    )


async def _keep_checking(services: Services, admin: AdminClient) -> None:
    waits, lacks = WaitNotice(log), WaitNotice(log, "doing without")
    while True:
        waits.note(services.unready() or services.takes_nothing())
        lacks.note(services.checks.redis)
        await asyncio.sleep(REFRESH_S)
        try:
            await _check_once(services, admin)
        except Exception:
            log.exception("a round of checks failed; the next one follows")


async def _check_once(services: Services, admin: AdminClient) -> None:
    await services.authenticator.refresh()
    try:
        await services.signing.refresh()
        await services.redis.ping()
        await services.redis_watch.look_if_due()
        services.checks.redis = None
    except AWAY as error:
        services.checks.redis = f"Redis does not answer ({why_away(error)})"
    # In a thread: the admin client blocks until its timeout while Kafka is away.
    services.checks.kafka = await asyncio.to_thread(_kafka_problem, admin, services.connection)
    await _check_topics(services, admin)
    services.checks.began = services.checks.began or services.takes_nothing() is None
    services.update_gauges()


async def _learn_schema_id(checks: ServiceChecks, schemas: SchemaSource, encoder: EventEncoder) -> None:
    """Ask for the id of the event schema until there is an answer. No event is taken before."""
    while True:  # `_keep_checking` says in the log that this waits
        try:
            # In a thread: the registry's client blocks.
            encoder.use_id(await asyncio.to_thread(schemas.id_of, "conversation_event"))
        except RegistryError as error:
            checks.registry = str(error)
            await asyncio.sleep(_REGISTRY_AGAIN_S)
        else:
            checks.registry = None
            return


def _kafka_problem(admin: AdminClient, connection: ConnectionSettings) -> str | None:
    name = connection.topic_prefix + EVENTS
    try:
        live = live_partitions(admin, connection, timeout_s=_KAFKA_TIMEOUT_S)
    except PlauditError as error:
        return str(error)
    return None if name in live else f"the topic {name} does not exist; run `plaudit topics create`"


async def _check_topics(services: Services, admin: AdminClient) -> None:
    """Compare the events topic with the one that the workers' state was made from."""
    connection = services.connection
    name = connection.topic_prefix + EVENTS
    try:
        recorded = await read_recorded(services.redis, connection.redis_prefix, connection.topic_prefix)
        live = await asyncio.to_thread(described_topics, admin, [name], timeout_s=_KAFKA_TIMEOUT_S)
    except (*AWAY, PlauditError):
        return  # the other checks tell; what was found before still holds
    found = find_changes(live, connection.topic_prefix, recorded)
    problem = str(found[0]) if found else None
    if problem is not None and problem != services.checks.topics:
        log.error("%s", problem)
    services.checks.topics = problem
