"""hh-rlhf: JSON lines of two whole transcripts, one chosen and one rejected."""

import re

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import expect, json_lines
from plaudit_producers.importers.sample import Recognised, Sample

_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}
_WHOLE = "whole transcripts were compared, and this is the end of one"

Turn = tuple[str, str]


def split_transcript(transcript: str) -> list[Turn]:
    """Split a transcript into roles and texts. Nothing is trimmed.

    Raises:
        ValueError: the transcript does not begin with a turn.
    """
    before, *parts = _TURN.split(expect(transcript, str, "a transcript"))
    if before or not parts:
        raise ValueError("a transcript must begin with two line breaks and 'Human:' or 'Assistant:'")
    return [(_ROLES[name], text) for name, text in zip(parts[::2], parts[1::2], strict=True)]


def build_hh_rlhf(chat: Chat, record: dict[str, str]) -> None:
    chosen, rejected = split_transcript(record["chosen"]), split_transcript(record["rejected"])
    common = 0
    while chosen[common : common + 1] == rejected[common : common + 1] and common < len(chosen):
        common += 1
    identical = common == len(chosen) == len(rejected)
    if identical:
        common -= 1  # so that there are still two answers to compare
        chat.note("both transcripts are the same, so the comparison says nothing")
    for role, text in chosen[:common]:
        chat.add_message(role, text)
    ends = [chosen[common:], rejected[common:]]
    if all(len(end) == 1 and end[0][0] == "assistant" for end in ends):
        chat.compare_answers([end[0][1] for end in ends])
    else:
        _add_branches(chat, {"chosen": ends[0], "rejected": ends[1]})
    chat.end()


def _add_branches(chat: Chat, branches: dict[str, list[Turn]]) -> None:
    """Add transcripts that differ before the last answer. No two answers to one question were compared."""
    chat.note(
        "the transcripts differ before the last answer: both are kept as branches, with labels at their ends"
    )
    fork = chat.last
    for name, turns in branches.items():
        chat.last = fork
        for role, text in turns:
            chat.add_message(role, text)
        if turns:
            chat.label(chat.last, name, aspect="preference", rubric=_WHOLE)


def recognise(sample: Sample) -> Recognised | None:
    for record in sample.objects or [{}]:
        ends = [record.get("chosen"), record.get("rejected")]
        if not all(isinstance(end, str) and _TURN.match(end) for end in ends):
            return None
    return Recognised(0.9, "its records have chosen and rejected transcripts, which begin with 'Human:'")


FORMAT = json_lines(
    "hh-rlhf",
    build_hh_rlhf,
    help="hh-rlhf: JSON lines of chosen and rejected transcripts",
    recognises=recognise,
)
