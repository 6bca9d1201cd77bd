"""TRL's dataset formats: pairs, labelled answers (KTO) and demonstrations, as texts or as messages."""

from typing import Any

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import expect, json_file
from plaudit_producers.importers.labels import label_of
from plaudit_producers.importers.messages import Messages, tools_of
from plaudit_producers.importers.records import skip_all
from plaudit_producers.importers.sample import Recognised, Sample, fields_fit


def build_trl(chat: Chat, record: Any) -> None:
    expect(record, dict, "a record")
    chat.identify(record.get("id"))
    tags = {"original_id": str(record["id"])} if record.get("id") is not None else {}
    chat.start(tools=tools_of(record), tags=tags)
    if record.get("system"):
        chat.add_message("system", record["system"])
    messages = Messages(chat)
    if "completion" in record:
        messages.add(turns_of(record["prompt"], "user"))
        answer = messages.add(turns_of(record["completion"], "assistant"))
        label = label_of(record)
        if label is not None:
            (chat.like if label else chat.dislike)(answer)
    else:
        _add_pair(messages, record)
    chat.end()


def turns_of(value: Any, role: str) -> list[Any]:
    """The messages of a field that holds either messages or the text of one message of this role.

    Raises:
        ValueError: the field holds neither, or no message.
    """
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    turns: list[Any] = expect(value, list, f"the field of the {role}")
    if not turns:
        raise ValueError(f"the field of the {role} holds no message")
    return turns


def _add_pair(messages: Messages, record: Any) -> None:
    chosen, rejected = turns_of(record["chosen"], "assistant"), turns_of(record["rejected"], "assistant")
    given = turns_of(record["prompt"], "user") if record.get("prompt") else []
    if not given and isinstance(record["chosen"], str):
        raise ValueError("two texts without a prompt do not say which turns they hold")
    prompt, shared = _prompt_of(given, chosen, rejected)
    for copy in (*given, *chosen[:shared], *rejected[:shared]):
        if all(copy is not turn for turn in prompt):
            skip_all(copy)
    messages.add(prompt)
    messages.add_pair(chosen[shared:], rejected[shared:])


def _prompt_of(given: list[Any], chosen: list[Any], rejected: list[Any]) -> tuple[list[Any], int]:
    """The prompt, and how many turns of both answers repeat it. Without a given one both begin with it."""
    size = len(given)
    if given and chosen[:size] == given == rejected[:size]:
        return given, size
    common = _common_turns(chosen, rejected)
    if common and common[-size:] == given:  # a system message may stand before the copy
        return common, len(common)
    if given:
        return given, 0
    if not common:
        raise ValueError("chosen and rejected begin with different messages, and there is no prompt")
    return common, len(common)


def _common_turns(first: list[Any], second: list[Any]) -> list[Any]:
    """The turns with which both begin, without an answer at the end of both."""
    common = 0
    while common < min(len(first), len(second)) - 1 and first[common] == second[common]:
        common += 1
    return first[:common]


def recognise(sample: Sample) -> Recognised | None:
    records = sample.objects
    for names in (("chosen", "rejected"), ("prompt", "completion")):
        # `messages` may stand beside a pair, as the chosen answer once more (UltraFeedback).
        if records and all(fields_fit(record, names, ("conversations",)) for record in records):
            return Recognised(0.6, f"its records have {' and '.join(names)}")
    return None


FORMAT = json_file(
    "trl",
    build_trl,
    help="TRL: prompt, chosen and rejected; or prompt, completion and a label (KTO)",
    recognises=recognise,
)
