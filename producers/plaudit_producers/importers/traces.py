"""Traces of calls to models, and the scores that people and programs gave them, as conversations.

A trace becomes one conversation. The calls to models in it share what their messages have in common, so the
calls of an agent are one chat, with a branch where they differ.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from plaudit_producers.importers.branches import BranchTurn
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.exports import Members, fit_tags
from plaudit_producers.importers.formats import reason_of
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord
from plaudit_producers.importers.scores import SeenNumbers, TraceScore, add_score
from plaudit_producers.importers.trace_texts import answered_turns, asked_turns, tools_of


@dataclass(slots=True)
class Call:
    """A step of a trace. Only calls to models and the trace as a whole become messages.

    Attributes:
        kind: `model`, `trace` for the whole, or the name of another kind of step.
        order: what the calls of a trace are sorted by.
        start: further fields of `Chat.start`.
        question: further fields of the messages that it was given, such as the time at which it began.
        answer: further fields of the answer's message.
    """

    id: str
    trace: str
    kind: str
    order: str
    asked: Any = None
    answered: Any = None
    start: Mapping[str, Any] = field(default_factory=dict)
    question: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Trace:
    """All that a file says about one trace."""

    id: str
    calls: list[Call] = field(default_factory=list)
    scores: list[TraceScore] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)


Parse = Callable[[Any], Iterable[Call | TraceScore]]
"""Takes a record of the file. Returns the calls and the scores in it; raises if it is neither."""


def group_by_trace(members: Iterable[Member | BadRecord], parse: Parse, seen: SeenNumbers) -> Members:
    """Read all records, and yield one for each trace: a pair of the trace and the records about it."""
    traces: dict[str, Trace] = {}
    of_call: dict[str, str] = {}
    scores: list[tuple[Member, TraceScore]] = []
    for member in members:
        if isinstance(member, BadRecord):
            yield member
            continue
        try:
            parts = list(parse(member.value))
        except Exception as error:  # a record may have any shape and so raise anything; the rest must go on
            yield BadRecord(member.place, reason_of(error))
            continue
        for part in parts:
            if isinstance(part, TraceScore):
                scores.append((member, part))
                continue
            of_call[part.id] = part.trace
            found = traces.setdefault(part.trace, Trace(part.trace))
            found.calls.append(part)
            found.members[member.place.number] = member
    for member, score in scores:
        if score.number is not None and score.scale is None:
            seen.add(score.name, score.number)
        trace_id = of_call.get(score.about) or score.trace or score.about
        found = traces.setdefault(trace_id, Trace(trace_id))
        found.scores.append(score)
        found.members[member.place.number] = member
    for found in traces.values():
        records = list(found.members.values())
        yield Member(records[0].place, b"", (found, [record.value for record in records]))


def build_trace(chat: Chat, trace: Trace, seen: SeenNumbers) -> None:
    """Add one trace. Scores of a trace that is in another file are added alone, to the same conversation."""
    chat.identify(trace.id)
    if not trace.calls:
        chat.note("the file has scores of this trace but not the trace itself, which must be imported too")
    answers = _add_calls(chat, trace)
    for score in trace.scores:
        if trace.calls and score.about not in answers:
            chat.note(f"score {score.name} is about {score.about}, which is no answer of a model")
        add_score(chat, score, answers.get(score.about, score.about), seen)
    if trace.calls:
        chat.end()


def _add_calls(chat: Chat, trace: Trace) -> dict[str, str]:
    """Add the messages of all calls. Returns the answer of each call, and of the trace."""
    calls = sorted(trace.calls, key=lambda call: call.order)
    whole = next((call for call in calls if call.kind == "trace"), None)
    facts = {
        name: value for call in [*calls, *([whole] if whole else [])] for name, value in call.start.items()
    }
    if calls:
        chat.start(**{**facts, "tags": fit_tags(chat, facts.get("tags") or {})})
    texts = [(call, asked_turns(chat, call.asked), answered_turns(chat, call.answered)) for call in calls]
    models = [found for found in texts if found[0].kind == "model" and found[1] and found[2]]
    shown = models or [found for found in texts if found[0] is whole and found[1] and found[2]]
    if calls and not shown:
        raise ValueError(f"trace {trace.id} has no input and output that could be messages")
    last = shown[-1][0] if shown else None
    known: dict[tuple[str, str], str] = {}
    answers: dict[str, str] = {}
    for call, asked, answered in shown:
        # The trace's answer has the trace's id, so that a score in another file finds it.
        message_id = trace.id if call is last and whole is not None else call.id
        answers[call.id] = _add_call(chat, known, call, [*asked, *answered], message_id)
    if last is not None:
        answers.setdefault(trace.id, answers[last.id])
        if whole is not None:
            answers[whole.id] = answers[last.id]
    left = Counter(call.kind for call, _, _ in texts if call.id not in answers)
    for kind, count in sorted(left.items()):
        chat.note(f"{count} steps of kind {kind} are no messages")
    return answers


def _add_call(
    chat: Chat, known: dict[tuple[str, str], str], call: Call, turns: list[BranchTurn], message_id: str
) -> str:
    """Add a call below the messages that it shares with earlier ones. Returns the id of its answer."""
    tools = tools_of(call.asked)
    parent = ""
    for turn in turns[:-1]:
        place = (parent, repr((turn.role, turn.content, turn.fields.get("tool_calls"))))
        if place not in known:
            fields = {**turn.fields, **call.question}
            known[place] = chat.add_message(turn.role, turn.content, parent_id=parent, **fields)
        parent = known[place]
    answer = turns[-1]
    fields = {**answer.fields, **call.answer, **({"tools": tools} if tools else {})}
    made = chat.add_message(answer.role, answer.content, message_id=message_id, parent_id=parent, **fields)
    known.setdefault((parent, repr((answer.role, answer.content, answer.fields.get("tool_calls")))), made)
    return made


def parts_of(values: Iterable[Any], parse: Parse) -> Iterator[Call | TraceScore]:
    """Parse records that lie within another one."""
    for value in values:
        yield from parse(value)
