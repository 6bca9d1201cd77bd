"""The outcome of an import in words."""

from collections.abc import Iterator
from typing import Final

from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.printable import printable

from plaudit_producers.importers.replay import ReplaySummary, Times
from plaudit_producers.importers.report import ImportReport

_FIELDS: Final = 20  # names of fields that are printed; the report has all


def describe_replay(
    summary: ReplaySummary, report: ImportReport, times: Times, seconds: float, *, dry: bool = False
) -> str:
    """Describe the outcome in a few lines of text.

    Args:
        dry: whether nothing was sent.
    """
    return "\n".join(map(printable, _lines(summary, report, times, seconds, dry=dry)))


def describe_aspects(summary: ReplaySummary, aspects: Aspects) -> str:
    """Name the rated aspects that nobody declared, and say what that means. Empty if there are none."""
    unknown = sorted(
        f"{printable(aspect)} ({count:,})"
        for (application, aspect), count in summary.aspects.items()
        if not aspects.knows(application, aspect)
    )
    if not unknown:
        return ""
    return (
        f"ratings of aspects that are not declared: {', '.join(unknown)}. They give training rows only where "
        "`plaudit datasets build --aspects` names them, with higher as better. PLAUDIT_ASPECTS declares "
        "aspects, and which way is better"
    )


def _lines(
    summary: ReplaySummary, report: ImportReport, times: Times, seconds: float, *, dry: bool
) -> Iterator[str]:
    kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(summary.bodies.items()))
    if summary.recognised_by:
        yield f"format: {summary.format}, since {summary.recognised_by}"
    told = "a dry run, nothing was sent: " if dry else ""
    yield (
        f"{told}{summary.records:,} records, {summary.events:,} events in {seconds:.1f} s: {kinds or 'none'}"
    )
    if times == "now" and not dry:
        yield "times: each event has the time at which it was sent, not that of the chat"
    elif summary.invented and times == "original":
        yield f"times: {summary.invented:,} events have none in the file and got invented ones"
    where = f", see {report.path}" if report.path else ""
    if report.bad:
        yield f"{report.bad:,} records were refused{where}"
        yield from _examples(report.examples, report.bad, where)
    if report.noted:
        yield f"{report.noted:,} records have a note{where}"
        yield from _examples(report.note_examples, report.noted, where)
    yield from _fields_not_taken(report, where, dry=dry)
    if summary.unrated:
        yield (
            f"{summary.unrated:,} conversations have no rating and no comparison. They give no training row, "
            "unless the snapshot is built with --unrated-sft"
        )
    if report.rest_unread:
        yield "the file could not be read to its end"


def _examples(examples: list[str], count: int, where: str) -> Iterator[str]:
    yield from (f"  {example}" for example in examples)
    if count > len(examples) and not where:
        yield f"  and {count - len(examples):,} more; --report FILE lists them all"


def _fields_not_taken(report: ImportReport, where: str, *, dry: bool) -> Iterator[str]:
    fields = report.most_frequent_fields()
    if not fields:
        return
    # A dry run writes no report, so all are printed.
    shown = fields if dry else fields[:_FIELDS]
    yield f"{len(fields):,} fields of the file are not taken{where if len(shown) < len(fields) else ''}"
    for path, count, line in shown:
        yield f"  {path} ({count:,}), first on line {line}"
    if len(shown) < len(fields):
        yield f"  and {len(fields) - len(shown):,} more"
