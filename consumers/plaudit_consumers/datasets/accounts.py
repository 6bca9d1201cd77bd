"""The accounts of a snapshot: what came in, and what became of it. The figures add up."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from plaudit_consumers.datasets.plan import Split
from plaudit_consumers.rows.schemas import TRAINING, Subset
from plaudit_consumers.rows.unit_counts import UnitCounts

KEPT: Final = "kept"
"""The fate of the rows of the snapshot."""
IN_ROWS: Final = "in_rows"
"""The fate of the judgements that are in at least one of these rows."""


class FateCount(NamedTuple):
    """How much of a subset has a fate.

    Attributes:
        split: None where rows are left out.
        rows: rows, or judged things that give none.
        units: the units that were added up in them.
        votes: the votes in these units.
        shared: rows of several users.
        across: of these, the ones that hold words of a user of another split.
    """

    subset: Subset
    fate: str
    split: Split | None
    rows: int
    units: int
    votes: int
    shared: int
    across: int


class JudgedCount(NamedTuple):
    """How much was judged of a kind: answers or pairs.

    Attributes:
        things: different answers to a prompt, or pairs of them.
        units: each thing once for each of its conversations.
        votes: the votes in these units.
        superseded: the votes that did not count, because a later or a more explicit one of the rater did.
    """

    kind: str
    things: int
    units: int
    votes: int
    superseded: int


class SnapshotAccounts(NamedTuple):
    """What came in, and what became of it.

    Attributes:
        judgements: fate -> number of the judgements that are in units: IN_ROWS, or why they are in no row.
        units: what became of all judgements, before units were added up.
        labels: KTO subset -> split -> label -> rows.
    """

    fates: list[FateCount]
    judgements: Mapping[str, int]
    units: UnitCounts
    judged: list[JudgedCount]
    labels: Mapping[Subset, Mapping[Split, Mapping[bool, int]]]

    def rows(self, subset: Subset) -> dict[Split, int]:
        """Split -> the rows of a subset that are kept."""
        return {each.split: each.rows for each in self.fates if each.subset == subset and each.split}

    def left_out(self, subset: Subset) -> dict[str, int]:
        """Reason -> the number of rows of a subset that are left out."""
        return {each.fate: each.rows for each in self.fates if each.subset == subset and each.fate != KEPT}

    def document(self, subsets: Iterable[Subset]) -> dict[str, Any]:
        """The accounts for the manifest, without what it has elsewhere."""
        unused: dict[str, int] = {
            reason: count for reason, count in sorted(self.units.unused.items()) if count
        }
        return {
            "judgements": self.units.judgements,
            "judgements_by_fate": merged_counts(self.judgements, unused),
            "comparisons_without_pair": dict(sorted(self.units.lost_pairs.items())),
            "demonstrations": self.units.demonstrations,
            "demonstrations_left_out": dict(sorted(self.units.lost_demonstrations.items())),
            "judged": {each.kind: _without_first(each) for each in self.judged},
            "subsets": {subset: dict(self._by_fate(subset)) for subset in subsets if subset in TRAINING},
        }

    def _by_fate(self, subset: Subset) -> Iterator[tuple[str, dict[str, int]]]:
        for fate in dict.fromkeys(each.fate for each in self.fates if each.subset == subset):
            found = [each for each in self.fates if (each.subset, each.fate) == (subset, fate)]
            names = ("rows", "units", "votes", *(("shared", "across") if fate == KEPT else ()))
            yield fate, {name: sum(getattr(each, name) for each in found) for name in names}


def merged_counts(*counts: Mapping[str, int]) -> dict[str, int]:
    """The sums of several counts, IN_ROWS first and then by name."""
    names = sorted({name for each in counts for name in each}, key=lambda name: (name != IN_ROWS, name))
    return {name: sum(each.get(name, 0) for each in counts) for name in names}


def _without_first(count: JudgedCount) -> dict[str, int]:
    return {name: value for name, value in count._asdict().items() if name != "kind"}
