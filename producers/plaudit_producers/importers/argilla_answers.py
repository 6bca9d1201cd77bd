"""What a record of Argilla 2 holds, nested or flattened: its fields, and who answered what.

Shapes: argilla-io/argilla, `argilla/src/argilla/records/_io/_generic.py` and `responses.py` (SDK 2.8), and
the `responses` of its API.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.annotations import Given
from plaudit_producers.importers.formats import as_text, expect
from plaudit_producers.importers.records import ReadRecord

RESPONSES: Final = ".responses"
SUGGESTION: Final = ".suggestion"
_OWN: Final = ("id", "_server_id", "status", "score")


@dataclass(slots=True)
class GivenAnswer:
    """One answer to one question: by a user, or as the suggestion of a model."""

    question: str
    value: Any
    given: Given
    status: str | None = None


@dataclass(slots=True)
class RecordParts:
    """A record of either form.

    Attributes:
        names: those of its fields, and of its metadata where it is flat.
    """

    fields: ReadRecord
    names: list[str]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    answers: list[GivenAnswer] = field(default_factory=list)


def parts_of(record: ReadRecord) -> RecordParts:
    """Take a record apart.

    Raises:
        ValueError: a part of it has another shape. Other errors for what no record has.
    """
    return _nested(record) if "fields" in record else _flat(record)


def _nested(record: Mapping[str, Any]) -> RecordParts:
    answers = list(_suggestions(record.get("suggestions") or {}))
    responses = record.get("responses") or {}
    if isinstance(responses, list):  # the API's form: all answers of one user together
        for response in responses:
            given = _given(response.get("user_id"))
            values = (response.get("values") or {}).items()
            answers += [
                GivenAnswer(name, each["value"], given, response.get("status")) for name, each in values
            ]
    else:
        for name, given_answers in responses.items():
            for response in given_answers:
                answers.append(
                    GivenAnswer(
                        name, response["value"], _given(response.get("user_id")), response.get("status")
                    )
                )
    fields = expect(record["fields"], dict, "fields")
    return RecordParts(fields, list(fields), record.get("metadata") or {}, answers)


def _suggestions(suggestions: Any) -> Iterator[GivenAnswer]:
    if isinstance(suggestions, list):
        for each in suggestions:
            name = each.get("question_name") or each.get("question_id")
            yield GivenAnswer(
                as_text(name), each["value"], _given_by_model(each.get("agent"), each.get("score"))
            )
    else:
        for name, each in suggestions.items():
            yield GivenAnswer(name, each["value"], _given_by_model(each.get("agent"), each.get("score")))


def _flat(record: ReadRecord) -> RecordParts:
    """Take a flattened record apart: only its answers have a dot and `responses` in their names."""
    answers = []
    for name in record:
        question = name.removesuffix(SUGGESTION)
        if question != name and record[name] is not None:
            agent, score = record.get(f"{name}.agent"), record.get(f"{name}.score")
            answers.append(GivenAnswer(question, record[name], _given_by_model(agent, score)))
    for name in record:
        question = name.removesuffix(RESPONSES)
        if question == name or not record[name]:
            continue
        users = record.get(f"{name}.users") or [None] * len(record[name])
        statuses = record.get(f"{name}.status") or [None] * len(record[name])
        for value, user, status in zip(record[name], users, statuses, strict=True):
            answers.append(GivenAnswer(question, value, _given(user), status))
    plain = [name for name in record if RESPONSES not in name and SUGGESTION not in name and name not in _OWN]
    return RecordParts(record, plain, {}, answers)


def _given(user_id: Any) -> dict[str, Any]:
    return {"rater": Rater(id=None if user_id is None else as_text(user_id), kind="reviewer")}


def _given_by_model(agent: Any, score: Any) -> dict[str, Any]:
    sure = {"confidence": score} if isinstance(score, int | float) and 0 <= score <= 1 else {}
    return {"rater": Rater(id=as_text(agent or "suggestion"), kind="model"), **sure}


def ranked_groups(values: Sequence[Any]) -> list[list[str]]:
    """The names of a ranking, best first. Those of one rank, or in one list, are a tie."""
    if all(isinstance(each, dict) for each in values):
        ranks: dict[Any, list[str]] = {}
        for place, each in enumerate(values, 1):
            rank_of = each.get("rank")
            ranks.setdefault(place if rank_of is None else rank_of, []).append(as_text(each["value"]))
        return [ranks[rank_of] for rank_of in sorted(ranks)]
    return [[as_text(one) for one in each] if isinstance(each, list) else [as_text(each)] for each in values]
