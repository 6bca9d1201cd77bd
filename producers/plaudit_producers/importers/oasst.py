"""OpenAssistant's rankings in LLaMA-Factory's format: an instruction, and answers ranked best first."""

from typing import Any

from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import expect, json_file
from plaudit_producers.importers.sample import Recognised, Sample

_RATER = Rater(id="oasst", kind="reviewer")


def build_oasst(chat: Chat, record: dict[str, Any]) -> None:
    answers = expect(record["output"], list, "output")
    if not answers:
        raise ValueError("output must hold at least one answer")
    for question, answer in record.get("history") or ():
        chat.add_message("user", question)
        chat.add_message("assistant", answer)
    instruction, extra = record["instruction"], record.get("input") or ""
    chat.add_message("user", f"{instruction}\n{extra}" if extra else instruction)
    if len(answers) == 1:
        chat.add_message("assistant", answers[0])
    else:
        if len(set(answers)) < len(answers):
            chat.note("some answers are the same: the ranking says nothing about those")
        chat.compare_answers(answers, rater=_RATER)
    chat.end()


def recognise(sample: Sample) -> Recognised | None:
    for record in sample.objects or [{}]:
        if "instruction" not in record or not isinstance(record.get("output"), list):
            return None
    return Recognised(0.9, "its records have an instruction and a list of outputs")


FORMAT = json_file(
    "oasst",
    build_oasst,
    help="OpenAssistant rankings: instruction, history, answers ranked best first",
    recognises=recognise,
)
