"""Which rows a snapshot holds, decided by DuckDB out of core: places and hashes, never contents."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from plaudit_consumers.datasets.condition import checked
from plaudit_consumers.datasets.errors import ConditionError, DatasetError, SourceFileError
from plaudit_consumers.datasets.plan import Plan, Split
from plaudit_consumers.datasets.queries import sql
from plaudit_consumers.rows.schemas import SCHEMAS, TRAINING, Subset

THREAD_MB: Final = 512
AT_ONCE: Final = 2048  # DuckDB's own vector: batches of it come whole
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


class Summary(NamedTuple):
    """What the selection came to, without its rows.

    Attributes:
        rows: (subset, split, fate) -> how many.
        erased: conversations that are left out because they were erased, before or after the time.
        positions: partition of the finished topic -> the offset after the last record that was read.
        as_of: the latest broker timestamp among the rows, in microseconds; None without rows.
        holders: the canonical files that hold a chosen revision.
    """

    rows: dict[tuple[Subset, Split, str], int]
    erased: int
    positions: dict[int, int]
    as_of: int | None
    holders: list[str]

    def count(self, subset: Subset, split: Split | None = None, fate: str = "kept") -> int:
        """Rows of a subset, in all splits or one, that met a fate."""
        return sum(
            rows
            for (of, where, what), rows in self.rows.items()
            if of == subset and what == fate and split in (None, where)
        )


class Selection:
    """A DuckDB file in which the choice is made; `rows` reads what was chosen."""

    def __init__(self, folder: Path, plan: Plan, sources: Mapping[Subset, Sequence[str]]) -> None:
        """`sources` are local files; a subset without files has no rows."""
        self._plan = plan
        self._sources = {subset: list(paths) for subset, paths in sources.items() if paths}
        self._connection = duckdb.connect(
            folder / "selection.duckdb",
            config={
                "memory_limit": f"{plan.memory_mb}MB",
                "threads": str(plan.threads or _threads(plan.memory_mb)),
                "temp_directory": str(folder / "spilled"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        for setting in ("TimeZone = 'UTC'", "arrow_large_buffer_size = true", "enable_progress_bar = false"):
            self._connection.execute(f"SET {setting}")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def choose(self) -> Summary:
        """Decide on every row.

        Raises:
            ConditionError: the condition cannot be used, or does not fit a subset.
            SourceFileError: a file cannot be read as its subset.
            DatasetError: memory or disk did not suffice.
        """
        condition = "true" if self._plan.where is None else checked(self._plan.where)
        if "conversations" not in self._sources:
            return Summary({}, 0, {}, None, [])
        self._set_variables()
        self._run("revisions")
        for subset in self._plan.subsets:
            if subset in self._sources:
                self._candidates(subset, condition)
        self._run("homes")
        self._run("fates")
        read = self._run("read")
        return Summary(
            {(subset, split, fate): rows for subset, split, fate, rows in self._run("counts")},
            sum(erased for *_, erased in read),
            {partition: following for partition, following, *_ in read},
            max((latest for _, _, latest, _ in read), default=None),
            [filename for (filename,) in self._run("holders")],
        )

    def rows(self, subset: Subset, split: Split) -> Iterator[Any]:
        """Record batches of AT_ONCE rows in the snapshot's order; strings may be large ones."""
        columns = ", ".join(f'"{field.name}"' for field in SCHEMAS[subset])
        query = sql("content", subset=subset, split=split, columns=columns)
        with _typed_errors():
            yield from self._connection.sql(query).to_arrow_reader(AT_ONCE)

    def _set_variables(self) -> None:
        plan = self._plan
        train_end, validation_end = plan.bounds()
        values: dict[str, tuple[object, str]] = {
            "as_of": (plan.as_of, "TIMESTAMPTZ"),
            "salt": (plan.salt, "VARCHAR"),
            "train_end": (train_end, "BIGINT"),
            "validation_end": (validation_end, "BIGINT"),
            "has_condition": (plan.where is not None, "BOOLEAN"),
            **{f"{subset}_files": (paths, "VARCHAR[]") for subset, paths in self._sources.items()},
        }
        for name, (value, kind) in values.items():
            self._connection.execute(f"SET VARIABLE {name} = CAST(? AS {kind})", [value])

    def _candidates(self, subset: Subset, condition: str) -> None:
        try:
            self._run("candidates", **self._parts(subset, condition))
        except (duckdb.BinderException, duckdb.ConversionException, SourceFileError) as error:
            if self._plan.where is None:
                raise
            self._run("candidates", **self._parts(subset, "true"))  # a damaged file fails here again
            reason = _line(error.__cause__ or error)
            raise ConditionError(
                f"--where does not fit the subset {subset} (--subset leaves others out): {reason}"
            ) from None

    def _parts(self, subset: Subset, condition: str) -> dict[str, str]:
        training = subset in TRAINING
        if training and self._plan.min_agreement is not None:
            condition = f"({condition}\n) AND agreement >= {self._plan.min_agreement!r}"
        return {
            "subset": subset,
            "keys": _REVISION if training else "filename, file_row_number",
            "training": "true" if training else "false",
            "condition": condition,
            "parts": _PARTS if training else "''",
            "content": _CONTENT[subset],
            "prompt": _PROMPT if training else "''",
        }

    def _run(self, name: str, **parts: str) -> list[Any]:
        with _typed_errors():
            return self._connection.execute(sql(name, **parts)).fetchall()


def _threads(memory_mb: int) -> int:
    """As many as there are cores, and memory for: each holds a row group of a file, and works on it."""
    return max(1, min(os.cpu_count() or 1, memory_mb // THREAD_MB))


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except (duckdb.BinderException, duckdb.ConversionException):
        raise
    except duckdb.OutOfMemoryException as error:
        raise DatasetError(f"--memory-mb is too little, or the disk is full: {_line(error)}") from None
    except duckdb.IOException as error:
        raise DatasetError(f"the disk failed or is full: {_line(error)}") from None
    except duckdb.Error as error:
        raise SourceFileError(f"a file of the live root cannot be read: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
