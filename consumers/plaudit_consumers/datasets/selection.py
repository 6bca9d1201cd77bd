"""Selects the rows of a snapshot: which there are, in which split, and why others are left out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from plaudit_consumers.datasets.accounts import FateCount, JudgedCount, SnapshotAccounts
from plaudit_consumers.datasets.database import Database
from plaudit_consumers.datasets.judging import write_rows, write_units
from plaudit_consumers.datasets.plan import SnapshotPlan, Split
from plaudit_consumers.datasets.queries import columns, literal_paths
from plaudit_consumers.datasets.resolution import VoteResolution
from plaudit_consumers.datasets.revisions import RevisionSelection
from plaudit_consumers.rows.schemas import SCHEMAS, TRAINING, Subset
from plaudit_consumers.rows.unit_counts import UnitCounts
from plaudit_consumers.rows.unit_schema import UNITS


class SelectionSummary(NamedTuple):
    """The result of the selection as counts.

    Attributes:
        erased: conversations left out because they were erased, even if after the time of the snapshot.
        positions: partition of the finished topic -> the offset after the last record up to that time.
        as_of: the latest broker timestamp among the rows, in microseconds; None without rows.
        amendments: fate -> number of amendments; without those whose fate is decided where they are merged.
        resolution: how votes were resolved, and how far raters agree (`resolution.VoteResolution.document`).
    """

    accounts: SnapshotAccounts
    erased: int
    positions: dict[int, int]
    as_of: int | None
    amendments: dict[str, int]
    resolution: dict[str, Any]


class RowSelection:
    """Selects from the chosen revisions: first `judge`, then `choose_rows`, then `chosen_rows`."""

    def __init__(
        self, database: Database, revisions: RevisionSelection, plan: SnapshotPlan, folder: Path
    ) -> None:
        """Read nothing yet. `folder` is for units, verdicts and rows."""
        self._database, self._revisions, self._plan, self._folder = database, revisions, plan, folder
        self._training = [subset for subset in plan.subsets if subset in TRAINING]
        self._counts = UnitCounts()
        self._resolution = VoteResolution(database, plan.rules, folder)

    def judge(self) -> None:
        """Make the training rows of the chosen revisions.

        Raises:
            SourceFileError: a file cannot be read as its subset.
            DatasetError: memory or disk space did not suffice.
        """
        if not self._training:
            return
        rules, run = self._plan.rules, self._database.run
        units, verdicts = self._folder / "units.parquet", self._folder / "verdicts.parquet"
        self._counts = write_units(self._revisions.chosen_rows(), rules, self._plan.aspects, units)
        self._set_file("units", units)
        run("units")
        self._resolution.write(verdicts)
        self._set_file("verdicts", verdicts)
        run("verdicts")
        for subset in self._training:
            path = self._folder / f"{subset}.parquet"
            shown = self._database.batches("shown", subset=subset, units=columns(UNITS.names, "u"))
            write_rows(shown, subset, path)
            self._set_file(subset, path)
            run("training_view", subset=subset)

    def choose_rows(self) -> SelectionSummary:
        """Decide the fate of every row.

        Raises:
            ConditionError: the condition does not fit a subset.
            SourceFileError: a file cannot be read as its subset.
            DatasetError: memory or disk space did not suffice.
        """
        run = self._database.run
        for subset in self._plan.subsets:
            self._find_candidates(subset)
        if self._training:
            for subset in self._training:
                run("rowless", subset=subset)
            run("homes")
            run("placed")
            self._cap_rows()
        partitions = run("read")
        return SelectionSummary(
            accounts=self._accounts(),
            erased=sum(erased for *_, erased in partitions),
            positions={partition: position for partition, position, *_ in partitions},
            as_of=max((latest for _, _, latest, _ in partitions), default=None),
            amendments=dict(run("late_fates")),
            resolution=self._resolution.document() if self._training else {},
        )

    def chosen_rows(self, subset: Subset, split: Split) -> Iterator[Any]:
        """Record batches of 2,048 rows in the order of the snapshot. Their strings may be `large_string`."""
        listed = columns(SCHEMAS[subset].names, "r")
        yield from self._database.batches("content", subset=subset, split=split, columns=listed)

    def _accounts(self) -> SnapshotAccounts:
        run, training = self._database.run, bool(self._training)
        labels: dict[Subset, dict[Split, dict[bool, int]]] = {}
        for subset in self._training:
            if "label" in SCHEMAS[subset].names:
                by_split = labels.setdefault(subset, {})
                for split, label, rows in run("labels", subset=subset):
                    by_split.setdefault(split, {})[label] = rows
        return SnapshotAccounts(
            fates=[FateCount(*line) for line in run("counts")],
            judgements=dict(run("judgements")) if training else {},
            units=self._counts,
            judged=[JudgedCount(*line) for line in run("judged")] if training else [],
            labels=labels,
        )

    def _cap_rows(self) -> None:
        caps = self._plan.caps
        for most, by, which in (
            (caps.prompt, "prompt", "true"),
            # A row of several users is nobody's own.
            (caps.user, "asker", "users = 1"),
            (caps.model, "model", "true"),
        ):
            if most is not None:
                name = "user" if by == "asker" else by
                self._database.run("capped", by=by, most=str(most), which=which, fate=f"over_max_per_{name}")

    def _find_candidates(self, subset: Subset) -> None:
        is_training = subset in TRAINING
        self._database.run_condition(
            "candidates",
            self._plan.where,
            f"--where does not fit the subset {subset} (select others with --subset)",
            subset=subset,
            lines="judged_lines" if is_training else "conversation_lines",
            # The judgements of the other conversations are in no unit, so only the conversations are left.
            selected="true" if is_training else "_selected",
        )

    def _set_file(self, name: str, path: Path) -> None:
        self._database.set(f"{name}_files", literal_paths([path]), "VARCHAR[]")
