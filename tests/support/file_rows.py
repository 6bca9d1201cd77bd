"""The training rows that the public data files must give, read from the files alone.

Written apart from the importers and the row rules: the README beside the files says how to read them, and
docs/datasets.md which judgements become rows.
"""

import csv
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.support.services import shared_data

Turn = tuple[str, str]
Prompt = tuple[Turn, ...]
Pair = tuple[Prompt, str, str]


class RatedAnswer(NamedTuple):
    """An answer and one rater's score, from 0 to 1."""

    prompt: Prompt
    answer: str
    score: float


def topical_chat() -> Iterator[RatedAnswer]:
    """The rated turns of agent_2 that follow a turn of agent_1."""
    stars = {"Excellent": 5, "Good": 4, "Passable": 3, "Not Good": 2, "Poor": 1}
    document = json.loads(shared_data("topical_chat/test_freq.json").read_text(encoding="utf-8"))
    roles = {"agent_1": "user", "agent_2": "assistant"}
    for chat in document.values():
        turns = [(roles[turn["agent"]], turn["message"]) for turn in chat["content"]]
        for number, turn in enumerate(chat["content"]):
            follows = number > 0 and turns[number - 1][0] == "user"
            if turn["agent"] == "agent_2" and turn["turn_rating"] and follows:
                yield RatedAnswer(
                    tuple(turns[:number]), turn["message"], (stars[turn["turn_rating"]] - 1) / 4
                )


def halie() -> Iterator[RatedAnswer]:
    """The disliked answers. A tick of 1 is no like."""
    disliked = {
        (row["session_id"], row["turn_id"])
        for row in _table("halie/survey_responses.csv")
        if row["preference"] and float(row["preference"]) == 0
    }
    histories: dict[str, list[Turn]] = defaultdict(list)
    for row in _table("halie/event_blocks.csv"):
        turns = histories[row["session_id"]]
        turns.append(("user", row["user_input"]))
        if (row["session_id"], row["turn_id"]) in disliked:
            yield RatedAnswer(tuple(turns), row["model_completion"], 0.0)
        turns.append(("assistant", row["model_completion"]))


def hh_rlhf() -> Iterator[Pair]:
    """The pairs that differ in the last answer only."""
    for line in _lines("hh_rlhf/harmless-base-test.jsonl.gz"):
        record = json.loads(line)
        chosen, rejected = _transcript(record["chosen"]), _transcript(record["rejected"])
        if chosen[:-1] == rejected[:-1]:
            yield tuple(chosen[:-1]), chosen[-1][1], rejected[-1][1]


def oasst() -> Iterator[Pair]:
    """Each better answer over each worse one."""
    records = json.loads(shared_data("oasst_zh/oaast_rm_zh.json").read_text(encoding="utf-8"))
    for record in records:
        turns = [turn for said in record["history"] for turn in zip(("user", "assistant"), said, strict=True)]
        prompt = (*turns, ("user", record["instruction"]))
        best_first = record["output"]
        for better, answer in enumerate(best_first):
            for worse in best_first[better + 1 :]:
                yield prompt, answer, worse


def decided(pairs: Iterable[Pair]) -> set[Pair]:
    """The pairs with a majority, each once. Equal texts make no pair."""
    votes: dict[tuple[Prompt, frozenset[str]], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for prompt, better, worse in pairs:
        if better != worse:
            votes[prompt, frozenset((better, worse))][better] += 1
    found = set()
    for (prompt, both), wins in votes.items():
        first, second = sorted(both)
        if wins[first] != wins[second]:
            better, worse = (first, second) if wins[first] > wins[second] else (second, first)
            found.add((prompt, better, worse))
    return found


def labelled(answers: Iterable[RatedAnswer]) -> dict[tuple[Prompt, str], bool]:
    """The KTO label of each answer: the mean of all ratings of the same answer to the same prompt."""
    scores: dict[tuple[Prompt, str], list[float]] = defaultdict(list)
    for prompt, answer, score in answers:
        scores[prompt, answer].append(score)
    means = {key: sum(found) / len(found) for key, found in scores.items()}
    return {key: mean >= 0.6 for key, mean in means.items() if mean >= 0.6 or mean <= 0.4}


def _transcript(text: str) -> list[Turn]:
    parts = re.split(r"\n\n(Human|Assistant):", text)
    assert parts[0] == ""
    roles = {"Human": "user", "Assistant": "assistant"}
    return [(roles[role], said) for role, said in zip(parts[1::2], parts[2::2], strict=True)]


def _lines(name: str) -> list[bytes]:
    with gzip.open(shared_data(name)) as file:
        return file.read().splitlines()


def _table(name: str) -> list[dict[str, str]]:
    with shared_data(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def prompt_of(row: dict[str, Any], column: str = "prompt") -> Prompt:
    """The (role, content) of each message of a row."""
    return tuple((message["role"], message["content"]) for message in row[column])
