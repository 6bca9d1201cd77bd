"""Argilla 2's records: `records.to_json`, `to_list` and `to_dict`, nested or flattened (`flatten=True`).

Shapes: argilla-io/argilla, `argilla/src/argilla/records/_io/_generic.py` and `responses.py` (SDK 2.8), and
the `responses` of its API. The records hold no settings, so the shape of a value tells the kind of its
question. If `settings.json` of `dataset.to_disk` lies beside the file, that tells it, and a rating's scale.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plaudit_schemas.errors import NotFoundError

from plaudit_producers.importers.annotations import (
    is_correction,
    pick,
    rank,
    rating_aspect,
    span_of,
)
from plaudit_producers.importers.argilla_answers import (
    RESPONSES,
    SUGGESTION,
    GivenAnswer,
    parts_of,
    ranked_groups,
)
from plaudit_producers.importers.argilla_tables import is_table, records_of
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.exports import fit_tags, read_members
from plaudit_producers.importers.formats import Format, as_text, build_chats, expect
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.records import ReadRecord
from plaudit_producers.importers.sample import Recognised, Sample, fields_fit
from plaudit_producers.importers.shown_fields import ShownFields, add_fields, choose_fields, other_fields
from plaudit_producers.importers.source import Source

_NAME: Final = "argilla"
_SETTINGS: Final = "settings.json"
_WHICH: Final = f"put the data set's {_SETTINGS} beside the file, which says in which"
_STARS: Final = (1, 5)
_MORE_STARS: Final = (0, 10)


@dataclass(frozen=True, slots=True)
class Question:
    """What the settings of a data set say about a question. Without them it has a name only.

    Attributes:
        kind: rating, label_selection, multi_label_selection, ranking, text or span; empty if nobody knows.
        values: the values of a rating.
        field: the field in which spans are marked.
    """

    kind: str = ""
    values: tuple[float, ...] = ()
    field: str = ""


def build_argilla(chat: Chat, record: ReadRecord, questions: Mapping[str, Question]) -> None:
    chat.identify(record.get("_server_id"))
    parts = parts_of(record)
    choice = choose_fields(parts.fields, parts.names)
    tags = {name: as_text(value) for name, value in parts.metadata.items() if value is not None}
    tags |= {name: as_text(record[name]) for name in ("status", "score") if record.get(name) is not None}
    if record.get("id") is not None:
        tags["original_id"] = as_text(record["id"])
    chat.start(tags=fit_tags(chat, tags | other_fields(parts.fields, parts.names, choice)))
    shown = add_fields(chat, parts.fields, choice)
    for answer in parts.answers:
        if answer.status == "discarded":
            continue
        if answer.status == "draft":
            chat.note(f"the answer to {answer.question} is a draft, so it is not imported")
        else:
            _add_answer(chat, shown, answer, questions.get(answer.question, Question()))
    _add_discards(chat, parts.answers, as_text(record.get("id") or "record"))
    chat.end()


def _add_discards(chat: Chat, answers: Sequence[GivenAnswer], item: str) -> None:
    raters = {
        answer.given["rater"].id: answer.given["rater"] for answer in answers if answer.status == "discarded"
    }
    for rater in raters.values():
        chat.decline_review(item, reason="discarded", rater=rater)


def _add_answer(chat: Chat, shown: ShownFields, answer: GivenAnswer, question: Question) -> None:
    value, name, given = answer.value, answer.question, answer.given
    if isinstance(value, int | float) and not isinstance(value, bool):
        least, most = _scale_of(value, question)
        about = _about(chat, shown, name)
        chat.rate(about, value, minimum=least, maximum=most, aspect=rating_aspect(name), **given)
    elif isinstance(value, str):
        _add_text(chat, shown, answer, question)
    elif isinstance(value, list):
        _add_list(chat, shown, answer, question)
    else:
        raise ValueError(  # noqa: TRY004
            f"the answer to {name} must be a number, a text or a list, not {value!r}"
        )


def _scale_of(value: float, question: Question) -> tuple[float, float]:
    if question.values:
        return min(question.values), max(question.values)
    return _STARS if _STARS[0] <= value <= _STARS[1] else _MORE_STARS


def _add_text(chat: Chat, shown: ShownFields, answer: GivenAnswer, question: Question) -> None:
    text, name, given = answer.value, answer.question, answer.given
    is_label = question.kind == "label_selection"
    if question.kind != "text" and pick(chat, shown, text, name, given):
        return
    about = _about(chat, shown, name)
    if is_label or (not question.kind and _is_short(text)):
        chat.label(about, [text], aspect=name, **given)
    elif is_correction(name) and about is not None and shown.judged() in shown.answers:
        chat.correct(about, text, aspect=name, **given)
    else:
        chat.comment(about, text, aspect=name, **given)


def _add_list(chat: Chat, shown: ShownFields, answer: GivenAnswer, question: Question) -> None:
    values, name, given = answer.value, answer.question, answer.given
    if not values:
        return
    if all(isinstance(each, dict) and "start" in each for each in values):
        _add_spans(chat, shown, answer, question)
    elif not (
        question.kind != "multi_label_selection" and rank(chat, shown, ranked_groups(values), name, given)
    ):
        chat.label(_about(chat, shown, name), [as_text(each) for each in values], aspect=name, **given)


def _add_spans(chat: Chat, shown: ShownFields, answer: GivenAnswer, question: Question) -> None:
    found = shown.judged(question.field)
    if found is None:
        raise ValueError(f"{answer.question} marks parts of one of {', '.join(shown.messages)}; {_WHICH}")
    spans = [span_of(shown.texts[found], span) for span in answer.value]
    chat.mark_spans(shown.messages[found], spans, aspect=answer.question, **answer.given)


def _about(chat: Chat, shown: ShownFields, name: str) -> str | None:
    found = shown.judged() or next((each for each in shown.answers if name.endswith(each)), None)
    if found is None:
        chat.note(f"{name} may be about any of {', '.join(shown.answers)}, so it is about the whole chat")
        return None
    return shown.messages[found]


def _is_short(text: str) -> bool:
    """Whether a text looks like the name of a label: without a line break, and of few words."""
    return len(text) <= 40 and len(text.split()) <= 3


def read_questions(source: Source) -> dict[str, Question]:
    """Read the questions from the settings beside a file. Returns none if there are no settings.

    Raises:
        ValueError: the settings cannot be read.
    """
    for name in (_SETTINGS, f".argilla/{_SETTINGS}"):
        try:
            with source.beside(name) as beside:
                settings = parse_json(b"".join(iter(beside.read, b"")))
        except NotFoundError:
            continue
        if isinstance(settings, dict) and "questions" in settings:  # else it is of something else
            questions = expect(settings["questions"], list, "questions")
            return dict(_question_of(expect(each, dict, "a question")) for each in questions)
    return {}


def _question_of(question: ReadRecord) -> tuple[str, Question]:
    about = question.get("settings") or {}
    values = [each.get("value") for each in about.get("options") or ()]
    numbers = tuple(value for value in values if isinstance(value, int | float))
    return as_text(question.get("name")), Question(about.get("type") or "", numbers, about.get("field") or "")


def read_argilla(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    questions: dict[str, Question] = {}
    try:
        questions = read_questions(source)
    except ValueError as error:
        yield BadRecord(Place(1, 1), f"{_SETTINGS} beside the file cannot be used: {error}")

    def build(chat: Chat, record: Any) -> None:
        build_argilla(chat, expect(record, dict, "a record"), questions)

    yield from build_chats(_NAME, build, records_of(read_members(source)), options)


def _recognise(sample: Sample) -> Recognised | None:
    if sample.pairs and is_table(dict(sample.pairs)):
        return Recognised(0.9, "it holds the records of Argilla's `to_dict`")
    records = sample.objects
    if records and all(fields_fit(each, ("fields", "responses", "suggestions")) for each in records):
        return Recognised(0.9, "its records have fields, responses and suggestions")
    flat = [
        any(name.endswith((f"{RESPONSES}.users", f"{SUGGESTION}.agent")) for name in each) for each in records
    ]
    return Recognised(0.9, "its records are flattened records of Argilla") if flat and all(flat) else None


FORMAT = Format(
    _NAME,
    f"Argilla 2: records as JSON, nested or flattened, with {_SETTINGS} beside it if there is one",
    read_argilla,
    _recognise,
)
