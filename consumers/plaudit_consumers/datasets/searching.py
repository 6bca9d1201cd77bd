"""Finds rows of a snapshot by a condition and by words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.datasets.condition import check_condition
from plaudit_consumers.datasets.errors import ConditionError, SnapshotError, first_line
from plaudit_consumers.datasets.manifest import Manifest
from plaudit_consumers.datasets.queries import literal_paths, sql
from plaudit_consumers.datasets.reading import read_message
from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.rows.times import with_readable_times

CHATS: Final = ("prompt", "completion", "chosen", "rejected", "messages")
"""Columns with lists of messages, in the order in which people read them."""
FACTS: Final = (
    "label", "origin", "aspect", "votes", "agreement", "vote_weight", "vote_strength", "user_count",
    "conversation_count", "model", "model_version", "licence", "consent", "end_reason", "source",
    "finished_at",
)  # fmt: skip
"""Short columns that people read above the texts, where a subset has them."""
_ANSWERS: Final = ("completion", "chosen", "rejected")
_MEMORY_MB: Final = 512


@dataclass(frozen=True, slots=True)
class RowSearch:
    """Which rows of a subset are wanted. Every condition must hold.

    Attributes:
        split: None for all.
        where: an SQL condition over the row's columns.
        words: each must occur in a text of the row, in upper or lower case.
        equal: column -> value, for callers that take no SQL.
        skip: how many of the rows that are found to leave out first.
    """

    subset: Subset
    split: str | None = None
    where: str | None = None
    words: tuple[str, ...] = ()
    equal: Mapping[str, str | bool] | None = None
    limit: int = 10
    skip: int = 0


class FoundRow(NamedTuple):
    """One row of a snapshot.

    Attributes:
        file: its path within the snapshot.
        number: its position in the file, from 0 on.
    """

    file: str
    number: int
    columns: dict[str, Any]

    @property
    def split(self) -> str:
        """The split that its file belongs to."""
        return self.file.rpartition("/")[2].partition("-")[0]


def find_rows(folder: Path, manifest: Manifest, search: RowSearch) -> list[FoundRow]:
    """The rows of a snapshot that a search asks for, in the order of the files.

    Raises:
        ConditionError: the condition cannot be used.
        SnapshotError: a file is missing or damaged.
    """
    prefix = f"{search.subset}/{search.split or ''}"
    files = [file.path for file in manifest.subset_files(search.subset) if file.path.startswith(prefix)]
    if not files or search.limit < 1:
        return []
    if search.where:
        check_condition(search.where)
    with bounded_connection(folder) as connection:
        paths = [str(folder / file) for file in files]
        connection.execute("SET VARIABLE files = CAST(? AS VARCHAR[])", [literal_paths(paths)])
        for name, value in _variables(search).items():
            connection.execute(f"SET VARIABLE {name} = ?", [value])
        query = sql("search", text=_text_of(paths[0]), condition=_condition(search))
        try:
            table = connection.sql(query).to_arrow_table()
        except duckdb.IOException as error:
            raise SnapshotError(f"{folder} cannot be read: {first_line(error)}") from None
        except duckdb.Error as error:
            raise ConditionError(
                f"--where does not fit the subset {search.subset}: {first_line(error)}"
            ) from None
    return list(_found(table, dict(zip(paths, files, strict=True))))


def row_at(folder: Path, manifest: Manifest, file: str, number: int) -> FoundRow | None:
    """The row at a place; None if the snapshot has no such row.

    Raises:
        SnapshotError: the file is missing or damaged.
    """
    if number < 0 or file not in {each.path for each in manifest.files if each.rows is not None}:
        return None
    try:
        with pq.ParquetFile(folder / file) as opened:
            first = 0
            for group in range(opened.num_row_groups):
                rows = opened.metadata.row_group(group).num_rows
                if first + rows > number:
                    table = opened.read_row_group(group).slice(number - first, 1)
                    return FoundRow(file, number, with_readable_times(table).to_pylist()[0])
                first += rows
    except (OSError, pa.ArrowException) as error:
        raise SnapshotError(f"{folder / file} cannot be read as Parquet: {first_line(error)}") from None
    return None


def same_answers(folder: Path, manifest: Manifest, row: FoundRow) -> list[tuple[str, str]]:
    """(conversation id, message id) of the answers of an application that have the texts of a row's answers.

    Only answers in conversations with the last question of the row's prompt. Rows of a snapshot add up such
    answers of many conversations, and name the first. Empty if the snapshot has no whole conversations.

    Raises:
        SnapshotError: a file is missing or damaged.
    """
    files = [str(folder / file.path) for file in manifest.subset_files("conversations")]
    answers = [message.get("content") for name, message in texts_of(row.columns) if name in _ANSWERS]
    asked = [message.get("content") for name, message in texts_of(row.columns) if name == "prompt"]
    if not files:
        return []
    with bounded_connection(folder) as connection:
        connection.execute("SET VARIABLE files = CAST(? AS VARCHAR[])", [literal_paths(files)])
        connection.execute("SET VARIABLE answers = CAST(? AS VARCHAR[])", [answers])
        connection.execute("SET VARIABLE question = CAST(? AS VARCHAR)", [asked[-1] if asked else None])
        connection.execute("SET VARIABLE application = ?", [row.columns["application"]])
        try:
            return connection.execute(sql("same_answers")).fetchall()
        except duckdb.Error as error:
            raise SnapshotError(f"{folder} cannot be read: {first_line(error)}") from None


def words_of(text: str) -> tuple[str, ...]:
    """The words of a search, at most 20."""
    return tuple(text.split()[:20])


@contextmanager
def bounded_connection(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that reads the files of a folder, and opens no other one.

    It takes at most 512 MB.
    """
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "memory_limit": f"{_MEMORY_MB}MB",
            "threads": 2,
            "temp_directory": "",
        }
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        # With the spelling that `literal_paths` gives a folder with `[` in its name.
        folders = [f"{folder}/", *(f"{each}/" for each in literal_paths([folder]))]
        connection.execute("SET allowed_directories = CAST(? AS VARCHAR[])", [folders])
        # No condition, however it is written, opens another file.
        connection.execute("SET enable_external_access = false")
        yield connection
    finally:
        connection.close()


