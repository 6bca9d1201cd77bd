"""What a batch does to a queue, as arguments of `apply.lua`: one part, or several where it is large."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plaudit_schemas.review.changes import (
    LoggedDecline,
    LoggedVerdict,
    NewItem,
    QueueChanges,
    QueueRules,
)
from plaudit_schemas.review.queue.errors import QueueAnswersError

MOST_RECORDS: Final = 100
"""Changes in one part. Redis does nothing else while it applies them."""
MOST_BYTES: Final = 4 * 2**20
"""Of contexts in one part."""
_FIRST_CONTEXT: Final = 8  # in ARGV
_HIGHEST_ORDER: Final = 2**42 - 1


@dataclass(slots=True)
class ChangePart:
    """Changes that are applied together. All of one item are in the same part."""

    ids: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    adjudications: list[dict[str, Any]] = field(default_factory=list)
    declines: list[dict[str, Any]] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    contexts: list[bytes] = field(default_factory=list)
    records: int = 0
    size: int = 0

    @property
    def is_full(self) -> bool:
        """Whether another item's changes should go to the next part."""
        return self.records >= MOST_RECORDS or self.size >= MOST_BYTES

    def document(self) -> str:
        """The changes as JSON, without the contexts."""
        names = ("ids", "reviewers", "items", "verdicts", "adjudications", "declines", "erased")
        return json.dumps({name: getattr(self, name) for name in names}, ensure_ascii=False)

    def add(self, change: NewItem | LoggedVerdict | LoggedDecline, kind: str, rules: QueueRules) -> None:
        """Take a change in."""
        self.records += 1
        if isinstance(change, NewItem):
            self._add_item(change, rules)
            return
        if change.reviewer not in self.reviewers:
            self.reviewers.append(change.reviewer)
        getattr(self, kind).append(
            _verdict(change) if isinstance(change, LoggedVerdict) else _decline(change)
        )

    def _add_item(self, item: NewItem, rules: QueueRules) -> None:
        self.items.append(
            {
                "id": item.id, "kind": item.target.kind, "conversation": item.target.conversation_id,
                "message": item.target.message_id, "reasons": "\n".join(item.reasons),
                "order": str(min(max(item.order, 0), _HIGHEST_ORDER)), "control": item.id in rules.controls,
                "context": _FIRST_CONTEXT + len(self.contexts),
            }
        )  # fmt: skip
        self.contexts.append(item.context)
        self.size += len(item.context)


def parts_of(changes: QueueChanges, rules: QueueRules) -> Iterator[ChangePart]:
    """The parts of a batch but for its erasures, which need ids that only the queue knows."""
    by_item: defaultdict[str, list[tuple[Any, str]]] = defaultdict(list)
    for item in changes.items:
        by_item[item.id].append((item, "items"))
    for kind in ("verdicts", "adjudications", "declines"):
        for change in getattr(changes, kind):
            by_item[change.item].append((change, kind))
    part = ChangePart()
    for name, gathered in by_item.items():
        if part.is_full:
            yield part
            part = ChangePart()
        part.ids.append(name)
        for change, kind in gathered:
            part.add(change, kind, rules)
    yield part


def erasure_part(conversations: Iterable[str], ids: Iterable[str]) -> ChangePart:
    """The part that erases conversations, whose items have these ids."""
    return ChangePart(ids=list(ids), erased=list(conversations))


def answers_json(answers: Mapping[str, Any]) -> str:
    """Answers as the scripts take them: question -> JSON.

    Raises:
        QueueAnswersError: there are none, or they are not JSON.
    """
    if not isinstance(answers, Mapping):
        raise QueueAnswersError(
            f"answers are not an object but {type(answers).__name__}; send question: answer"
        )
    given = {str(question): _json(answer) for question, answer in answers.items() if answer is not None}
    if not given:
        raise QueueAnswersError("a submission needs an answer to at least one question; add one")
    return json.dumps(given)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise QueueAnswersError(
            f"an answer is not JSON ({error}); send numbers, texts and lists only"
        ) from error


def _verdict(verdict: LoggedVerdict) -> dict[str, Any]:
    said = {name: False if answer is None else _json(answer) for name, answer in verdict.answers.items()}
    made: dict[str, Any] = {
        "id": verdict.item, "reviewer": verdict.reviewer, "answers": said, "offset": str(verdict.offset),
        "at": str(verdict.answered_ms),
    }  # fmt: skip
    if verdict.machine:
        made["machine"] = json.dumps({model: dict(values) for model, values in verdict.machine.items()})
    return made


def _decline(decline: LoggedDecline) -> dict[str, Any]:
    return {
        "id": decline.item, "reviewer": decline.reviewer, "reason": decline.reason,
        "offset": str(decline.offset),
    }  # fmt: skip
