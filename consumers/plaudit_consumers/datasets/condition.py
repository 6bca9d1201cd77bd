"""A condition on rows: one SQL expression that always gives the same result for the same row."""

import json
from collections.abc import Iterator
from typing import Any, Final

import duckdb

from plaudit_consumers.datasets.errors import ConditionError


def check_condition(condition: str, option: str = "--where") -> None:
    """Check that a condition can be used in a query, in parentheses on lines of their own.

    Args:
        option: where it comes from, for the errors.

    Raises:
        ConditionError: it is not a single SQL expression, or its result depends on more than the row.
    """
    connection = duckdb.connect()
    try:
        _check(connection, condition, option)
    finally:
        connection.close()


def _check(connection: duckdb.DuckDBPyConnection, condition: str, option: str) -> None:
    # On lines of its own, so that a comment at its end does not swallow the closing parenthesis.
    text = f"SELECT (\n{condition}\n)"
    answer = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0]
    tree = json.loads(answer)
    if tree["error"]:
        raise ConditionError(f"{option} {condition!r}: {tree['error_message']}")
    if not _is_one_expression(tree):
        raise ConditionError(
            f"{option} {condition!r} must be one condition over one row, without subqueries, window "
            "functions, * or parameters"
        )
    # DuckDB knows which of its functions may give another result for the same arguments.
    volatile = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    ).fetchall()
    found = sorted(_called_functions(tree) & ({name for (name,) in volatile} | _CLOCKS))
    if found:
        raise ConditionError(f"{option} uses {found[0]}, so the same rows would not give the same snapshot")
    hidden = sorted({name for names in _columns(tree) for name in names} & _HIDDEN)
    if hidden:
        raise ConditionError(f"{option} uses {hidden[0]}, which is not a column of the subsets")


_CLOCKS: Final = {
    "current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", "current_localtime",
    "current_localtimestamp", "ago", "age", "pg_postmaster_start_time", "pg_conf_load_time",
}  # fmt: skip
"""Functions of the current time that DuckDB does not list as volatile (`age` if it has one argument)."""
_HIDDEN: Final = {"rows", "filename", "file_row_number", "_kind", "_key", "_selected"}
"""Names in `candidates.sql` that depend on where a row is stored, or on what happens to it."""
_BEYOND_ONE_ROW: Final = {"SUBQUERY", "WINDOW", "STAR", "POSITIONAL_REFERENCE", "PARAMETER", "DEFAULT"}


def _is_one_expression(tree: Any) -> bool:
    statements = tree["statements"]
    node = statements[0]["node"]
    return (
        len(statements) == 1
        and node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and node["from_table"]["type"] == "EMPTY"
        and node["where_clause"] is None
        and not any(each.get("class") in _BEYOND_ONE_ROW for each in _nodes(node["select_list"]))
    )


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All objects of a syntax tree."""
    if isinstance(tree, dict):
        yield tree
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _nodes(value)


def _columns(tree: Any) -> Iterator[list[str]]:
    """All column references, as the parts of their qualified names in lower case."""
    for node in _nodes(tree):
        if node.get("column_names"):
            yield [str(name).lower() for name in node["column_names"]]


def _called_functions(tree: Any) -> set[str]:
    """Called functions and unqualified names, because some functions are called without parentheses."""
    functions = {str(node.get("function_name") or "").lower() for node in _nodes(tree)}
    return functions | {names[0] for names in _columns(tree) if len(names) == 1}
