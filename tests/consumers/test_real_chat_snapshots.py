"""Snapshots of real chats have exactly the rows that a reading of their files by other code gives."""

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.manifest import read_manifest

from tests.consumers.live_root import Root, ranked, rows_of, thumb, turn
from tests.support.services import shared_data
from tests.support.snapshot_checker import leaks

RATING = {"Excellent": 5, "Good": 4, "Passable": 3, "Not Good": 2, "Poor": 1}
Turns = list[tuple[str, str]]
"""(role, text) of each turn."""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def _built(root: Root, **options: Any) -> Path:
    output = root.built(**options)
    assert leaks(output) == ([], [])
    return output


def _chain(turns: Turns) -> list[dict[str, Any]]:
    return [
        turn(f"m{at}", role, f"m{at - 1}" if at else None, content=text)
        for at, (role, text) in enumerate(turns)
    ]


def _text(messages: list[dict[str, str]]) -> str:
    return json.dumps([[message["role"], message["content"]] for message in messages])


def _topical_chats() -> Iterator[tuple[str, Turns, dict[int, int]]]:
    """The id, the turns and the ratings of each chat."""
    chats = json.loads(shared_data("topical_chat/test_freq.json").read_text(encoding="utf-8"))
    for name, chat in chats.items():
        content = chat["content"]
        turns = [("user" if each["agent"] == "agent_1" else "assistant", each["message"]) for each in content]
        ratings = {at: RATING[each["turn_rating"]] for at, each in enumerate(content) if each["turn_rating"]}
        yield name, turns, ratings


@pytest.mark.slow
def test_every_turn_of_topical_chat_rated_by_its_partner(root: Root) -> None:
    scores: dict[str, list[float]] = {}
    given = Counter[str]()
    for name, turns, ratings in _topical_chats():
        user = {"id": None, "kind": "user", "version": None}
        number = {"kind": "number", "minimum": 1.0, "maximum": 5.0, "rater": user}
        feedback = [
            thumb(f"m{at}", None) | number | {"number": float(score)} for at, score in ratings.items()
        ]
        root.judged(name, *_chain(turns), feedback=feedback, minute=root.offset / 10)
        for at, score in ratings.items():
            role, _ = turns[at]
            if role == "user":
                given["not_an_answer"] += 1
            elif not at or turns[at - 1][0] != "user":
                given["no_question"] += 1
            else:
                given["units"] += 1
                scores.setdefault(json.dumps(turns[: at + 1]), []).append(score)
    means = {chat: sum(each) / len(each) for chat, each in scores.items()}
    snapshot = _built(root, shares=(1, 0, 0))
    manifest = read_manifest(snapshot)
    fates = manifest.accounts["judgements_by_fate"]
    assert manifest.accounts["judgements"] == given.total() == 11_648
    assert (fates["not_an_answer"], fates.get("no_question", 0)) == (
        given["not_an_answer"],
        given["no_question"],
    )
    expected = {chat: mean >= 3.4 for chat, mean in means.items() if mean >= 3.4 or mean <= 2.6}
    found = {
        json.dumps(json.loads(_text(row["prompt"] + row["completion"]))): row["label"]
        for row in rows_of(snapshot, "kto")
    }
    assert found == expected
    targets = {
        json.dumps(json.loads(_text(row["prompt"] + row["completion"]))) for row in rows_of(snapshot, "sft")
    }
    assert targets == {chat for chat, mean in means.items() if mean >= 4}
    assert (len(found), sum(found.values()), len(targets), given["units"]) == TOPICAL_CHAT


TOPICAL_CHAT = (5263, 5187, 5187, 5638)
"""Rows of kto, those of them that are true, rows of sft, and rated answers."""


