"""Files as tools export them, made by a test and imported, and what was said in them."""

import json
from pathlib import Path
from typing import Any

from plaudit_schemas.contract.events import CompareMessages
from plaudit_schemas.contract.feedback import FeedbackValue, Rater

from tests.producers.importers.files import Imported, Outcome, import_file

AWKWARD = "\n  blanks, é́ unnormalised, \U0001f9d1\u200d\U0001f680, \x01 and \r\n "
"""A text that must come through to the byte."""


def import_records(folder: Path, name: str, *records: Any, lines: bool = True, **options: Any) -> Outcome:
    """Import records as JSON lines, or as an array."""
    path = folder / "export"
    texts = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(texts) if lines else f"[{','.join(texts)}]", encoding="utf-8", newline="")
    return import_file(path, name, **options)


def only(outcome: Outcome) -> Imported:
    """Return the only chat of an import that refused nothing."""
    assert outcome.report.examples == []
    (chat,) = outcome.chats
    return chat


def turns(chat: Imported) -> list[tuple[str, str]]:
    """Return role and text of each message, in the order of the events."""
    return [(message.role, message.content) for message in chat.messages.values()]


def words(chat: Imported) -> list[tuple[str | None, str, FeedbackValue | None, Rater]]:
    """Return the text that each feedback is about, its aspect, its value and its rater."""
    return [
        (
            None if body.message_id is None else chat.messages[body.message_id].content,
            body.feedback.aspect,
            body.feedback.value,
            body.feedback.rater,
        )
        for body in chat.feedback
    ]


def ranking(chat: Imported, comparison: CompareMessages) -> list[list[str]]:
    """Return the texts of a ranking."""
    return [[chat.messages[one].content for one in group] for group in comparison.ranking]
