"""What people said of stored answers: a label for an answer, or which of two they prefer. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple

from plaudit_schemas.contract.ratings import judged_correct, share_of_scale
from plaudit_schemas.models.inputs import InputKind, Turns

from plaudit_consumers.ranking.stored_answers import Row, StoredAnswer, answers_of
from plaudit_consumers.training.judged_turns import aspect_of_scores, question_group, turns_of

PEOPLE: Final = ("user", "reviewer")
"""The kinds of raters whose word counts unless others are named."""


class JudgedAnswer(NamedTuple):
    """An answer that people judged.

    Attributes:
        group: answers of one group are not independent.
        liked: what most of them said.
    """

    group: bytes
    turns: Turns
    liked: bool


class JudgedPair(NamedTuple):
    """Two answers to one prompt, of which people prefer one."""

    group: bytes
    chosen: Turns
    rejected: Turns


Judged = JudgedAnswer | JudgedPair


def judged_in_rows(
    rows: Iterable[Row],
    kinds: Collection[InputKind],
    aspect: str,
    raters: Collection[str] = PEOPLE,
    since: datetime | None = None,
) -> Iterator[JudgedAnswer]:
    """The judged answers of canonical rows.

    A rater has one vote on an answer, the last one. As many likes as dislikes say nothing.

    Args:
        kinds: what the models that are compared are given. What one of them is not given is left out.
        since: only answers that were first judged then or later.
    """
    for row in rows:
        left_out = [_left_out(row, kind) for kind in kinds]
        for answer in answers_of(row, "history"):
            if isinstance(answer, str) or any(answer.message_id in ids for ids in left_out):
                continue
            said = [item for item in answer.feedback if _counts(item, aspect, raters)]
            if since is not None and any(item["occurred_at"] < since for item in said):
                continue
            counted = Counter(_last_words(said))
            if counted[True] != counted[False]:
                group = _group(answer.application, answer.conversation_id)
                yield JudgedAnswer(group, answer.turns, counted[True] > counted[False])


def _left_out(row: Row, kind: InputKind) -> set[str]:
    taken = {answer.message_id for answer in answers_of(row, kind) if isinstance(answer, StoredAnswer)}
    return {message["message_id"] for message in row["messages"] or ()} - taken


def _counts(item: Row, aspect: str, raters: Collection[str]) -> bool:
    return item["aspect"] == aspect and (item["rater"] or {}).get("kind") in raters


def _last_words(said: Iterable[Row]) -> Iterator[bool]:
    """Whether each rater likes the answer, by their last word, where it says so."""
    last: dict[tuple[str, str | None, str | None], Row] = {}
    for item in said:
        rater = item["rater"]
        key = (rater["kind"], rater.get("id"), rater.get("version"))
        if key not in last or last[key]["occurred_at"] <= item["occurred_at"]:
            last[key] = item
    for item in last.values():
        if (word := liked(item)) is not None:
            yield word


def liked(feedback: Row) -> bool | None:
    """Whether a feedback likes its answer; None if it does not say, or is in the middle of its scale."""
    kind = feedback["kind"]
    if kind == "thumb":
        thumb: bool | None = feedback["thumb"]
        return thumb
    if kind == "label" and feedback["aspect"] == "accuracy":
        return judged_correct(feedback["labels"] or ())
    ends = feedback["number"], feedback["minimum"], feedback["maximum"]
    if kind != "number" or None in ends:
        return None
    share = share_of_scale(*ends)
    return None if share is None or share == 0.5 else share > 0.5


def judged_in_snapshot(rows: Iterable[Row], aspect: str) -> Iterator[Judged]:
    """What people said in rows of `kto` or `preference`, or of their twins with tools.

    Rows about another aspect are left out. Pairs that name no aspect count as `satisfaction`, as in training.
    """
    for row in rows:
        if aspect_of_scores(row["aspect"]) != aspect:
            continue
        prompt = turns_of(row["prompt"])
        group = question_group(prompt)
        if "chosen" in row:
            chosen, rejected = turns_of(row["chosen"]), turns_of(row["rejected"])
            if chosen != rejected:
                yield JudgedPair(group, (*prompt, *chosen), (*prompt, *rejected))
        else:
            yield JudgedAnswer(group, (*prompt, *turns_of(row["completion"])), bool(row["label"]))


def _group(*parts: str) -> bytes:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()