def _variables(search: RowSearch) -> dict[str, Any]:
    equal = {f"equal_{at}": value for at, value in enumerate((search.equal or {}).values())}
    words = {f"word_{at}": word for at, word in enumerate(search.words)}
    return {**equal, **words, "row_limit": search.limit, "row_skip": search.skip}


def _condition(search: RowSearch) -> str:
    # On lines of its own, so that a comment at its end does not swallow the closing parenthesis.
    parts = [f"(\n{search.where}\n)"] if search.where else []
    parts += [f"\"{column}\" = getvariable('equal_{at}')" for at, column in enumerate(search.equal or {})]
    parts += [
        f"contains(_text, lower(nfc_normalize(getvariable('word_{at}'))))" for at in range(len(search.words))
    ]
    return " AND ".join(parts) or "true"


def _text_of(path: str) -> str:
    """An SQL expression of all that people said in a row."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise SnapshotError(f"{path} cannot be read as Parquet: {first_line(error)}") from None
    chats = [name for name in CHATS if name in schema.names and pa.types.is_list(schema.field(name).type)]
    parts = []
    for name in chats:
        said = _said(schema.field(name).type.value_type)
        parts.append(f"array_to_string(list_transform(\"{name}\", lambda m: {said}), ' ')")
    return f"concat_ws(' ', {', '.join(parts)})" if parts else "''"


def _said(message: Any) -> str:
    """An SQL expression of all that a message `m` says."""
    if not pa.types.is_struct(message):  # a JSON object, in subsets with tools
        return "concat_ws(' ', m ->> 'content', m ->> 'tool_calls')"
    calls = ", m.tool_calls::VARCHAR" if message.get_field_index("tool_calls") >= 0 else ""
    return f"concat_ws(' ', m.content{calls})"


def _found(table: Any, names: Mapping[str, str]) -> Iterator[FoundRow]:
    for columns in with_readable_times(table).to_pylist():
        file, number = columns.pop("filename"), columns.pop("file_row_number")
        yield FoundRow(names[file], number, columns)


def texts_of(columns: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(name of the column, message) of every message of a row, in reading order."""
    for name in CHATS:
        messages: Any = columns.get(name)
        if isinstance(messages, list):  # unlike the prompt of a canonical row, which is a struct
            for message in messages:
                yield name, read_message(message)
