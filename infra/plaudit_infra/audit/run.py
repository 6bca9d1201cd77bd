"""`audit`: folds the log again, and compares everything that came of it with that fold."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.service.redis import AWAY, connect, execute
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS, FINISHED
from plaudit_stream_processors.fold import EMITTED, Rules, RulesHistory
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.worker.settings import WorkerSettings

from plaudit_infra.audit.admitted_labels import AdmittedLabels
from plaudit_infra.audit.ledger import Ledger
from plaudit_infra.audit.line_checks import compare_topics, given_up, recorded_partitions
from plaudit_infra.audit.live_state import LiveState
from plaudit_infra.audit.placing import Placing
from plaudit_infra.audit.report import Account, Difference, Report
from plaudit_infra.audit.results import ResultsCheck, SinkOutput
from plaudit_infra.audit.review_queues import AuditedRubric, PartitionQueues, audited_rubrics
from plaudit_infra.audit.sink_positions import written_positions

_SLICE: Final = 100_000  # records between two looks for what the ledger can forget
_POLL_S: Final = 0.3


def audit(
    connection: ConnectionSettings,
    worker: WorkerSettings,
    root: str | None,
    *,
    review: ReviewSettings | None = None,
    wait_s: float = 0.0,
    rows_since_ms: int = 0,
) -> Report:
    """Compare state, counters, dead letters, finished conversations, rows and review queues with the log.

    The audit only reads, and workers and sinks may be running. Memory: the states of one
    partition that still take events, a digest for each finished conversation and each dead letter, and a few
    batches of rows.

    Args:
        worker: the settings that the workers run with. Retention and models decide what they count.
        root: the sink's output; None leaves the rows out.
        review: has the salt of the random shares; None leaves the review queues out.
        wait_s: how long to wait for workers and sinks to catch up with the log as it is now, in seconds.
        rows_since_ms: files of records that Kafka took before this time may have been deleted.

    Raises:
        ServiceUnavailableError: Kafka or Redis does not answer.
        TopicError: a topic does not exist.
        SourceFileError: the root does not exist, or has files that no sink wrote.
    """
    report = Report()
    with TopicReader(connection, EVENTS) as reader:
        rubrics = [] if review is None else audited_rubrics(connection, review, report)
        line = _Line(connection, worker, reader, report, rubrics)
        try:
            if wait_s:
                _wait(line, root, time.monotonic() + wait_s)
            _audit(line, None if root is None else SinkOutput(root, rows_since_ms))
        except AWAY as error:
            raise ServiceUnavailableError(
                f"Redis does not answer ({error}); check PLAUDIT_REDIS_URL"
            ) from None
    return report


class _Line(NamedTuple):
    connection: ConnectionSettings
    worker: WorkerSettings
    reader: TopicReader
    report: Report
    rubrics: list[AuditedRubric]


def _audit(line: _Line, output: SinkOutput | None) -> None:
    partitions = line.reader.partitions()
    line.report.add(asyncio.run(compare_topics(line.connection, line.worker)))
    # Before the dead letters are read: what was committed by then must have its letters there.
    committed = asyncio.run(_committed_positions(line.connection, partitions))
    count = asyncio.run(recorded_partitions(line.connection)) or len(partitions)
    results, placing = ResultsCheck(line.connection, output, line.report), Placing()
    try:
        results.add_given_up(asyncio.run(given_up(line.connection, partitions)))
        for partition in partitions:
            ledger, account = asyncio.run(_fold_partition(line, partition, count))
            results.check_partition(ledger, account, committed[partition])
            placing.add(ledger, committed[partition])
        line.report.add(placing.differences())
    finally:
        results.close()


async def _fold_partition(line: _Line, partition: int, count: int) -> tuple[Ledger, Account]:
    """Fold one partition to the end of the log. On the way, compare the live state at its own position.

    Args:
        count: the number of partitions that the state was begun with.
    """
    connection, worker, reader, report, rubrics = line
    first, end = reader.ends(partition)
    client = connect(connection.redis_url.get_secret_value())
    models = [model for model in worker.metric_models.split(",") if model]
    labels = AdmittedLabels(client, connection.redis_prefix, models)
    store = ConversationStore(client, prefix=connection.redis_prefix, state_retention_ms=0)
    history = await store.rules_history(partition)
    rules = Rules(worker.state_retention_ms, labels.names_at, partitions=count)
    ledger = _ledger(connection, rules, partition, first, history)
    queues = PartitionQueues(client, connection.redis_prefix, ledger, count)
    queues.watch(rubrics)

    async def fold_until(offset: int) -> None:
        await labels.refresh()
        while ledger.position < offset:
            until = min(offset, ledger.position + _SLICE)
            ledger.fold_records(reader.records(partition, ledger.position, until))
            ledger.position = until  # the last offsets may hold no records
            ledger.forget_before(ledger.arrived_ms)

    try:
        live = LiveState(client, connection.redis_prefix, ledger, fold_until)
        async for account, position, what in live.compare():
            report.add([Difference(account, partition, first, position, what)])
        await fold_until(end)
        counted = _account(ledger, live)
        await queues.compare(fold_until, report)
    finally:
        await client.aclose()
    report.unchecked += [f"partition {partition}: {what}" for what in _unchecked(ledger, live)]
    ledger.release()
    return ledger, counted


def _unchecked(ledger: Ledger, live: LiveState) -> Iterator[str]:
    """What of a partition could not be compared."""
    if ledger.first:
        yield (
            f"the log begins at offset {ledger.first}; counters, and conversations that may have begun before"
        )
    if ledger.misplaced_states:
        yield (
            f"earlier rules took events of {len(ledger.misplaced_states)} conversations that "
            "belong to other partitions; `plaudit topics copy` brings them together"
        )
    if ledger.blurred:
        yield f"{len(ledger.blurred)} conversations that earlier rules began with an end"
    if live.unread:
        yield f"{live.unread} large conversations, which change faster than they can be read"


def _ledger(
    connection: ConnectionSettings, rules: Rules, partition: int, first: int, history: RulesHistory
) -> Ledger:
    return Ledger(
        partition,
        rules,
        Decoder("conversation_event", schemas_of(connection), sparse=True),
        {name: Encoder(name) for name in EMITTED},  # the ledger leaves the schema ids out
        history=history,
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
    """Wait for the workers to reach the end of the log, and then for the sinks, or until the deadline."""
    connection, reader = line.connection, line.reader
    ends = {partition: reader.ends(partition)[1] for partition in reader.partitions()}
    _wait_for(lambda: asyncio.run(_committed_positions(connection, list(ends))), ends, deadline)
    if root is not None:
        with TopicReader(connection, FINISHED) as finished:
            ends = {partition: finished.ends(partition)[1] for partition in ends}
        _wait_for(lambda: written_positions(root), ends, deadline)


def _wait_for(positions: Callable[[], dict[int, int]], ends: dict[int, int], deadline: float) -> None:
    while time.monotonic() < deadline:
        reached = positions()
        if all(reached.get(partition, 0) >= end for partition, end in ends.items()):
            return
        time.sleep(_POLL_S)


async def _committed_positions(connection: ConnectionSettings, partitions: list[int]) -> dict[int, int]:
    """Partition -> the next offset that the live state has to fold; 0 before the first commit."""
    client = connect(connection.redis_url.get_secret_value())
    found: dict[int, int] = {}
    try:
        for partition in partitions:
            key = partition_keys(connection.redis_prefix, partition).position
            found[partition] = int(await execute(client, "HGET", key, "next") or 0)
    finally:
        await client.aclose()
    return found
