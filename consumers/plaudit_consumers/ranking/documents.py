"""Rankings and comparisons as lines for people, and as JSON. Pure."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, Final

from plaudit_schemas.models.manifest import ModelManifest

from plaudit_consumers.datasets.reading import readable
from plaudit_consumers.ranking.comparing import Compared
from plaudit_consumers.ranking.paired import Comparison
from plaudit_consumers.ranking.resampling import Interval
from plaudit_consumers.ranking.standings import Ranking, Standing
from plaudit_consumers.training.report import NAMES

_HEAD: Final = ("rank", "model", "prompts", "score", "reward", "wins", "ahead of the next", "characters")
_FEW: Final = 20


def ranking_lines(ranking: Ranking, scored_by: str) -> list[str]:
    """A ranking as a table with notes."""
    rows = [_HEAD, *(_cells(standing) for standing in ranking.standings)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    lines = [
        f"{ranking.prompts:,} prompts, scored by {scored_by}; ranked by {ranking.by}; intervals of 95 %",
        *("  ".join(_aligned(row, widths)).rstrip() for row in rows),
    ]
    return [*lines, *_notes(ranking)]


def ranking_document(ranking: Ranking) -> dict[str, Any]:
    """A ranking as JSON."""
    return {
        "by": ranking.by,
        "prompts": ranking.prompts,
        "shared": ranking.shared,
        "standings": [_plain(standing._asdict()) for standing in ranking.standings],
    }


def comparison_lines(models: tuple[ModelManifest, ModelManifest], compared: Compared) -> list[str]:
    """A comparison as tables with a verdict."""
    first, second = (f"{model.name}@{model.version}" for model in models)
    lines = []
    for what, found in (("answers", compared.answers), ("pairs", compared.pairs)):
        if found is not None:
            lines += _comparison(what, found, first, second)
    lines += [f"left out, because {model} gave no score: {n:,}" for model, n in compared.left_out.items()]
    return lines


def comparison_document(models: tuple[ModelManifest, ModelManifest], compared: Compared) -> dict[str, Any]:
    """A comparison as JSON."""
    return {
        "first": f"{models[0].name}@{models[0].version}",
        "second": f"{models[1].name}@{models[1].version}",
        "aspect": models[0].aspect,
        "left_out": dict(compared.left_out),
        **{
            what: None if found is None else _plain(found._asdict())
            for what, found in (("answers", compared.answers), ("pairs", compared.pairs))
        },
    }


def _comparison(what: str, found: Comparison, first: str, second: str) -> list[str]:
    liked = "" if found.pairs else f", {found.liked:,} of them liked"
    rows: list[tuple[str, ...]] = [("", first, second, "difference")]
    for name, figure in found.figures.items():
        rows.append((NAMES[name], *(interval_text(each) for each in figure[:2]), signed(figure.difference)))
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = [f"{found.rows:,} judged {what} in {found.groups:,} groups{liked}; intervals of 95 %"]
    lines += [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.append(
        f"both right {found.both_right:,}, only {first} {found.first_right:,}, only {second} "
        f"{found.second_right:,}, both wrong {found.both_wrong:,}"
    )
    told = {
        "better": f"{second} is better: the interval of the difference in log-loss is below 0",
        "worse": f"{second} is worse: the interval of the difference in log-loss is above 0",
        "no difference shown": "no difference shown: the interval of the difference in log-loss holds 0",
    }
    lines.append(told[found.verdict])
    if found.groups < _FEW:
        lines.append(f"fewer than {_FEW} groups: the intervals are too narrow")
    return lines


def interval_text(found: Interval | None, digits: int = 3) -> str:
    """A figure with its interval, such as `0.612 (0.592 to 0.631)`."""
    if found is None or isnan(found.value):
        return "-"
    if found.low is None or found.high is None:
        return f"{found.value:.{digits}f}"
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def signed(found: Interval) -> str:
    """A difference with its interval and signs."""
    if isnan(found.value):
        return "-"
    if found.low is None or found.high is None:
        return f"{found.value:+.3f}"
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _cells(standing: Standing) -> tuple[str, ...]:
    ranks = "" if standing.ranks is None else f" ({standing.ranks[0]} to {standing.ranks[1]})"
    return (
        f"{standing.rank}{ranks}",
        readable(standing.model, 60).replace("\n", " "),
        f"{standing.prompts:,}",
        interval_text(standing.score),
        interval_text(standing.reward),
        interval_text(standing.wins),
        "" if standing.ahead is None else signed(standing.ahead),
        f"{standing.characters:,.0f}",
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [text.ljust(width) for text, width in zip(row, widths, strict=True)]


def _notes(ranking: Ranking) -> list[str]:
    notes = []
    if any(standing.prompts != ranking.prompts for standing in ranking.standings):
        notes.append(
            f"the models answered different prompts, {ranking.shared:,} of them all models: means may differ "
            "because the prompts do; --shared counts only those"
        )
    if 0 < ranking.prompts < _FEW:
        notes.append(f"fewer than {_FEW} prompts: the intervals are too narrow")
    for standing in ranking.standings:
        if standing.unscored:
            notes.append(f"{standing.model}: {standing.unscored:,} answers got no score")
        if standing.cut:
            notes.append(
                f"{standing.model}: {standing.cut:,} answers were longer than the model takes, and were cut"
            )
    return [readable(note) for note in notes]


def _plain(value: Any) -> Any:
    """A value of tuples as JSON has it: named tuples are objects, NaN is null."""
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and isnan(value) else value
