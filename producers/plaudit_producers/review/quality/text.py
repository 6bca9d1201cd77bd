"""The figures of a queue as lines of text. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from plaudit_schemas.commands.printing import columns
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.review.claims import QueueProgress

_REVIEWERS: Final = (
    "reviewer",
    "answers",
    "surplus",
    "declined",
    "seconds",
    "control items",
    "the others",
    "",
)
_MACHINES: Final = ("model", "question", "label", "right", "correlation")
_QUESTIONS: Final = ("question", "metric", "alpha", "reviewers", "items")


def status_lines(progress: QueueProgress, figures: Mapping[str, Any]) -> Iterator[str]:
    """How far a queue is, and how good its reviews are."""
    items = figures["items"]
    yield (
        f"{progress.done} of {progress.items} items are done; {progress.verdicts} verdicts, "
        f"{progress.surplus} surplus, {progress.leased} under way, {progress.declined} declined"
    )
    for reason, (found, done) in sorted(progress.by_reason.items()):
        yield f"  {reason}: {done} of {found} done"
    random = figures["random"]
    if random["items"]:
        answered, declined = random["answered"], random["declined"]
        yield f"random share: {answered} of {random['items']} answered, {declined} only declined"
    yield f"{items['waiting']} items wait for an adjudicator, {items['settled']} are settled"
    yield from _table(_QUESTIONS, (_question(each) for each in figures["questions"]))
    yield from _table(_REVIEWERS, (_reviewer(each) for each in figures["reviewers"]))
    yield from _table(_MACHINES, (_machine(each) for each in figures["machines"]))


def share_text(share: Mapping[str, Any]) -> str:
    """A share with its interval and counts."""
    if not share["count"]:
        return "none"
    ends = f"{share['low']:.0%} to {share['high']:.0%}"
    return f"{share['share']:.0%} ({ends}; {share['right']} of {share['count']})"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
    found = list(rows)
    return ["", *columns([head, *found])] if found else []


def _question(entry: Mapping[str, Any]) -> tuple[str, ...]:
    alpha = entry["alpha"]
    text = "none"
    if alpha["value"] is not None:
        text = f"{alpha['value']:.3f}"
        if alpha["low"] is not None:
            text += f" ({alpha['low']:.3f} to {alpha['high']:.3f})"
    return entry["question"], entry["metric"] or "words", text, str(alpha["raters"]), str(alpha["items"])


def _reviewer(entry: Mapping[str, Any]) -> tuple[str, ...]:
    seconds = entry["median_seconds"]
    why = {"controls": "control items", "majority": "the others"}
    below = " and ".join(why[name] for name in entry["why"])
    return (
        printable(entry["reviewer"]),
        str(entry["answered"]),
        str(entry["surplus"]),
        str(entry["declined"]),
        "" if seconds is None else f"{seconds:.0f}",
        share_text(entry["controls"]),
        share_text(entry["majority"]),
        f"careless: far below the usual on {below}" if below else "",
    )


def _machine(entry: Mapping[str, Any]) -> tuple[str, ...]:
    correlation = entry["correlation"]
    return (
        printable(entry["model"]),
        entry["question"],
        entry["label"] or "",
        share_text(entry["accuracy"]),
        "none" if correlation is None else f"{correlation:.3f}",
    )
