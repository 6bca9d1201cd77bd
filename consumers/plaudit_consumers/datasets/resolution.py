"""Resolves the votes of a snapshot: verdicts, the weights of raters, and how far they agree."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from plaudit_schemas.statistics.alpha import GROUPS, AlphaEstimate, IntervalSums, alpha_of_sums

from plaudit_consumers.datasets.counting import CountedVotes
from plaudit_consumers.datasets.database import Database
from plaudit_consumers.datasets.judging import write_counted, write_verdicts
from plaudit_consumers.datasets.queries import literal_paths
from plaudit_consumers.datasets.weighing import POSTERIORS, VoteFiles, model_document, weigh
from plaudit_consumers.rows.settings import RowRules

_MILLIONTHS: Final = 1_000_000
_DIGITS: Final = 6


class VoteGroup(NamedTuple):
    """What is voted on: things of one kind, in one aspect.

    Attributes:
        things: how many.
        twice: those with two raters at least.
        votes: that count.
        settled: things that an adjudicator judged.
    """

    kind: str
    aspect: str
    things: int
    twice: int
    votes: int
    raters: int
    settled: int


class VoteResolution:
    """Resolves the votes that `votes.sql` gives, by the rules: first `write`, then `document`."""

    def __init__(self, database: Database, rules: RowRules, folder: Path) -> None:
        """Do nothing yet. `folder` is for votes and posteriors."""
        self._database, self._rules, self._folder = database, rules, folder
        self._models: dict[tuple[str, str], dict[str, Any]] = {}

    def write(self, verdicts: Path) -> None:
        """Write the verdicts on all judged things.

        Raises:
            SourceFileError: a file cannot be read.
            DatasetError: memory or disk space did not suffice.
        """
        counted = self._folder / "counted.parquet"
        votes, run = self._database.batches, self._database.run
        run("no_posteriors")
        if self._rules.resolve != "dawid-skene":
            with CountedVotes(counted) as found:
                write_verdicts(votes("votes"), self._rules, verdicts, found)
            self._take_over("counted", counted)
            return
        with CountedVotes(counted) as found:
            write_counted(votes("votes"), found)
        self._take_over("counted", counted)
        self._weigh(self._folder / "posteriors.parquet")
        write_verdicts(votes("votes"), self._rules, verdicts)

    def document(self) -> dict[str, Any]:
        """How votes were resolved, and of each kind of thing and aspect the raters, the votes and alpha."""
        return {"how": self._rules.resolve, "votes": [self._described(group) for group in self._groups()]}

    def _groups(self) -> list[VoteGroup]:
        return [VoteGroup(*line) for line in self._database.run("vote_groups")]

    def _weigh(self, path: Path) -> None:
        folder = self._folder / "weighed"
        folder.mkdir()
        with pq.ParquetWriter(path, POSTERIORS) as writer:
            for group in self._groups():
                self._choose(group)
                self._database.run("raters")
                votes = VoteFiles(self._database.batches("vote_labels"), folder)
                ((raters,),) = self._database.run("rater_count")
                model = weigh(votes, raters)
                self._models[group.kind, group.aspect] = model_document(model)
                for table in votes.posteriors(model, group.kind, group.aspect):
                    writer.write_table(table)
        self._take_over("posteriors", path)

    def _described(self, group: VoteGroup) -> dict[str, Any]:
        return {
            **group._asdict(),
            "alpha": _document_of(self._alpha(group)),
            "dawid_skene": self._models.get((group.kind, group.aspect)),
        }

    def _alpha(self, group: VoteGroup) -> AlphaEstimate:
        self._choose(group)
        lines = np.array(self._database.run("vote_sums"), np.float64).reshape(-1, 5)
        _, votes, total, squares, apart = lines.T
        sums = IntervalSums(votes, total / _MILLIONTHS, squares / _MILLIONTHS**2, apart / _MILLIONTHS**2)
        return alpha_of_sums(sums)

    def _choose(self, group: VoteGroup) -> None:
        for name, value in (("vote_kind", group.kind), ("vote_aspect", group.aspect)):
            self._database.set(name, value, "VARCHAR")
        self._database.set("vote_buckets", GROUPS, "INTEGER")

    def _take_over(self, name: str, path: Path) -> None:
        self._database.set(f"{name}_files", literal_paths([path]), "VARCHAR[]")
        self._database.run(name)


def _document_of(alpha: AlphaEstimate) -> dict[str, Any]:
    """Alpha in the manifest, with as many digits as any machine gives."""
    ends = {"value": alpha.value, "low": alpha.low, "high": alpha.high}
    return {name: None if end is None else round(end, _DIGITS) for name, end in ends.items()}
