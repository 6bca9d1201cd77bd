"""Compares a partition's ledger with its dead letters, finished conversations and rows."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.sink.loop.source_topic import topic_id
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED
from plaudit_schemas.topics.admin import admin_of

from plaudit_infra.audit.dead_letters import LetterIndex, compare_letters
from plaudit_infra.audit.finished import FinishedComparison, SinkRefusals
from plaudit_infra.audit.ledger import Ledger
from plaudit_infra.audit.report import Account, Difference, Report
from plaudit_infra.audit.rows import RowsCheck
from plaudit_infra.audit.sink_positions import position_of


class SinkOutput(NamedTuple):
    """A sink's root. Files of records that Kafka took before `since_ms` may have been deleted."""

    root: str
    since_ms: int = 0


class ResultsCheck:
    """Fills a report, partition by partition. It reads everything from Kafka and the output itself."""

    def __init__(self, connection: ConnectionSettings, output: SinkOutput | None, report: Report) -> None:
        """Read all dead letters.

        Args:
            output: where the sink writes; None leaves the rows unchecked.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            TopicError: a topic does not exist.
            SourceFileError: the root does not exist.
        """
        self._schemas, self._report = schemas_of(connection), report
        self._root = None if output is None else LiveRoot(output.root)
        self._since_ms = 0 if output is None else output.since_ms
        if self._root is None:
            report.unchecked.append("rows: no output of a sink was given")
        markers = {} if self._root is None else self._root.markers()
        self._written = {partition: position_of(marker) or 0 for partition, marker in markers.items()}
        # After the markers: a sink may be at work, and each refusal before its marker must have its letter.
        self._letters = _read_letters(connection, report)
        self._reader = TopicReader(connection, FINISHED)
        if self._root is not None:
            report.add(_output_differences(self._root, connection))

    def add_given_up(self, known: Mapping[int, list[str]]) -> None:
        """Add to the report what was given up: `known` to Redis, or, after Redis was lost, to the letters."""
        told = self._letters.given_up
        for partition in sorted(known.keys() | told.keys()):
            for text in dict.fromkeys([*known.get(partition, ()), *told.get(partition, ())]):
                self._report.given_up.append(f"partition {partition}: {text}")

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._reader.close()

    def check_partition(self, ledger: Ledger, account: Account, committed: int) -> None:
        """Compare one partition.

        Args:
            ledger: folded to the end of the log, or to the position of the live state.
            account: has the position of the live state.
            committed: the position of the live state before this object was made.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            SourceFileError: a foreign file lies in the root.
        """
        report, partition = self._report, ledger.partition
        report.accounts.append(account)
        report.add(compare_letters(ledger, account, self._letters, committed))
        refusals = SinkRefusals(self._letters.unread.get(partition, set()), self._written.get(partition, 0))
        finished = FinishedComparison(ledger, account, refusals, self._schemas)
        self._check_rows(finished, account)
        report.add(finished.differences())
        report.add(finished.missing())
        waiting = account.end - (account.state_position or 0)
        if waiting > 0:
            report.pending.append(f"partition {partition}: {waiting} events are not folded by a worker")
        waiting = account.finished_end - account.sink_position
        if self._root is not None and waiting > 0:
            report.pending.append(f"partition {partition}: {waiting} records are not written by a sink")

    def _check_rows(self, finished: FinishedComparison, account: Account) -> None:
        if self._root is not None:  # the marker first: every file before it exists when the files are listed
            marker = self._root.markers().get(account.partition)
            files = self._root.files(account.partition)
        first, end = self._reader.ends(account.partition)
        account.finished_end = end
        written = finished.compare_records(self._reader.records(account.partition, first, end))
        if self._root is None:
            for _ in written:  # the comparison runs as the records are taken
                pass
            return
        with tempfile.TemporaryDirectory() as work:
            rows = RowsCheck(self._root, files, marker, Path(work), account, since_ms=self._since_ms)
            self._report.add(rows.compare(written, first))
            self._report.unchecked += rows.unchecked


def _output_differences(root: LiveRoot, connection: ConnectionSettings) -> Iterator[Difference]:
    """What the output itself records: the topic that it was made from, and the offsets that were lost."""
    name = connection.topic_prefix + FINISHED
    made_from, now = root.topic_id(), topic_id(admin_of(connection), name)
    if made_from not in (None, now):
        what = f"the output was made from a topic {name} with the id {made_from}; today's has the id {now}"
        yield Difference("conversations", 0, 0, 0, what)
    for lost in root.lost_ranges():
        what = "Kafka deleted these records of the finished topic before a sink had read them"
        yield Difference("conversations", lost.partition, lost.first, lost.last, what)


def _read_letters(connection: ConnectionSettings, report: Report) -> LetterIndex:
    letters = LetterIndex()
    events, finished = connection.topic_prefix + EVENTS, connection.topic_prefix + FINISHED
    with TopicReader(connection, DEAD_LETTERS) as reader:
        for partition in reader.partitions():
            records = reader.records(partition, *reader.ends(partition))
            report.add(letters.add_letters(records, events, finished))
    return letters
