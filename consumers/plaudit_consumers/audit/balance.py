"""From the books of the log to dead letters, finished conversations and rows, one partition after another."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED

from plaudit_consumers.audit.expected import Books
from plaudit_consumers.audit.finished import FinishedCheck, Refused
from plaudit_consumers.audit.letters import Letters, check_letters
from plaudit_consumers.audit.positions import position_of
from plaudit_consumers.audit.reading import TopicReader
from plaudit_consumers.audit.report import Account, Report
from plaudit_consumers.audit.rows import RowsCheck
from plaudit_consumers.datasets.sources import LiveRoot


class Digests(NamedTuple):
    """How the books were digested: a finished conversation's value, a refused record's key and value."""

    finished: Callable[[bytes], bytes]
    letter: Callable[[bytes | None, bytes | None], bytes]


class Output(NamedTuple):
    """A sink's root; files of records that Kafka took before `since_ms` may have been deleted."""

    root: str
    since_ms: int = 0


class Balance:
    """Fills a report, partition by partition; reads everything from Kafka and the output itself."""

    def __init__(
        self, connection: ConnectionSettings, output: Output | None, digests: Digests, report: Report
    ) -> None:
        """Reads the dead letters.

        Args:
            output: None leaves the rows unchecked.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            TopicError: a topic does not exist.
            SourceFileError: the root does not exist.
        """
        self._schemas, self._digests, self._report = connection.schemas(), digests, report
        self._root = None if output is None else LiveRoot(output.root)
        self._since_ms = 0 if output is None else output.since_ms
        if self._root is None:
            report.unchecked.append("rows: no output of a sink was given")
        markers = {} if self._root is None else self._root.markers()
        self._written = {partition: position_of(marker) or 0 for partition, marker in markers.items()}
        self._letters = _letters(connection, digests, report)  # after the positions: a sink may be at work
        self._reader = TopicReader(connection, FINISHED)

    def close(self) -> None:
        """Leave Kafka."""
        self._reader.close()

    def take(self, books: Books, account: Account, committed: int) -> None:
        """Balance one partition.

        Args:
            books: folded to the end of the log, or to where the live state stands.
            account: knows how far the live state has come.
            committed: what the live state had committed before this object was made.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            SourceFileError: a foreign file lies in the root.
        """
        report, partition = self._report, books.partition
        report.accounts.append(account)
        report.add(check_letters(books, account, self._letters, committed))
        refused = Refused(self._letters.unread.get(partition, set()), self._written.get(partition, 0))
        check = FinishedCheck(books, account, refused, self._schemas, self._digests.finished)
        self._rows(check, account)
        report.add(check.differences())
        report.add(check.missing())
        waiting = account.end - (account.state_position or 0)
        if waiting > 0:
            report.pending.append(f"partition {partition}: {waiting} events are not folded by a worker")
        waiting = account.finished_end - account.sink_position
        if self._root is not None and waiting > 0:
            report.pending.append(f"partition {partition}: {waiting} records are not written by a sink")

    def _rows(self, check: FinishedCheck, account: Account) -> None:
        if self._root is not None:  # no marker is ahead of files that are listed after it was read
            marker = self._root.markers().get(account.partition)
            files = self._root.files(account.partition)
        first, end = self._reader.ends(account.partition)
        account.finished_end = end
        finished = check.pass_on(self._reader.records(account.partition, first, end))
        if self._root is None:
            for _ in finished:
                pass
            return
        with tempfile.TemporaryDirectory() as work:
            rows = RowsCheck(self._root, files, marker, Path(work), account, since_ms=self._since_ms)
            self._report.add(rows.check(finished, first))
            self._report.unchecked += rows.unchecked


def _letters(connection: ConnectionSettings, digests: Digests, report: Report) -> Letters:
    letters = Letters()
    topics = connection.topic_prefix + EVENTS, connection.topic_prefix + FINISHED
    reader = TopicReader(connection, DEAD_LETTERS)
    try:
        for partition in reader.partitions():
            reads = reader.records(partition, *reader.ends(partition))
            report.add(letters.read(reads, topics, digests.letter))
    finally:
        reader.close()
    return letters
