"""The part of the data card that says how votes were resolved, and how far raters agree."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from plaudit_consumers.datasets.manifest import Manifest

_WAYS: Final = {
    "votes": "By votes: the majority of raters, or their mean.",
    "dawid-skene": "By Dawid and Skene's model: each rater is weighted by how often they are right, which is "
    "learned from all votes of an aspect. `agreement` is how likely the row's side is the true one.",
    "adjudicated": "By adjudicators: what they said is the truth, and elsewhere the majority of raters or "
    "their mean decides. `agreement` is the share of those who decided.",
}


def resolution_text(manifest: Manifest) -> str:
    """The section as Markdown; empty if the snapshot has no training subset."""
    resolution = manifest.resolution
    if not resolution:
        return ""
    return "\n".join(["## How votes were resolved", "", *_lines(resolution), "", ""])


def alpha_words(alpha: Mapping[str, Any]) -> str:
    """An alpha with its interval, in words."""
    value, low, high = alpha["value"], alpha["low"], alpha["high"]
    if value is None:
        return "none"
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _lines(resolution: Mapping[str, Any]) -> Iterator[str]:
    yield _WAYS[resolution["how"]]
    if not resolution["votes"]:
        return
    yield ""
    yield (
        "`alpha` is Krippendorff's, of scores from 0 to 1 as an interval scale: 1 is perfect agreement, and "
        "0 what chance gives. Its interval of 95 % is a bootstrap over what was judged."
    )
    yield ""
    yield "| what | aspect | judged | by two or more | votes | raters | settled | alpha |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for group in resolution["votes"]:
        figures = " | ".join(str(group[name]) for name in ("things", "twice", "votes", "raters", "settled"))
        yield f"| {group['kind']}s | {cell(group['aspect'])} | {figures} | {alpha_words(group['alpha'])} |"
    yield from _weights(resolution)


def _weights(resolution: Mapping[str, Any]) -> Iterator[str]:
    for group in resolution["votes"]:
        model = group["dawid_skene"]
        if model is None or not model["skill"]:
            continue
        skill, end = model["skill"], "converged" if model["converged"] else "did not converge"
        yield ""
        yield (
            f"How often raters of {group['kind']}s are right in {cell(group['aspect'])}: "
            f"{skill['lowest']:.2f} to {skill['highest']:.2f}, the median {skill['median']:.2f}. "
            f"EM {end} after {model['iterations']} steps."
        )


def cell(text: str) -> str:
    """The text in a form that a cell of a Markdown table can hold."""
    return " ".join(text.replace("|", "\\|").split())
