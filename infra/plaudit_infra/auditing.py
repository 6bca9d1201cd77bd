"""`audit`: the fold of the stream core, and the checks of the consumers, over one line."""

import asyncio
import time
from typing import Final, NamedTuple

from plaudit_consumers.audit.balance import Balance, Digests, Output
from plaudit_consumers.audit.positions import written
from plaudit_consumers.audit.reading import TopicReader
from plaudit_consumers.audit.report import Account, Difference, Report
from plaudit_schemas.codec import Decoder, Encoder
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.topics import EVENTS, FINISHED
from plaudit_stream_processors.books.admission import Admitted
from plaudit_stream_processors.books.ledger import Ledger, digest_of, letter_digest
from plaudit_stream_processors.books.live import LiveState
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.metrics.recount import LogRecord
from plaudit_stream_processors.state.client import Client, connect, execute
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.worker.settings import WorkerSettings
from redis.exceptions import RedisError

_SLICE: Final = 100_000
_POLL_S: Final = 0.3


def audit(
    connection: ConnectionSettings,
    worker: WorkerSettings,
    root: str | None,
    *,
    wait_s: float = 0.0,
    rows_since_ms: int = 0,
) -> Report:
    """Balance the books of a line. It reads everything and writes nothing; workers and sinks may be at work.

    Memory: the states of one partition that still take events, a digest for each finished conversation and
    each dead letter, and a few batches of rows.

    Args:
        worker: the settings that the workers run with: retention and models decide what they count.
        root: the sink's output; None leaves the rows out.
        wait_s: how long to wait until workers and sinks have caught up with the log as it stands now.
        rows_since_ms: files of records that Kafka took before this time may have been deleted.

    Raises:
        ServiceUnavailableError: Kafka or Redis does not answer.
        TopicError: a topic does not exist.
        SourceFileError: the root does not exist, or foreign files lie in it.
    """
    report = Report()
    reader = TopicReader(connection, EVENTS)
    line = _Line(connection, worker, reader, report)
    try:
        if wait_s:
            _wait(line, root, time.monotonic() + wait_s)
        _audit(line, None if root is None else Output(root, rows_since_ms))
    except RedisError as error:
        raise ServiceUnavailableError(f"Redis does not answer ({error}); check PLAUDIT_REDIS_URL") from None
    finally:
        reader.close()
    return report


class _Line(NamedTuple):
    connection: ConnectionSettings
    worker: WorkerSettings
    reader: TopicReader
    report: Report


def _audit(line: _Line, output: Output | None) -> None:
    partitions = line.reader.partitions()
    committed = asyncio.run(_positions(line.connection, partitions))
    balance = Balance(line.connection, output, Digests(digest_of, letter_digest), line.report)
    try:
        for partition in partitions:
            ledger, account = asyncio.run(_booked(line, partition))
            balance.take(ledger, account, committed[partition])
    finally:
        balance.close()


async def _booked(line: _Line, partition: int) -> tuple[Ledger, Account]:
    """One partition's books, after the live state was compared with them."""
    connection, worker, reader, report = line
    first, end = reader.ends(partition)
    client = connect(connection.redis_url.get_secret_value())
    models = [model for model in worker.metric_models.split(",") if model]
    admitted = Admitted(client, connection.redis_prefix, models)
    ledger = _ledger(connection, worker, admitted, partition, first)

    async def follow(to: int) -> None:
        await admitted.refresh()
        while ledger.position < to:
            until = min(to, ledger.position + _SLICE)
            ledger.take(LogRecord(*read[:5]) for read in reader.records(partition, ledger.position, until))
            ledger.position = until  # the log's last offsets may be no records
            ledger.forget_before(time.time_ns() // 1_000_000)

    try:
        live = LiveState(client, connection.redis_prefix, ledger, follow)
        async for account, position, what in live.compare():
            report.add([Difference(account, partition, first, position, what)])
        await follow(end)
    finally:
        await client.aclose()
    if first:
        report.unchecked.append(
            f"partition {partition}: the log begins at offset {first}; counters, and conversations that may "
            "have begun before"
        )
    ledger.close()
    return ledger, _account(ledger, live)


def _ledger(
    connection: ConnectionSettings, worker: WorkerSettings, admitted: Admitted, partition: int, first: int
) -> Ledger:
    schemas = connection.schemas()
    return Ledger(
        partition,
        Rules(worker.state_retention_ms, admitted.admit),
        Decoder("conversation_event", schemas, sparse=True),
        Encoder("finished_conversation", schemas),
        first=first,
        position=first,
    )


def _account(ledger: Ledger, live: LiveState) -> Account:
    return Account(
        ledger.partition,
        first=ledger.first,
        end=ledger.position,
        events=ledger.events,
        folded=ledger.folded,
        duplicates=ledger.duplicates,
        ignored=ledger.ignored,
        incomplete=ledger.incomplete,
        state_position=live.position,
        conversations=live.conversations,
        cells=live.cells,
    )


def _wait(line: _Line, root: str | None, deadline: float) -> None:
    """Until workers, then sinks, stand where the log and the finished topic end now, or the deadline."""
    connection, reader = line.connection, line.reader
    ends = {partition: reader.ends(partition)[1] for partition in reader.partitions()}
    while _behind(asyncio.run(_positions(connection, list(ends))), ends):
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)
    if root is None:
        return
    finished = TopicReader(connection, FINISHED)
    try:
        ends = {partition: finished.ends(partition)[1] for partition in ends}
    finally:
        finished.close()
    while _behind(written(root), ends) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _behind(positions: dict[int, int], ends: dict[int, int]) -> bool:
    return any(positions.get(partition, 0) < end for partition, end in ends.items())


async def _positions(connection: ConnectionSettings, partitions: list[int]) -> dict[int, int]:
    client: Client = connect(connection.redis_url.get_secret_value())
    try:
        return {
            partition: int(
                await execute(
                    client, "HGET", partition_keys(connection.redis_prefix, partition).position, "next"
                )
                or 0
            )
            for partition in partitions
        }
    finally:
        await client.aclose()
