"""Answers that are rated on several aspects, as in HelpSteer: a prompt, a response, and a number for each."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import Format, build_chats, expect, group_records, scan_lines
from plaudit_producers.importers.json_scanner import scan_json
from plaudit_producers.importers.messages import Messages
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.source import Source
from plaudit_producers.importers.trl import turns_of

_NAME: Final = "multi-aspect"
_RATER: Final = Rater(kind="reviewer")
_HELPSTEER: Final = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
_ANSWER: Final = ("response", "completion")


class _Scale(NamedTuple):
    minimum: float
    maximum: float


_HELPSTEER_SCALE: Final = _Scale(0, 4)


def read_multi_aspect(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    members = scan_json(source.read) if source.peek() == b"[" else scan_lines(source)

    def build(chat: Chat, records: list[Any]) -> None:
        _build(chat, records, options)

    # The answers to one prompt stand together and share a chat: their ratings then give pairs.
    return build_chats(_NAME, build, group_records(members, _prompt_of), options)


def _prompt_of(record: Any) -> str | None:
    return repr(record.peek("prompt")) if record.peek("prompt") else None


def _build(chat: Chat, records: list[Any], options: ImportOptions) -> None:
    prompt = expect(records[0], dict, "a record")["prompt"]
    chat.identify("prompt", repr(prompt))
    chat.start()
    messages = Messages(chat)
    messages.add(turns_of(prompt, "user"))
    for record in records:
        record.skip("prompt")
        name = next((name for name in _ANSWER if name in record), _ANSWER[0])
        answer = chat.add_answer("assistant", expect(record[name], str, name))
        for aspect, scale in _aspects_of(record, options):
            low, high = scale
            chat.rate(answer, record[aspect], minimum=low, maximum=high, aspect=aspect, rater=_RATER)
    chat.end()


def _aspects_of(record: Any, options: ImportOptions) -> Iterator[tuple[str, _Scale]]:
    """The ratings whose scale is known: of declared aspects that have one, and HelpSteer's, from 0 to 4."""
    application = options.application or "import"
    for name in record.keys():  # noqa: SIM118  # a loop over the record itself says less
        if not _is_number(record.peek(name)):
            continue
        declared = options.aspects.find(application, name)
        if declared is not None and declared.minimum is not None and declared.maximum is not None:
            yield name, _Scale(declared.minimum, declared.maximum)
        elif name in _HELPSTEER:
            yield name, _HELPSTEER_SCALE


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def recognise(sample: Sample) -> Recognised | None:
    for record in sample.objects or [{}]:
        numbers = [name for name, value in record.items() if _is_number(value)]
        if "prompt" not in record or "response" not in record or len(numbers) < 2:
            return None
    return Recognised(0.7, "its records have a prompt, a response and several numbers")


FORMAT = Format(
    _NAME,
    "answers rated on several aspects, as in HelpSteer: prompt, response and a number for each",
    read_multi_aspect,
    recognise,
)
