"""What the page asks about an answer, about what the person said, and about the whole chat. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, Literal

from plaudit_schemas.contract.aspects import BUILT_IN, AspectDeclaration, AspectLevel, Aspects
from plaudit_schemas.errors import SettingsError

from plaudit_producers.chat.prompts import CORRECTION_ASPECT
from plaudit_producers.chat.recorder import PREFERENCE, SATISFACTION
from plaudit_producers.setting_values import parts_of

QuestionKind = Literal["thumb", "stars", "labels", "text", "correction"]

_KINDS: Final[dict[str, QuestionKind]] = {
    "thumb": "thumb",
    "number": "stars",
    "label": "labels",
    "text": "text",
    "correction": "correction",
}
"""Kinds of values -> kinds of questions. Nobody is asked for signals and spans."""
_MOST_STARS: Final = 11
_SATISFACTION: Final[dict[AspectLevel, dict[QuestionKind, str]]] = {
    "message": {
        "thumb": "Is this a good answer?",
        "stars": "How good is this answer?",
        "text": "What do you say about this answer?",
    },
    "prompt": {
        "text": "Anything to say about your message?",
        "thumb": "Is your message a good one?",
        "stars": "How good is your message?",
    },
    "conversation": {
        "stars": "How good is this chat?",
        "text": "What do you say about this chat?",
        "thumb": "Is this a good chat?",
    },
}
_UNDECLARED: Final[dict[AspectLevel, tuple[QuestionKind, ...]]] = {
    "message": ("thumb", "stars", "text"),
    "prompt": ("text",),
    "conversation": ("stars", "text"),
}
"""What is asked of satisfaction where it is not declared, which allows everything."""
_WRONG: Final = ("incorrect", "incomplete", "not what I asked", "too long", "harmful", "other")


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """One question.

    Attributes:
        level: `message` (an answer), `prompt` (what the person said) or `conversation`.
        text: the question for the person.
        minimum, maximum: of stars.
        labels: those to choose from; empty takes the person's own.
    """

    aspect: str
    kind: QuestionKind
    level: AspectLevel
    text: str
    minimum: float = 1
    maximum: float = 5
    labels: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[float, ...]:
        """The numbers that can be given, from the minimum to the maximum: whole ones if they are few."""
        length = float(self.maximum - self.minimum)
        count = int(length) + 1 if length.is_integer() and 2 <= length < _MOST_STARS else 5
        return tuple(self.minimum + length * step / (count - 1) for step in range(count))


@dataclass(frozen=True, slots=True)
class ChatQuestions:
    """All questions of the page.

    Attributes:
        what_was_wrong: asked right after a dislike: labels, then a text. Empty if the aspects allow none.
        may_correct: whether answers can be corrected.
        may_compare: whether two answers can be compared.
    """

    on_answer: tuple[ChatQuestion, ...]
    on_prompt: tuple[ChatQuestion, ...]
    on_chat: tuple[ChatQuestion, ...]
    what_was_wrong: tuple[ChatQuestion, ...]
    may_correct: bool = True
    may_compare: bool = True


def questions_of(aspects: Aspects, application: str, asked: str = "") -> ChatQuestions:
    """The questions for an application: its declared aspects, and satisfaction, as far as it is declared.

    Args:
        asked: the names of the aspects to ask about, comma-separated; empty is all.

    Raises:
        SettingsError: `asked` names an aspect that is not declared.
    """
    declared = {one.name: one for one in aspects.of(application)}
    is_declared = SATISFACTION in declared
    satisfaction = declared.pop(SATISFACTION, BUILT_IN[SATISFACTION])
    chosen = _chosen([satisfaction, *declared.values()], asked)
    others = [declaration for declaration in chosen if declaration.name != SATISFACTION]

    def at(level: AspectLevel) -> tuple[ChatQuestion, ...]:
        kinds = tuple(_KINDS.values()) if is_declared else _UNDECLARED[level]
        own: Iterable[ChatQuestion] = ()
        if satisfaction in chosen:
            own = _of_satisfaction(satisfaction, level, kinds)
        return (*own, *_at(others, level))

    return ChatQuestions(
        on_answer=at("message"),
        on_prompt=at("prompt"),
        on_chat=at("conversation"),
        what_was_wrong=tuple(_what_was_wrong(satisfaction)),
        may_correct=_may(aspects, application, CORRECTION_ASPECT, "correction"),
        may_compare=_may(aspects, application, PREFERENCE, "comparison"),
    )


def _chosen(declarations: list[AspectDeclaration], asked: str) -> list[AspectDeclaration]:
    names = list(dict.fromkeys(parts_of(asked)))
    known = {declaration.name: declaration for declaration in declarations}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
            raise SettingsError(f"PLAUDIT_CHAT_QUESTIONS: {name} is not declared; {hint}")
    return [known[name] for name in names] if names else declarations


def _of_satisfaction(
    declaration: AspectDeclaration, level: AspectLevel, kinds: Sequence[QuestionKind]
) -> Iterator[ChatQuestion]:
    texts = _SATISFACTION[level]
    for question in _at([declaration], level):
        if question.kind in texts and question.kind in kinds:
            yield replace(question, text=texts[question.kind])
        elif question.kind == "labels" and question.labels:
            yield question


def _what_was_wrong(satisfaction: AspectDeclaration) -> Iterator[ChatQuestion]:
    if "message" not in satisfaction.levels:
        return
    for question in _at([satisfaction], "message"):
        if question.kind == "labels":
            labels = question.labels or _WRONG
            yield ChatQuestion(SATISFACTION, "labels", "message", "What was wrong?", labels=labels)
        elif question.kind == "text":
            yield ChatQuestion(SATISFACTION, "text", "message", "What was wrong, in your words?")


def _at(declarations: list[AspectDeclaration], level: AspectLevel) -> Iterator[ChatQuestion]:
    for declaration in declarations:
        if level not in declaration.levels:
            continue
        for kind in declaration.kinds:
            if kind in _KINDS and (kind != "correction" or level == "message"):
                yield _question(declaration, _KINDS[kind], level)


def _question(declaration: AspectDeclaration, kind: QuestionKind, level: AspectLevel) -> ChatQuestion:
    low, high = declaration.minimum, declaration.maximum
    return ChatQuestion(
        declaration.name,
        kind,
        level,
        declaration.description or declaration.name.replace("_", " ").capitalize(),
        minimum=1 if low is None else low,
        maximum=5 if high is None else high,
        labels=declaration.labels if kind == "labels" else (),
    )


def _may(aspects: Aspects, application: str, name: str, kind: str) -> bool:
    declaration = aspects.find(application, name) or BUILT_IN[name]
    return kind in declaration.kinds and "message" in declaration.levels
