"""Selects the rows of a snapshot. DuckDB works on hashes and places in files, and may spill to disk."""

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow.parquet as pq

from plaudit_consumers.datasets.condition import check_condition
from plaudit_consumers.datasets.errors import ConditionError, DatasetError, SourceFileError, first_line
from plaudit_consumers.datasets.plan import SnapshotPlan, Split
from plaudit_consumers.datasets.queries import literal_paths, packed, sql
from plaudit_consumers.rows.schemas import RECORDS, SCHEMAS, TRAINING, Subset
from plaudit_consumers.rows.settings import TOLERANCE

_THREAD_MB: Final = 512
"""Memory for each thread, which holds a row group of a file while it works on it."""
_BATCH_ROWS: Final = 2048
"""The size of DuckDB's vectors. It returns whole ones, so batches of this size depend on the rows alone."""
_REVISION = "application, conversation_id, revision, source_partition, source_offset"
_PARTS = "to_json(struct_pack(a := message_ids, b := origin, c := aspect, d := raters))::VARCHAR"
_CONTENT: Final[dict[Subset, str]] = {
    "conversations": "struct_pack(a := application, b := conversation_id)",
    "sft": "struct_pack(a := prompt, b := completion)",
    "sft_tools": "struct_pack(a := prompt, b := completion, c := tools)",
    "preference": "struct_pack(a := prompt, b := chosen, c := rejected)",
    "kto": "struct_pack(a := prompt, b := completion, c := label)",
}
_PROMPT = "list_transform(prompt, lambda m: struct_pack(role := m.role, content := m.content))"


class SelectionSummary(NamedTuple):
    """The result of the selection as counts.

    Attributes:
        rows: (subset, split, fate) -> number of rows. The fates are those in `fates.sql`.
        erased: conversations left out because they were erased, even if after the time of the snapshot.
        positions: partition of the finished topic -> the offset after the last record up to that time.
        as_of: the latest broker timestamp among the rows, in microseconds; None without rows.
        chosen_files: the canonical files that hold a chosen revision.
        amendments: fate -> number of amendments; without those whose fate is decided where they are merged.
    """

    rows: dict[tuple[Subset, Split, str], int]
    erased: int
    positions: dict[int, int]
    as_of: int | None
    chosen_files: list[str]
    amendments: dict[str, int]

    def count(self, subset: Subset, split: Split | None = None, fate: str = "kept") -> int:
        """The number of rows of a subset with a fate, in one split or in all."""
        return sum(
            rows
            for (row_subset, row_split, row_fate), rows in self.rows.items()
            if row_subset == subset and row_fate == fate and split in (None, row_split)
        )


