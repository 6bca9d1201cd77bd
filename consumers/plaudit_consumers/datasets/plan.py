"""The plan of a snapshot. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.times import read_moment
from plaudit_schemas.errors import SettingsError

from plaudit_consumers.rows.schemas import SNAPSHOT, Subset
from plaudit_consumers.rows.settings import RowRules

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
BUCKETS: Final = 1_000_000
"""Users are hashed into this many buckets, so shares are exact to a millionth."""
LEAST_MEMORY_MB: Final = 512
"""Room for one thread of DuckDB, as `selection` counts it."""


class Caps(NamedTuple):
    """How many rows of one prompt, user or model a training subset may have; None is no cap.

    They are applied in this order, and the earliest rows stay. Rows of several users are under no user's cap.
    """

    prompt: int | None = None
    user: int | None = None
    model: int | None = None


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """One snapshot to build. The same plan over the same rows gives the same bytes.

    Attributes:
        rules: which judgements count, and what becomes a training row.
        aspects: what each application declares of its aspects.
        as_of: only rows that the broker received up to this time (included); None takes all.
        where: an SQL condition over the columns of a row; `conversation` has the facts of its conversation.
        where_conversation: the same over the columns of `conversations`. What was said in other conversations
            does not count.
        shares: the share of each split, in any unit.
        salt: a different salt puts users into different splits.
        memory_mb: how much DuckDB holds in memory before it spills to disk. The result does not depend on it.
        threads: threads of DuckDB; None takes as many as cores and memory allow. The result does not depend
            on it either.
    """

    output: Path
    as_of: datetime | None = None
    subsets: tuple[Subset, ...] = SNAPSHOT
    where: str | None = None
    where_conversation: str | None = None
    shares: tuple[float, float, float] = (90.0, 5.0, 5.0)
    salt: str = "plaudit"
    rules: RowRules = field(default_factory=RowRules)
    aspects: Aspects = field(default_factory=Aspects.none)
    caps: Caps = field(default_factory=Caps)
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
