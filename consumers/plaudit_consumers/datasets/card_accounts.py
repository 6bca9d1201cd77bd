"""The part of the data card that says what was judged, and what became of it. The figures add up."""

from collections.abc import Iterator
from typing import Any, Final

from plaudit_consumers.datasets.accounts import KEPT
from plaudit_consumers.datasets.manifest import Manifest

_OF_KIND: Final = {"answer": ("sft", "kto"), "pair": ("preference",)}
"""Kind of what was judged -> the subsets that it may be in, each with its twin for chats with tools."""


def accounts_text(manifest: Manifest) -> str:
    """The accounts of the training subsets as Markdown; empty if the snapshot has none."""
    if not manifest.accounts["subsets"]:
        return ""
    return "\n".join(["## What was said, and what became of it", "", *_lines(manifest.accounts), "", ""])


def _lines(accounts: dict[str, Any]) -> Iterator[str]:
    yield f"Judgements (feedback and comparisons) in the chosen conversations: {accounts['judgements']}."
    yield ""
    yield "| judgements | what became of them |"
    yield "| ---: | --- |"
    for fate, count in accounts["judgements_by_fate"].items():
        yield f"| {count} | {in_words(fate)} |"
    if accounts["demonstrations"]:
        yield ""
        yield f"Answers without a judgement that were taken as demonstrations: {accounts['demonstrations']}."
    if accounts["comparisons_without_pair"]:
        counts = ", ".join(
            f"{in_words(why)} {count}" for why, count in accounts["comparisons_without_pair"].items()
        )
        yield ""
        yield f"Candidates of comparisons that make no pair: {counts}."
    for kind, judged in accounts["judged"].items():
        yield from _judged(kind, judged, accounts["subsets"])
    yield from _shared(accounts)


def _judged(kind: str, judged: dict[str, int], subsets: dict[str, Any]) -> Iterator[str]:
    lines = list(_fates(kind, subsets))
    if not lines:
        return
    yield ""
    yield (
        f"Judged {kind}s: {judged['things']} different ones. Counted anew in each conversation they are "
        f"{judged['units']}, with {judged['votes']} votes."
    )
    if judged["superseded"]:
        yield f"{judged['superseded']} of the votes did not count, because another vote of the rater did."
    yield (
        "Each is once in the subsets below, or in their twins for tools: as a row, or with the reason why "
        "there is none."
    )
    yield ""
    yield "| subset | fate | different ones | in each conversation | votes |"
    yield "| --- | --- | ---: | ---: | ---: |"
    yield from lines


def _fates(kind: str, subsets: dict[str, Any]) -> Iterator[str]:
    for subset, fates in subsets.items():
        if subset.removesuffix("_tools") in _OF_KIND[kind]:
            for fate, count in fates.items():
                figures = " | ".join(str(count[name]) for name in ("rows", "units", "votes"))
                yield f"| `{subset}` | {in_words(fate)} | {figures} |"


def _shared(accounts: dict[str, Any]) -> Iterator[str]:
    kept = [fates[KEPT] for fates in accounts["subsets"].values() if KEPT in fates]
    shared, across = (sum(each[name] for each in kept) for name in ("shared", "across"))
    if not shared:
        return
    yield ""
    yield (
        f"Rows of several users: {shared}. They are nobody's own and follow their prompt. {across} of them "
        "hold words that a user said too whose own rows are in another split."
    )


def in_words(name: str) -> str:
    """A reason or a fate in words."""
    return name.replace("_", " ")
