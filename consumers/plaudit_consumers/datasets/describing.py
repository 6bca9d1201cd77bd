"""Describes the rows of a snapshot's files, for the data card and `plaudit datasets show`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

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


def describe_subset(subset: Subset, paths: Sequence[Path]) -> SubsetDescription:
    """Describe the rows of a subset's files; there must be at least one file."""
    # Without a network DuckDB must not try to download extensions, and none is needed.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET VARIABLE files = CAST(? AS VARCHAR[])", [literal_paths(paths)])
        packed = ", ".join(
            f"struct_pack(what := '{what}', value := coalesce({value}, ''))"
            for what, value in _FACETS[subset].items()
        )
        facets: dict[str, dict[str, int]] = {what: {} for what in _FACETS[subset]}
        for what, value, rows in connection.execute(sql("distribution", facets=packed)).fetchall():
            facets[what][value] = rows
        ((first, last),) = connection.execute(sql("span")).fetchall()
    finally:
        connection.close()
    return SubsetDescription(facets, first, last)
