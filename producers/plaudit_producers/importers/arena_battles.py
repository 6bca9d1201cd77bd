"""Battles of Chatbot Arena: two models' conversations, and who won.

Shapes: the cards of `lmsys/chatbot_arena_conversations`, `lmsys/mt_bench_human_judgments` and
`lmarena-ai/arena-human-preference-140k`; the battles of `lmsys/lmsys-arena-human-preference-55k` have lists
of texts and three columns for the winner.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.branches import BranchTurn, add_branches
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.chat_messages import turn_of
from plaudit_producers.importers.formats import as_text, expect, json_file
from plaudit_producers.importers.ids import digest_of
from plaudit_producers.importers.moments import at_time
from plaudit_producers.importers.sample import Recognised, Sample, fields_fit

_TAGS: Final = (
    "question_id", "id", "evaluation_session_id", "evaluation_order", "turn", "anony", "language", "is_code",
)  # fmt: skip
_BOTH_BAD: Final = ("tie (bothbad)", "bothbad", "both_bad", "tie (both bad)")
_TIES: Final = ("tie", "tie (inconsistent)")  # the second one of a judge that was asked in both orders
_WINNERS: Final = ("model_a", "model_b", *_TIES, *_BOTH_BAD)
_COLUMNS: Final = {"winner_model_a": "model_a", "winner_model_b": "model_b", "winner_tie": "tie"}
_DIVERGED: Final = "the two histories differ before the last answers, so these make no pair"


def build_battle(chat: Chat, record: Mapping[str, Any]) -> None:
    winner = _winner_of(record)
    rater = _rater_of(record.get("judge"))
    at = at_time(record.get("tstamp", record.get("timestamp")), "tstamp")
    user_id = rater.id if rater.kind == "user" else None
    tags = {name: as_text(record[name]) for name in _TAGS if record.get(name) is not None}
    chat.start(user_id=user_id, tags=tags, **at)
    sides = [_turns_of(chat, record, side, at) for side in ("a", "b")]
    # A question is asked in many battles, and one battle may have several judges.
    content = digest_of(*(text for side in sides for text in map(repr, _texts(side)))).hex()
    chat.identify(
        record.get("question_id") or record.get("id"),
        str(record.get("model_a")),
        str(record.get("model_b")),
        content,
    )
    if _is_about_earlier_turn(record, sides):
        sides = [_until_answer(side, int(record["turn"])) for side in sides]
        chat.note("the vote is about an earlier turn, so what follows it is left out")
    ends = add_branches(chat, sides)
    if _texts(sides[0][:-1]) != _texts(sides[1][:-1]):
        chat.note(_DIVERGED)
    first, second = ends
    ranking = {"model_a": [[first], [second]], "model_b": [[second], [first]]}.get(winner, [ends])
    chat.compare(ends, ranking, none_acceptable=winner in _BOTH_BAD, rater=rater, **at)
    chat.end(**at)


def _is_about_earlier_turn(record: Mapping[str, Any], sides: list[list[BranchTurn]]) -> bool:
    """Whether `turn` names an answer before the last one. MT-bench has both turns in each record."""
    turn = record.get("turn")
    if isinstance(turn, bool) or not isinstance(turn, int) or turn < 1:
        return False
    return all(sum(each.role == "assistant" for each in side) > turn for side in sides)


def _until_answer(turns: list[BranchTurn], number: int) -> list[BranchTurn]:
    ends = [at for at, turn in enumerate(turns, 1) if turn.role == "assistant"]
    return turns[: ends[number - 1]]


def _winner_of(record: Mapping[str, Any]) -> str:
    winner = record.get("winner")
    if winner is None:
        won = [name for column, name in _COLUMNS.items() if record.get(column) in (1, True, "1")]
        if len(won) != 1:
            raise ValueError(
                "winner is missing, and not one of winner_model_a, winner_model_b and winner_tie is 1"
            )
        return won[0]
    if winner not in _WINNERS:
        raise ValueError(f"winner must be one of {', '.join(_WINNERS)}, not {winner!r}")
    return str(winner)


def _rater_of(judge: Any) -> Rater:
    """Return who judged: the user who chatted, an expert, or for MT-bench's second half a model."""
    if judge is None:
        return Rater()
    if isinstance(judge, list):  # the model, and the name of its prompt
        return Rater(id=as_text(judge[0]), kind="model", version=as_text(judge[1]) if judge[1:] else None)
    name = as_text(judge)
    if name.startswith("arena_user"):
        return Rater(id=name)
    return Rater(id=name, kind="model" if name.startswith("gpt") else "reviewer")


def _turns_of(chat: Chat, record: Mapping[str, Any], side: str, at: Mapping[str, Any]) -> list[BranchTurn]:
    model = record.get(f"model_{side}") or None
    given = record.get(f"conversation_{side}")
    if given is None:
        given = _zip_texts(_json(record["prompt"]), _json(record[f"response_{side}"]))
    turns = expect(_json(given), list, f"conversation_{side}")
    return [_turn_of(chat, turn, model, at) for turn in turns]


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _zip_texts(prompts: list[str], answers: list[str]) -> list[dict[str, Any]]:
    if len(prompts) != len(answers):
        raise ValueError(f"there are {len(prompts)} prompts but {len(answers)} responses")
    roles = ("user", "assistant")
    turns = [turn for pair in zip(prompts, answers, strict=True) for turn in zip(roles, pair, strict=True)]
    return [{"role": role, "content": text} for role, text in turns]


def _turn_of(chat: Chat, message: Any, model: str | None, at: Mapping[str, Any]) -> BranchTurn:
    turn = turn_of(chat, message)
    return turn._replace(
        fields={**turn.fields, **at, **({"model": model} if turn.role == "assistant" else {})}
    )


def _texts(turns: list[BranchTurn]) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in turns]


def _recognise(sample: Sample) -> Recognised | None:
    for sides in (
        ("conversation_a", "conversation_b", "winner"),
        ("response_a", "response_b", "winner_model_a"),
    ):
        if sample.objects and all(fields_fit(record, sides) for record in sample.objects):
            return Recognised(0.9, f"its records have {' and '.join(sides)}")
    return None


FORMAT = json_file(
    "arena-battles",
    build_battle,
    help="Chatbot Arena: battles of two models' conversations, and who won",
    recognises=_recognise,
)