class RowSelection:
    """A DuckDB database that selects the rows and reads them.

    First `choose_revisions`, then `replace_rows` with the rows that amendments change, then `choose_rows`.
    """

    def __init__(
        self,
        folder: Path,
        plan: SnapshotPlan,
        sources: Mapping[Subset, Sequence[str]],
        older: Set[Subset] = frozenset(),
    ) -> None:
        """Open the database.

        Args:
            sources: the local files of each subset; a subset without files has no rows.
            older: the subsets with files that lack columns of today's schema.
        """
        self._plan, self._older = plan, older
        self._sources = {subset: list(paths) for subset, paths in sources.items() if paths}
        self._amended: list[str] = []
        for subset in {*older, *(set(RECORDS) - self._sources.keys())}:
            # An empty file, so that each column exists even if no file has it.
            template = folder / f"{subset}.parquet"
            pq.ParquetWriter(template, SCHEMAS[subset]).close()  # an empty table would load pandas
            self._sources.setdefault(subset, []).insert(0, str(template))
        self._connection = duckdb.connect(
            folder / "selection.duckdb",
            config={
                "memory_limit": f"{plan.memory_mb}MB",
                "threads": str(plan.threads or _threads(plan.memory_mb)),
                "temp_directory": str(folder / "spilled"),
                # No network: Parquet and JSON are built in, and nothing else is needed.
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        # Large buffers: the texts of one batch may exceed the 2 GiB of an ordinary Arrow string array.
        for setting in ("TimeZone = 'UTC'", "arrow_large_buffer_size = true", "enable_progress_bar = false"):
            self._connection.execute(f"SET {setting}")

    def close(self) -> None:
        self._connection.close()

    def choose_revisions(self) -> dict[str, int]:
        """Choose a revision of each conversation, and find the rows that amendments change.

        Returns:
            Canonical file -> the number of amendments to its rows.

        Raises:
            ConditionError: the condition cannot be used.
            SourceFileError: a file cannot be read as its subset.
            DatasetError: memory or disk space did not suffice.
        """
        if self._plan.where is not None:
            check_condition(self._plan.where)
        self._set_variables()
        self._run("amendments", by_name=self._by_name("amendments"))
        self._run("revisions", by_name=self._by_name("conversations"))
        self._run("late_words")
        self._run("touched", by_name=self._by_name("conversations"))
        self._run(
            "said",
            amendment=packed(SCHEMAS["amendments"].names, "a"),
            by_name=self._by_name("amendments"),
        )
        return dict(self._run("touched_files"))

    def touched_rows(self, paths: Sequence[str]) -> Iterator[Any]:
        """Record batches of the rows that change in some canonical files, as `touched_rows.sql` says."""
        self._set("touched_paths", list(paths), "VARCHAR[]")
        self._set("touched_files", literal_paths(paths), "VARCHAR[]")
        by_name = self._by_name("conversations")
        query = sql("touched_rows", columns=_listed("conversations"), by_name=by_name)
        with _typed_errors():
            yield from self._connection.sql(query).to_arrow_reader(_BATCH_ROWS)

    def replace_rows(self, amended: Mapping[Subset, str]) -> None:
        """Put rows in the place of those of the same conversations.

        Args:
            amended: subset -> a file with canonical rows, or with the training rows derived from them.
        """
        if not amended:
            return
        self._amended = list(amended.values())
        self._set("amended_rows", literal_paths([amended["conversations"]]), "VARCHAR[]")
        self._run("replaced")
        for subset, path in amended.items():
            self._sources.setdefault(subset, []).append(path)

    def choose_rows(self) -> SelectionSummary:
        """Decide the fate of every row.

        Raises:
            ConditionError: the condition does not fit a subset.
            SourceFileError: a file cannot be read as its subset.
            DatasetError: memory or disk space did not suffice.
        """
        self._set_files()
        for subset in self._plan.subsets:
            if subset in self._sources:
                self._find_candidates(subset)
        # After the candidates of all subsets: a prompt has one split over all of them.
        self._run("homes")
        self._run("fates")
        partitions = self._run("read")
        return SelectionSummary(
            rows={(subset, split, fate): rows for subset, split, fate, rows in self._run("counts")},
            erased=sum(erased for *_, erased in partitions),
            positions={partition: position for partition, position, *_ in partitions},
            as_of=max((latest for _, _, latest, _ in partitions), default=None),
            chosen_files=[filename for (filename,) in self._run("holders")],
            amendments=dict(self._run("late_fates")),
        )

    def chosen_rows(self, subset: Subset, split: Split) -> Iterator[Any]:
        """Record batches of 2,048 rows in the order of the snapshot. Their strings may be `large_string`."""
        query = sql(
            "content", subset=subset, split=split, columns=_listed(subset), by_name=self._by_name(subset)
        )
        with _typed_errors():
            yield from self._connection.sql(query).to_arrow_reader(_BATCH_ROWS)

    def _set_variables(self) -> None:
        plan = self._plan
        train_end, validation_end = plan.bounds()
        values: dict[str, tuple[object, str]] = {
            "as_of": (plan.as_of, "TIMESTAMPTZ"),
            "salt": (plan.salt, "VARCHAR"),
            "train_end": (train_end, "BIGINT"),
            "validation_end": (validation_end, "BIGINT"),
            "has_condition": (plan.where is not None, "BOOLEAN"),
        }
        for name, (value, kind) in values.items():
            self._set(name, value, kind)
        self._set_files()

    def _set_files(self) -> None:
        for subset, paths in self._sources.items():
            self._set(f"{subset}_files", literal_paths(paths), "VARCHAR[]")
        self._set("amended_files", self._amended, "VARCHAR[]")

    def _set(self, name: str, value: object, kind: str) -> None:
        self._connection.execute(f"SET VARIABLE {name} = CAST(? AS {kind})", [value])

    def _find_candidates(self, subset: Subset) -> None:
        try:
            self._run("candidates", **self._parts(subset, self._plan.where or "true"))
        except (duckdb.BinderException, duckdb.ConversionException, SourceFileError) as error:
            if self._plan.where is None:
                raise
            # Without the condition only a damaged file fails again, so otherwise the condition is at fault.
            self._run("candidates", **self._parts(subset, "true"))
            reason = first_line(error.__cause__ or error)
            raise ConditionError(
                f"--where does not fit the subset {subset} (select others with --subset): {reason}"
            ) from None

    def _parts(self, subset: Subset, condition: str) -> dict[str, str]:
        training = subset in TRAINING
        if training and self._plan.min_agreement is not None:
            least = self._plan.min_agreement - TOLERANCE
            condition = f"({condition}\n) AND agreement >= {least!r}"
        return {
            "subset": subset,
            "keys": _REVISION if training else "filename, file_row_number",
            "training": "true" if training else "false",
            "condition": condition,
            "parts": _PARTS if training else "''",
            "content": _CONTENT[subset],
            "prompt": _PROMPT if training else "''",
            "by_name": self._by_name(subset),
        }

    def _by_name(self, subset: Subset) -> str:
        return "true" if subset in self._older else "false"

    def _run(self, name: str, **parts: str) -> list[Any]:
        with _typed_errors():
            return self._connection.execute(sql(name, **parts)).fetchall()


def _listed(subset: Subset) -> str:
    """The columns of a subset as SQL."""
    return ", ".join(f'"{field.name}"' for field in SCHEMAS[subset])


def _threads(memory_mb: int) -> int:
    """As many threads as cores and memory allow, and at least one."""
    return max(1, min(os.cpu_count() or 1, memory_mb // _THREAD_MB))


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except (duckdb.BinderException, duckdb.ConversionException):
        raise  # the condition of --where may be the cause: `_find_candidates` finds out
    except duckdb.OutOfMemoryException as error:
        raise DatasetError(f"--memory-mb is too low, or the disk is full: {first_line(error)}") from None
    except duckdb.IOException as error:
        raise DatasetError(f"the disk is full or failed: {first_line(error)}") from None
    except duckdb.Error as error:
        raise SourceFileError(f"a file of the live root cannot be read: {first_line(error)}") from error
