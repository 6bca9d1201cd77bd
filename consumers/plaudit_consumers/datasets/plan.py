"""The plan of a snapshot, and how it is read from the options of the command. Pure."""

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

from plaudit_schemas.contract.times import read_moment
from plaudit_schemas.errors import SettingsError

from plaudit_consumers.rows.schemas import SNAPSHOT, Subset

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
BUCKETS: Final = 1_000_000
"""Users are hashed into this many buckets, so shares are exact to a millionth."""
LEAST_MEMORY_MB: Final = 512
"""Room for one thread of DuckDB, as `selection` counts it."""


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """One snapshot to build. The same plan over the same rows gives the same bytes.

    Attributes:
        as_of: only rows that the broker received up to this time (included); None takes all.
        where: an SQL condition over the columns of a row; `conversation` has the facts of its conversation.
        shares: the share of each split, in any unit.
        min_agreement: leave out training rows whose agreement is below this or null.
        salt: a different salt puts users into different splits.
        memory_mb: how much DuckDB holds in memory before it spills to disk. The result does not depend on it.
        threads: threads of DuckDB; None takes as many as cores and memory allow. The result does not depend
            on it either.
    """

    output: Path
    as_of: datetime | None = None
    subsets: tuple[Subset, ...] = SNAPSHOT
    where: str | None = None
    shares: tuple[float, float, float] = (90.0, 5.0, 5.0)
    min_agreement: float | None = None
    salt: str = "plaudit"
    memory_mb: int = 1024
    threads: int | None = None

    def bounds(self) -> tuple[int, int]:
        """The ends of train and of validation, as numbers of buckets out of BUCKETS."""
        total = sum(self.shares)
        train, validation, _ = self.shares
        return round(BUCKETS * train / total), round(BUCKETS * (train + validation) / total)


def moment_of(text: str, option: str = "--as-of") -> datetime:
    """Parse an ISO 8601 time. Without a zone it is UTC, and a date alone is its first moment.

    Raises:
        SettingsError: the text is not such a time.
    """
    try:
        return read_moment(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a time such as 2026-11-21T12:00:00Z") from None


def shares_of(text: str) -> tuple[float, float, float]:
    """Parse `90/5/5` as the shares of train, validation and test. Missing ones are 0.

    Raises:
        SettingsError: the text is not such a list, or every share is 0.
    """
    parts = text.split("/")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"\d+(\.\d+)?", part) for part in parts):
        raise SettingsError(f"--split {text!r} is not like 90/5/5 (train/validation/test)")
    train, validation, test = ([float(part) for part in parts] + [0.0, 0.0])[:3]
    if not train + validation + test:
        raise SettingsError("--split gives every split a share of 0")
    return train, validation, test


def subsets_of(names: Sequence[str] | None) -> tuple[Subset, ...]:
    """The named subsets, in the order of SNAPSHOT; None gives all.

    Raises:
        SettingsError: there is no such subset.
    """
    wanted = SNAPSHOT if names is None else names
    unknown = [name for name in wanted if name not in SNAPSHOT]
    if unknown:
        raise SettingsError(f"--subset {unknown[0]!r} is not one of {', '.join(SNAPSHOT)}")
    return tuple(subset for subset in SNAPSHOT if subset in wanted)


def plan_of(arguments: Namespace) -> SnapshotPlan:
    """The plan that the options of the command describe.

    Raises:
        SettingsError: an option is out of range.
    """
    agreement = arguments.min_agreement
    if agreement is not None and not 0 <= agreement <= 1:
        raise SettingsError("--min-agreement must lie between 0 and 1")
    if arguments.memory_mb < LEAST_MEMORY_MB:
        raise SettingsError(f"--memory-mb must be at least {LEAST_MEMORY_MB}")
    if arguments.threads is not None and arguments.threads < 1:
        raise SettingsError("--threads must be at least 1")
    return SnapshotPlan(
        output=arguments.output,
        as_of=None if arguments.as_of is None else moment_of(arguments.as_of),
        subsets=subsets_of(arguments.subsets),
        where=arguments.where,
        shares=shares_of(arguments.split),
        min_agreement=agreement,
        salt=arguments.salt,
        memory_mb=arguments.memory_mb,
        threads=arguments.threads,
    )
