"""Checks of the line as a whole: its topics, and ranges of events that were given up."""

from plaudit_schemas.service.recorded_line import read_recorded
from plaudit_schemas.service.redis import connect
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import admin_of
from plaudit_schemas.topics.live import live_topics
from plaudit_schemas.topics.problems import LINE, find_changes, find_problems
from plaudit_stream_processors.state.losses import accepted_losses
from plaudit_stream_processors.worker.settings import WorkerSettings

from plaudit_infra.audit.report import Difference, difference_of_line


async def compare_topics(connection: ConnectionSettings, worker: WorkerSettings) -> list[Difference]:
    """A difference for each setting that loses data, and for topics that the state was not made from.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        TopicError: Kafka does not allow it.
    """
    prefix = connection.topic_prefix
    live = live_topics(admin_of(connection), [prefix + name for name in LINE])
    # One replica has lost nothing yet; the workers, and an alert, watch that.
    problems = find_problems(live, prefix, worker.needed_retention_ms, allow_one_replica=True)
    client = connect(connection.redis_url.get_secret_value())
    try:
        recorded = await read_recorded(client, connection.redis_prefix, prefix)
    finally:
        await client.aclose()
    problems += find_changes(live, prefix, recorded)
    return [difference_of_line("topics", str(each)) for each in problems if each.effect != "risk"]


async def recorded_partitions(connection: ConnectionSettings) -> int | None:
    """The number of partitions that the state was begun with; None if no worker has ever started."""
    client = connect(connection.redis_url.get_secret_value())
    try:
        return (await read_recorded(client, connection.redis_prefix, connection.topic_prefix)).partitions
    finally:
        await client.aclose()


async def given_up(connection: ConnectionSettings, partitions: list[int]) -> dict[int, list[str]]:
    """Partition -> the ranges of events that somebody gave up, as Redis has them, in words."""
    client = connect(connection.redis_url.get_secret_value())
    try:
        return {
            partition: [
                str(loss) for loss in await accepted_losses(client, connection.redis_prefix, partition)
            ]
            for partition in partitions
        }
    finally:
        await client.aclose()
