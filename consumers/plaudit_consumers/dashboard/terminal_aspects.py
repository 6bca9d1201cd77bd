"""The aspects in the terminal view: a line for each aspect, kind of value and model, by votes. Pure."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects
from plaudit_schemas.contract.names import ASPECT_FIGURE, LABEL_SCALE
from rich.table import Table

from plaudit_consumers.dashboard.snapshots import FigureId, FigureValue, Snapshot
from plaudit_consumers.dashboard.terminal_table import first_lines

_BETTER: Final = {"higher_is_better": "higher", "lower_is_better": "lower", "neutral": "neither"}


class _Line(NamedTuple):
    series: str
    which: FigureId
    value: FigureValue
    declaration: AspectDeclaration | None


def aspect_table(snapshots: Iterable[Snapshot], aspects: Aspects) -> Table | None:
    """The table of users' ratings of aspects in these snapshots; None if there are none."""
    lines = sorted(_lines(snapshots, aspects), key=lambda line: (-line.value.count, line.which, line.series))
    if not lines:
        return None
    return first_lines(
        "aspects, as users rate them",
        ("aspect", "model"),
        ("mean or share", "votes", "chats", "better"),
        [_cells(line) for line in lines],
        "votes",
    )


def _lines(snapshots: Iterable[Snapshot], aspects: Aspects) -> Iterable[_Line]:
    for snapshot in snapshots:
        for which, value in snapshot.figures.items():
            if (
                which.name.startswith(ASPECT_FIGURE)
                and which.rater_kind == "user"
                and value.value is not None
            ):
                name = which.name.removeprefix(ASPECT_FIGURE)
                yield _Line(
                    snapshot.series.model_name, which, value, aspects.find(snapshot.series.application, name)
                )


def _cells(line: _Line) -> list[str]:
    which, value, declaration = line.which, line.value, line.declaration
    kind = which.scale.removeprefix(LABEL_SCALE) if which.scale.startswith(LABEL_SCALE) else f"{which.scale}s"
    level = "" if which.level == "message" else f", per {which.level}"
    return [
        f"{which.name.removeprefix(ASPECT_FIGURE)} ({kind}{level})",
        line.series,
        _shown(which, value, declaration),
        f"{value.count:,}",
        f"{value.voters:,}",
        _BETTER[declaration.direction] if declaration else "",
    ]


def _shown(which: FigureId, value: FigureValue, declaration: AspectDeclaration | None) -> str:
    """The value with its interval: on the declared scale, if there is one."""
    form = _form(which, declaration)
    text = form(value.value or 0.0)
    if value.low is None or value.high is None:
        return text
    return f"{text} {form(value.low)}-{form(value.high)}"


def _form(which: FigureId, declaration: AspectDeclaration | None) -> Callable[[float], str]:
    if which.scale != "number" or declaration is None or declaration.minimum is None:
        return "{:.0%}".format
    least, length = declaration.minimum, (declaration.maximum or 0.0) - declaration.minimum
    return lambda share: f"{least + share * length:.2f}"