def _pairs_of_hh() -> Iterator[tuple[Turns, str, str]]:
    """The context, the chosen and the rejected answer of the pairs that differ in the last turn alone."""
    path = shared_data("hh_rlhf/harmless-base-test.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            pair = json.loads(line)
            chosen, rejected = (_transcript(pair[side]) for side in ("chosen", "rejected"))
            if chosen[:-1] == rejected[:-1]:
                yield chosen[:-1], chosen[-1][1], rejected[-1][1]


def _transcript(text: str) -> Turns:
    parts = re.split(r"\n\n(Human|Assistant):", text)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    return [(roles[who], said) for who, said in zip(parts[::2], parts[1::2], strict=True)]


def _rankings_of_oasst() -> Iterator[tuple[Turns, list[str]]]:
    """The context and the answers, the best first."""
    for record in json.loads(shared_data("oasst_zh/oaast_rm_zh.json").read_text(encoding="utf-8")):
        turns: Turns = []
        for asked, answered in record["history"]:
            turns += [("user", asked), ("assistant", answered)]
        question = "\n".join(part for part in (record["instruction"], record["input"]) if part)
        yield [*turns, ("user", question)], record["output"]


def _rank(root: Root, number: int, context: Turns, answers: list[str], rng: random.Random) -> None:
    """A chat with ranked answers to one context. The files list the best first, so they are shuffled."""
    messages, parent = _chain(context), f"m{len(context) - 1}"
    names = [f"a{at}" for at in range(len(answers))]
    candidates = [turn(name, parent=parent, content=text) for name, text in zip(names, answers, strict=True)]
    rng.shuffle(candidates)
    comparison = ranked(*names, rater=f"r{number}")
    root.judged(f"c{number}", *messages, *candidates, comparisons=[comparison], minute=number / 10)


def _winners(votes: Mapping[tuple[str, str, str], float]) -> set[tuple[str, str, str]]:
    """Context, better and worse answer of the pairs that have a majority; votes may be given either way."""
    return {
        (context, better, worse)
        for (context, better, worse), count in votes.items()
        if count > votes.get((context, worse, better), 0)
    }


def _pairs(snapshot: Path) -> set[tuple[str, str, str]]:
    return {
        (_text(row["prompt"]), row["chosen"][0]["content"], row["rejected"][0]["content"])
        for row in rows_of(snapshot, "preference")
    }


@pytest.mark.slow
def test_every_pair_of_hh_rlhf(root: Root) -> None:
    votes, rng = Counter[tuple[str, str, str]](), random.Random(1)
    answers = 0
    for number, (context, chosen, rejected) in enumerate(_pairs_of_hh()):
        _rank(root, number, context, [chosen, rejected], rng)
        answers += 1
        if chosen != rejected:
            votes[(json.dumps(context), chosen, rejected)] += 1
    snapshot = _built(root, shares=(1, 0, 0))
    found = _pairs(snapshot)
    assert found == _winners(votes)
    assert (answers, len(found)) == HH_RLHF
    assert read_manifest(snapshot).accounts["judgements"] == answers


HH_RLHF = (2307, 2307)
"""Pairs in the file, and rows of preference."""


@pytest.mark.slow
def test_every_ranking_of_oasst(root: Root) -> None:
    votes, rng = Counter[tuple[str, str, str]](), random.Random(2)
    number = 0
    for number, (context, answers) in enumerate(_rankings_of_oasst()):
        _rank(root, number, context, answers, rng)
        for at, better in enumerate(answers):
            for worse in answers[at + 1 :]:
                if better != worse:
                    votes[(json.dumps(context), better, worse)] += 1
    snapshot = _built(root, shares=(80, 10, 10))
    found = _pairs(snapshot)
    manifest = read_manifest(snapshot)
    lost = manifest.left_out["preference"].get("prompt_of_another_split", 0)
    assert found <= _winners(votes)
    assert len(found) + lost == len(_winners(votes))
    assert (number + 1, len(found), lost) == OASST


OASST = (775, 1782, 16)
"""Contexts in the file, rows of preference, and rows that are left out for their prompt's split."""
