"""The DuckDB database in which a snapshot is selected. It may spill to disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from plaudit_consumers.datasets.errors import ConditionError, DatasetError, SourceFileError, first_line
from plaudit_consumers.datasets.queries import sql

_THREAD_MB: Final = 512
"""Memory for each thread, which holds a row group of a file while it works on it."""
_BATCH_ROWS: Final = 2048
"""The size of DuckDB's vectors. It returns whole ones, so batches of this size depend on the rows alone."""


class Database:
    """Runs the files of `sql/`. Errors of DuckDB become ours.

    A `BinderException` and a `ConversionException` stay as they are: a user's condition may be the cause.
    """

    def __init__(self, folder: Path, memory_mb: int, threads: int | None) -> None:
        """Open the database in a folder that holds what it spills too."""
        self._connection = duckdb.connect(
            folder / "selection.duckdb",
            config={
                "memory_limit": f"{memory_mb}MB",
                "threads": str(threads or _threads(memory_mb)),
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

    def set(self, name: str, value: object, kind: str) -> None:
        """Set a variable of the queries."""
        self._connection.execute(f"SET VARIABLE {name} = CAST(? AS {kind})", [value])

    def run(self, name: str, **parts: str) -> list[Any]:
        """The rows of `sql/<name>.sql`.

        Raises:
            SourceFileError: a file cannot be read.
            DatasetError: memory or disk space did not suffice.
        """
        with _typed_errors():
            return self._connection.execute(sql(name, **parts)).fetchall()

    def run_condition(self, name: str, condition: str | None, misfit: str, **parts: str) -> None:
        """Run `sql/<name>.sql` with a user's condition as its part `condition`; None is true for every row.

        Args:
            misfit: what the condition does not fit, as the beginning of the error.

        Raises:
            ConditionError: the condition does not fit the rows.
            SourceFileError: a file cannot be read.
            DatasetError: memory or disk space did not suffice.
        """
        try:
            self.run(name, condition=condition or "true", **parts)
        except (duckdb.BinderException, duckdb.ConversionException, SourceFileError) as error:
            if condition is None:
                raise
            # Without the condition only a damaged file fails again, so otherwise the condition is at fault.
            self.run(name, condition="true", **parts)
            raise ConditionError(f"{misfit}: {first_line(error.__cause__ or error)}") from None

    def batches(self, name: str, **parts: str) -> Iterator[Any]:
        """Record batches of 2,048 rows. Their strings may be `large_string`.

        Raises:
            as `run`.
        """
        with _typed_errors():
            yield from self._connection.sql(sql(name, **parts)).to_arrow_reader(_BATCH_ROWS)


def _threads(memory_mb: int) -> int:
    """As many threads as cores and memory allow, and at least one."""
    return max(1, min(os.cpu_count() or 1, memory_mb // _THREAD_MB))


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except (duckdb.BinderException, duckdb.ConversionException):
        raise
    except (duckdb.InterruptException, RuntimeError) as error:
        # DuckDB takes Ctrl-C for itself while a query runs.
        if "interrupted" not in str(error).lower():
            raise
        raise KeyboardInterrupt from None
    except duckdb.OutOfMemoryException as error:
        raise DatasetError(f"--memory-mb is too low, or the disk is full: {first_line(error)}") from None
    except duckdb.IOException as error:
        raise DatasetError(f"the disk is full or failed: {first_line(error)}") from None
    except duckdb.Error as error:
        raise SourceFileError(f"a file of the live root cannot be read: {first_line(error)}") from error
