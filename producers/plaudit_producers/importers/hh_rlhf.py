"""hh-rlhf: JSON lines of two whole transcripts, of which the first was chosen."""

import re

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import expect, json_lines

_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}
_WHOLE = "whole transcripts were compared, and this is the end of one"

Turn = tuple[str, str]


def split_transcript(transcript: str) -> list[Turn]:
    """Role and text of every turn. Nothing is trimmed, so the texts join to the transcript again.

    Raises:
        ValueError: it does not begin with a turn.
    """
    before, *parts = _TURN.split(expect(transcript, str, "a transcript"))
    if before or not parts:
        raise ValueError("a transcript must begin with two line ends and 'Human:' or 'Assistant:'")
    return [(_ROLES[name], text) for name, text in zip(parts[::2], parts[1::2], strict=True)]


def build_hh_rlhf(chat: Chat, record: dict[str, str]) -> None:
    chosen, rejected = split_transcript(record["chosen"]), split_transcript(record["rejected"])
    common = 0
    while chosen[common : common + 1] == rejected[common : common + 1] and common < len(chosen):
        common += 1
    identical = common == len(chosen) == len(rejected)
    if identical:
        common -= 1
        chat.note("both transcripts are the same: the comparison says nothing")
    for role, text in chosen[:common]:
        chat.add_message(role, text)
    ends = [chosen[common:], rejected[common:]]
    if all(len(end) == 1 and end[0][0] == "assistant" for end in ends):
        chat.compare_answers([end[0][1] for end in ends])
    else:
        _add_branches(chat, {"chosen": ends[0], "rejected": ends[1]})
    chat.end()


def _add_branches(chat: Chat, branches: dict[str, list[Turn]]) -> None:
    """Add transcripts that part before the last answer: no two answers were compared."""
    chat.note(
        "the transcripts part before the last answer: both are kept as branches, with labels at their ends"
    )
    fork = chat.last
    for name, turns in branches.items():
        chat.last = fork
        for role, text in turns:
            chat.add_message(role, text)
        if turns:
            chat.label(chat.last, name, aspect="preference", rubric=_WHOLE)


FORMAT = json_lines("hh-rlhf", build_hh_rlhf, help="hh-rlhf: JSON lines of chosen and rejected transcripts")
