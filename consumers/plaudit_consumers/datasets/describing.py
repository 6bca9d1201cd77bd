"""Describes the rows of a snapshot's files, for the data card and `plaudit datasets show`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from plaudit_consumers.datasets.queries import literal_paths, sql
from plaudit_consumers.rows.schemas import Subset

_COMMON: Final = {"application": "application", "consent": "consent", "licence": "licence"}
_TRAINING: Final = {
    "model": "concat_ws(' ', model, model_version)",
    "origin": "origin",
    "aspect": "aspect",
    "users": "CASE WHEN user_count > 1 THEN 'several' ELSE 'one' END",
    "near tie": "CASE WHEN near_tie THEN 'yes' ELSE 'no' END",
    "roles alternate": "CASE WHEN alternating THEN 'yes' ELSE 'no' END",
    **_COMMON,
}
_LABELLED: Final = {"label": "label::VARCHAR", **_TRAINING}
_FACETS: Final[dict[Subset, dict[str, str]]] = {
    "conversations": {
        "model": "concat_ws(' ', model.id, model.version)",
        "end": "end_reason",
        "source": "source",
        **_COMMON,
    },
    "sft": _TRAINING,
    "sft_tools": _TRAINING,
    "preference": _TRAINING,
    "preference_tools": _TRAINING,
    "kto": _LABELLED,
    "kto_tools": _LABELLED,
}


class SubsetDescription(NamedTuple):
    """How one subset's rows are distributed.

    Attributes:
        facets: facet -> value -> rows, the most frequent value first. An empty value stands for null.
        first, last: when the first and the last conversation finished, in ISO 8601.
    """

    facets: dict[str, dict[str, int]]
    first: str
    last: str


def describe_subsets(files: Mapping[Subset, Sequence[Path]]) -> dict[Subset, SubsetDescription]:
    """Describe the rows of each subset's files. A subset without files is left out."""
    # Without a network DuckDB must not try to download extensions, and none is needed.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        return {subset: _described(connection, subset, paths) for subset, paths in files.items() if paths}
    finally:
        connection.close()


def _described(connection: Any, subset: Subset, paths: Sequence[Path]) -> SubsetDescription:
    connection.execute("SET VARIABLE files = CAST(? AS VARCHAR[])", [literal_paths(paths)])
    packed = ", ".join(
        f"struct_pack(what := '{what}', value := coalesce({value}, ''))"
        for what, value in _FACETS[subset].items()
    )
    facets: dict[str, dict[str, int]] = {what: {} for what in _FACETS[subset]}
    for what, value, rows in connection.execute(sql("distribution", facets=packed)).fetchall():
        facets[what][value] = rows
    ((first, last),) = connection.execute(sql("span")).fetchall()
    return SubsetDescription(facets, first, last)
