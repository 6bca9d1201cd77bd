"""What a person should know right after a build: what is empty, what still waits, and what to do. Pure."""

from collections.abc import Collection, Iterator
from typing import Final

from plaudit_consumers.datasets.accounts import IN_ROWS
from plaudit_consumers.datasets.manifest import Manifest

_NEEDS: Final = {
    "conversations": "no conversation of the root fits the options",
    "sft": "it takes answers that were liked, rated well or corrected",
    "preference": "it takes two answers to one prompt: compared, corrected, or rated apart",
    "kto": "it takes answers that were rated",
}
_UNCOUNTED: Final = {
    "consent": "{} judgements do not count, because their conversations lack consent; see --consent",
    "rater_not_chosen": (
        "{} judgements do not count, because their raters are none of {training_raters}; see --raters"
    ),
    "aspect_not_chosen": (
        "{} judgements do not count, because their aspects are none of {training_aspects}; see --aspects"
    ),
    "aspect_not_declared": (
        "{} judgements do not count, because nobody declares their aspects and which way is better; declare "
        "them (--aspects-file), or name them with --aspects"
    ),
}
"""Why judgements do not count, where an option would change it."""
_TOOLS: Final = "_tools"


def content_notes(manifest: Manifest, asked: Collection[str]) -> Iterator[str]:
    """Notes on what is empty.

    Args:
        asked: the subsets that were asked for by name. Subsets for tools are empty in most roots, so without
            being asked for they get no note.
    """
    if manifest.as_of is None:
        yield (
            "the root has no conversations yet, so the snapshot is empty: the sink writes what has finished, "
            "and conversations finish when they are ended, or after a time without messages"
        )
        return
    for subset, rows in manifest.rows.items():
        if not rows and (subset in asked or not subset.endswith(_TOOLS)):
            reasons = [
                f"{why.replace('_', ' ')} {n}" for why, n in manifest.left_out.get(subset, {}).items() if n
            ]
            left_out = f" (left out: {', '.join(reasons)})" if reasons else ""
            yield f"{subset} has no rows{left_out}; {_NEEDS[subset.removesuffix(_TOOLS)]}"
    fates = manifest.accounts["judgements_by_fate"]
    yield from (text.format(fates[why], **manifest.rules) for why, text in _UNCOUNTED.items() if why in fates)
    if "aspect_not_chosen" in fates and IN_ROWS not in fates:
        yield (
            f"no judgement is in a row ({manifest.judgements()}): are the aspects "
            f"{manifest.rules['training_aspects']} spelt as in the conversations?"
        )
    missing = [
        f"{subset}/{split}"
        for subset, rows in manifest.rows.items()
        for split, share in manifest.split.items()
        if rows and share and split not in rows
    ]
    if missing:
        yield (
            f"no rows in {', '.join(missing)}: there are few users, and each is in one split; choose other "
            "shares with --split, or another --salt"
        )


def waiting_note(waiting: int | None, rotate_minutes: float, root: str) -> str | None:
    """A note on what is in Kafka and not in the root.

    Args:
        waiting: how many records; None if Kafka was not asked or did not answer.
        rotate_minutes: how long a sink waits before it writes.
    """
    if waiting is None:
        return (
            f"conversations that finished in the last {rotate_minutes:g} minutes may not be in the root yet, "
            "because the sink waits that long (PLAUDIT_ROTATE_MINUTES); if none runs, `plaudit sink --once` "
            "writes them"
        )
    if not waiting:
        return None
    return (
        f"{waiting} finished conversations and amendments are in Kafka and not in the root yet. A running "
        f"sink writes them within PLAUDIT_ROTATE_MINUTES ({rotate_minutes:g} unless set otherwise); if "
        f"none runs, use `plaudit sink --once --root {root}`. Then build again"
    )
