"""What an audit found: an account of each partition, and the differences."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from plaudit_consumers.rows.schemas import RECORDS
from plaudit_schemas.contract.printable import printable

_OF_THE_TOPIC: Final = ("finished", "amendments", "finished_repeats")
KEPT: Final = 1000  # differences: after a large loss there may be millions


class Difference(NamedTuple):
    """Something that does not balance.

    Attributes:
        account: topics, state, counters, dead letters, wrong partition, finished conversations, review
            queues, or the name of a subset of the root.
        partition: -1 for a difference of the whole line.
        first, last: the range of offsets, both included. They are offsets of the finished topic for subsets,
            and of the events topic for all other accounts.
        what: what is wrong, as text.
    """

    account: str
    partition: int
    first: int
    last: int
    what: str

    def __str__(self) -> str:
        if self.partition < 0:
            return f"{self.account}: {self.what}"
        offsets = (
            f"offset {self.first}" if self.first == self.last else f"offsets {self.first} to {self.last}"
        )
        return f"{self.account}, partition {self.partition}, {offsets}: {self.what}"


def difference_of_line(account: str, what: str) -> Difference:
    """A difference that belongs to no partition."""
    return Difference(account, -1, -1, -1, what)


@dataclass(slots=True)
class Account:
    """The counts of one partition.

    Attributes:
        first, end: the audited offsets of the log, from `first` up to but without `end`.
        folded: events that changed a state. `folded`, `duplicates`, `ignored` and `refused` add up to
            `events`.
        refused: reason -> number of events.
        letters: events that have a dead letter; `letter_repeats` are letters written again after a crash.
        state_position: the next offset that the live state folds; None before its first commit.
        emissions: finished conversations and amendments that follow from the log.
        finished, amendments: those in the topic; `finished_repeats` are records of either kind that were
            written again after a crash.
        sink_position: the next offset of the finished topic that is not in a file.
        rows: subset -> rows found; `rows_expected` is the number that follows from the finished topic.
        unread: records of the finished topic that no sink can read. They have dead letters of their own.
    """

    partition: int
    first: int = 0
    end: int = 0
    events: int = 0
    folded: int = 0
    duplicates: int = 0
    ignored: int = 0
    incomplete: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    letters: int = 0
    letter_repeats: int = 0
    state_position: int | None = None
    conversations: int = 0
    cells: int = 0
    emissions: int = 0
    finished: int = 0
    amendments: int = 0
    finished_repeats: int = 0
    finished_end: int = 0
    sink_position: int = 0
    unread: int = 0
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RECORDS, 0))
    rows_expected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RECORDS, 0))


@dataclass(slots=True)
class Report:
    """The outcome of an audit.

    Attributes:
        differences: the first `KEPT` of them; `found` counts all of them by account.
        pending: work that a worker or a sink has not done yet. It is no difference, but it is not audited.
        unchecked: what could not be audited, and why.
        given_up: ranges of events that Kafka deleted before they were folded, and that somebody accepted.
    """

    accounts: list[Account] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    pending: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether nothing differs."""
        return not self.found

    def add(self, differences: Iterable[Difference]) -> None:
        """Count differences, and keep the first `KEPT`."""
        for difference in differences:
            self.found[difference.account] += 1
            if len(self.differences) < KEPT:
                self.differences.append(difference)

    def totals(self) -> dict[str, int]:
        """The sums over all partitions, in the order in which data flows."""
        reasons: Counter[str] = Counter()
        for account in self.accounts:
            reasons.update(account.refused)
        sums = {
            name: sum(getattr(account, name) for account in self.accounts)
            for name in ("events", "folded", "duplicates", "ignored")
        }
        sums |= {f"refused: {reason}": count for reason, count in sorted(reasons.items())}
        for name in ("letters", "conversations", "cells", "emissions", *_OF_THE_TOPIC):
            sums[name] = sum(getattr(account, name) for account in self.accounts)
        for subset in RECORDS:
            sums[f"rows: {subset}"] = sum(account.rows[subset] for account in self.accounts)
        return sums

    def document(self) -> dict[str, Any]:
        """The report as an object for JSON."""
        return {
            "balanced": self.balanced,
            "totals": self.totals(),
            "partitions": [asdict(account) for account in self.accounts],
            "differences": [difference._asdict() for difference in self.differences],
            "found": dict(self.found),
            "pending": self.pending,
            "unchecked": self.unchecked,
            "given_up": self.given_up,
        }


def text(report: Report) -> str:
    """The report as text for the terminal."""
    lines = _table(report.accounts)
    lines += [""] + [f"{name:<32}{count:>14,}" for name, count in report.totals().items()] + [""]
    lines += [f"not yet: {what}" for what in report.pending]
    lines += [f"not checked: {what}" for what in report.unchecked]
    lines += [f"given up: {what}" for what in report.given_up]
    lines += [f"DIFFERENCE {difference}" for difference in report.differences]
    more = report.found.total() - len(report.differences)
    if more > 0:
        lines.append(f"and {more} differences more")
    verdict = f"{report.found.total()} differences" if report.found else "everything agrees with the log"
    return "\n".join(map(printable, [*lines, verdict]))


def _table(accounts: Iterable[Account]) -> list[str]:
    head = ("partition", "events", "folded", "refused", "finished", *RECORDS)
    lines = ["".join(f"{name:>{max(len(name) + 2, 11)}}" for name in head)]
    for account in accounts:
        cells = (
            account.partition, account.events, account.folded, sum(account.refused.values()),
            account.finished, *(account.rows[subset] for subset in RECORDS),
        )  # fmt: skip
        pairs = zip(head, cells, strict=True)
        lines.append("".join(f"{cell:>{max(len(name) + 2, 11)},}" for name, cell in pairs))
    return lines
