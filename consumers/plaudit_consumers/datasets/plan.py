"""What a snapshot is to hold, and how the command's options are read. Pure."""

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

from plaudit_schemas.contract.times import read_moment
from plaudit_schemas.errors import SettingsError

from plaudit_consumers.rows.schemas import SUBSETS, Subset

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
BUCKETS: Final = 1_000_000
LEAST_MEMORY_MB: Final = 512


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """One snapshot to build; the same plan over the same rows gives the same bytes.

    Attributes:
        as_of: only rows that the broker took up to then (included); None takes all.
        where: an SQL condition over a row's columns; `conversation` holds its conversation's facts.
        shares: each split's share, in any unit.
        min_agreement: training rows below it are left out, and those whose agreement is unknown.
        salt: decides who is in which split.
        memory_mb: what DuckDB may hold before it goes to disk; has no effect on the result.
        threads: of DuckDB, likewise; None takes every core that there is memory for.
    """

    output: Path
    as_of: datetime | None = None
    subsets: tuple[Subset, ...] = SUBSETS
    where: str | None = None
    shares: tuple[float, float, float] = (90.0, 5.0, 5.0)
    min_agreement: float | None = None
    salt: str = "plaudit"
    memory_mb: int = 1024
    threads: int | None = None

    def bounds(self) -> tuple[int, int]:
        """The ends of train and of validation, in buckets of all BUCKETS."""
        total = sum(self.shares)
        train, validation, _ = self.shares
        return round(BUCKETS * train / total), round(BUCKETS * (train + validation) / total)


def moment_of(text: str, option: str = "--as-of") -> datetime:
    """An ISO 8601 time; without a zone it is UTC, and a day is its first moment.

    Raises:
        SettingsError: it is no such time.
    """
    try:
        return read_moment(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is no time such as 2026-11-21T12:00:00Z") from None


def shares_of(text: str) -> tuple[float, float, float]:
    """`90/5/5` as shares of train, validation and test; the last ones may be left out.

    Raises:
        SettingsError: the text is no such list, or every share is 0.
    """
    parts = text.split("/")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"\d+(\.\d+)?", part) for part in parts):
        raise SettingsError(f"--split {text!r} is not like 90/5/5 (train/validation/test)")
    train, validation, test = ([float(part) for part in parts] + [0.0, 0.0])[:3]
    if not train + validation + test:
        raise SettingsError("--split gives every split a share of 0")
    return train, validation, test


def subsets_of(names: Sequence[str] | None) -> tuple[Subset, ...]:
    """Subsets by name, in the order of SUBSETS; None gives all.

    Raises:
        SettingsError: there is no such subset.
    """
    wanted = SUBSETS if names is None else names
    unknown = [name for name in wanted if name not in SUBSETS]
    if unknown:
        raise SettingsError(f"--subset {unknown[0]!r} is none of {', '.join(SUBSETS)}")
    return tuple(subset for subset in SUBSETS if subset in wanted)


def plan_of(arguments: Namespace) -> SnapshotPlan:
    """The plan of a command's options.

    Raises:
        SettingsError: one of them is out of range.
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
