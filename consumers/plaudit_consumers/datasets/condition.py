"""The condition of --where, checked before it is used: one expression, the same answer every time."""

import json
from typing import Any

import duckdb

from plaudit_consumers.datasets.errors import ConditionError


def checked(condition: str) -> str:
    """The condition as it can be put between parentheses on lines of their own.

    Raises:
        ConditionError: it is no single SQL expression, or its answer depends on more than the row.
    """
    connection = duckdb.connect()
    try:
        return _checked(connection, condition)
    finally:
        connection.close()


def _checked(connection: duckdb.DuckDBPyConnection, condition: str) -> str:
    text = f"SELECT (\n{condition}\n)"
    answer = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0]
    tree = json.loads(answer)
    if tree["error"]:
        raise ConditionError(f"--where {condition!r}: {tree['error_message']}")
    if not _is_one_expression(tree):
        raise ConditionError(f"--where {condition!r} must be one condition over a row, without subqueries")
    unsteady = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    ).fetchall()
    found = sorted(_names(tree) & {name for (name,) in unsteady} | _names(tree) & _CLOCKS)
    if found:
        raise ConditionError(f"--where uses {found[0]}, so the same rows would not give the same snapshot")
    return condition


_CLOCKS = {"current_timestamp", "current_date", "current_time", "localtime", "localtimestamp"}


def _is_one_expression(tree: Any) -> bool:
    statements = tree["statements"]
    node = statements[0]["node"]
    return (
        len(statements) == 1
        and node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and node["from_table"]["type"] == "EMPTY"
        and node["where_clause"] is None
        and not _has_subquery(node["select_list"])
    )


def _has_subquery(node: Any) -> bool:
    if isinstance(node, dict):
        return node.get("class") == "SUBQUERY" or any(_has_subquery(value) for value in node.values())
    return isinstance(node, list) and any(_has_subquery(value) for value in node)


def _names(node: Any) -> set[str]:
    """Functions that are called, and bare names that may be functions without parentheses."""
    if isinstance(node, dict):
        names = {str(node["function_name"]).lower()} if node.get("function_name") else set()
        if len(node.get("column_names") or ()) == 1:
            names.add(str(node["column_names"][0]).lower())
        return names.union(*(_names(value) for value in node.values()))
    if isinstance(node, list):
        return set[str]().union(*(_names(value) for value in node))
    return set()
