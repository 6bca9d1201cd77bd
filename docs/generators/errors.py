"""The page of errors and of the reasons in dead letters."""

import inspect
from typing import Final

from plaudit_schemas.contract.reasons import REASONS, Reason
from plaudit_schemas.errors import PlauditError, RefusedError

from docs.generators.markdown import block, code, page, table
from docs.generators.modules import member_of, modules


def render() -> str:
    """Every error that Plaudit raises on purpose, as a tree and one by one."""
    intro = (
        "Every error that Plaudit raises on purpose is a `PlauditError`. Its text is one sentence that says "
        "what to do. A command prints it and ends with 1."
    )
    modules()  # a class is known once its module is imported
    reasons = (
        "An event that is refused goes to `plaudit.dead-letters` with one of these reasons in its headers; "
        "`plaudit dead-letters` shows them and sends them again."
    )
    return page(
        "Errors",
        intro,
        block("\n".join(_tree(PlauditError))),
        table(["error", "from", "means"], _rows(PlauditError)),
        "## Reasons of dead letters",
        reasons,
        table(["reason", "error", "means"], _reasons()),
    )


_OF_NO_ERROR: Final[dict[Reason, str]] = {
    "lost": "Kafka deleted these events before they were folded, and somebody gave them up with "
    "`plaudit state accept-loss`. There is nothing to send again."
}


def _children(error: type[PlauditError]) -> list[type[PlauditError]]:
    return sorted(error.__subclasses__(), key=lambda child: (member_of(child.__module__), child.__name__))


def _tree(error: type[PlauditError], indent: str = "") -> list[str]:
    children = _children(error)
    lines = [error.__name__] if not indent else []
    for child in children:
        last = child is children[-1]
        lines.append(f"{indent}{'└── ' if last else '├── '}{child.__name__}")
        lines += _tree(child, indent + ("    " if last else "│   "))
    return lines


def _rows(error: type[PlauditError]) -> list[list[str]]:
    rows = [[code(error.__name__), member_of(error.__module__), _meaning(error)]]
    for child in _children(error):
        rows += _rows(child)
    return rows


def _reasons() -> list[list[str]]:
    raised: dict[str, type[RefusedError]] = {}
    for error in _all(RefusedError):
        if not error.__subclasses__():
            raised.setdefault(error.reason, error)
    return [
        [code(reason), code(raised[reason].__name__), _meaning(raised[reason])]
        if reason in raised
        else [code(reason), "", _OF_NO_ERROR[reason]]
        for reason in REASONS
    ]


def _all(error: type[RefusedError]) -> list[type[RefusedError]]:
    return [error, *(found for child in error.__subclasses__() for found in _all(child))]


def _meaning(error: type[PlauditError]) -> str:
    return (inspect.getdoc(error) or "").partition("\n\n")[0]
