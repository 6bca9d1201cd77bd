"""A rubric: guidelines, questions, and what reviewers are given (docs/rubrics.md).

What only concerns people who write one is in `rubric_checks`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from plaudit_schemas.contract.field_types import Application, Id
from plaudit_schemas.contract.limits import METADATA_ENTRIES

QuestionKind = Literal[
    "thumb", "rating", "label", "labels", "ranking", "text", "correction", "demonstration", "prompt"
]
"""The kind of a question's answer. A demonstration is an answer to a prompt, a prompt the start of a chat."""
Level = Literal["answer", "prompt", "conversation"]
"""What a question is about."""
TargetKind = Literal["answer", "prompt", "conversation", "answers", "topic"]
"""What an item of the queue is: an answer, what a user said, a whole conversation, two to eight answers to
one prompt, or a topic for which a prompt is to be written."""
Yes = Annotated[bool, Field(strict=True)]
"""A bool that is written as true or false, not as 1 or a text."""
Expected = Yes | Annotated[float, Field(strict=True)] | str | list[str]
"""The right answer to a question of a control item: a thumb, a rating, a label, or labels."""

MOST_RANKED: Final = 8
MOST_PROMPTS: Final = 100_000
_QUESTION_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""The name of a rubric: lower-case letters, digits and hyphens."""
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$")]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]

_KINDS_FOR: Final[Mapping[TargetKind, frozenset[str]]] = {
    "answer": frozenset(("thumb", "rating", "label", "labels", "text", "correction")),
    "prompt": frozenset(("thumb", "rating", "label", "labels", "text", "demonstration")),
    "conversation": frozenset(("thumb", "rating", "label", "labels", "text")),
    "answers": frozenset(("ranking", "thumb", "rating", "label", "labels", "text", "correction")),
    "topic": frozenset(("prompt", "text", "label", "labels")),
}
_LEVELS_FOR: Final[Mapping[TargetKind, frozenset[str]]] = {
    "answer": frozenset(("answer", "prompt", "conversation")),
    "prompt": frozenset(("prompt", "conversation")),
    "conversation": frozenset(("conversation",)),
    "answers": frozenset(("prompt", "conversation")),
    "topic": frozenset(("prompt",)),
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RubricQuestion(_Part):
    """One question.

    Attributes:
        name: unique in the rubric.
        aspect: the aspect of the feedback that an answer becomes; the name if it is left out.
        about: what is judged; the rubric's target if it is left out. A ranking and a correction are always
            about answers, a demonstration about its prompt.
        labels: those to choose from, for label and labels.
        minimum, maximum: the ends of a rating's scale, in whole steps.
    """

    name: str
    kind: QuestionKind
    title: str = Field(min_length=1, max_length=300)
    help: str = Field(default="", max_length=4000)
    aspect: Id = ""
    about: Level | None = None
    required: Yes = True
    labels: tuple[Id, ...] = Field(default=(), max_length=METADATA_ENTRIES)
    minimum: int = Field(default=1, ge=-1000, le=1000, strict=True)
    maximum: int = Field(default=5, ge=-1000, le=1000, strict=True)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not _QUESTION_NAME.fullmatch(name):
            raise ValueError("must be lower-case letters, digits, _ and -, and begin with a letter")
        return name

    @model_validator(mode="before")
    @classmethod
    def _aspect_is_the_name(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("aspect") in (None, "") and isinstance(data.get("name"), str):
            return {**data, "aspect": data["name"]}
        return data

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind in ("label", "labels")) != bool(self.labels):
            raise ValueError("labels are needed for the kinds label and labels, and for no other")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels holds a label twice")
        if self.maximum - self.minimum not in range(1, 11):
            raise ValueError("maximum must be 1 to 10 above minimum")
        return self


class Unsure(_Part):
    """Answers whose score by a model lies near the middle of its scale.

    Attributes:
        scorer: the rater id of the model; None is any model.
        aspect: the aspect of its scores.
        within: how far from the middle, as a share of the scale: 0.1 is from 0.4 to 0.6 of it.
    """

    scorer: Id | None = None
    aspect: Id = "quality"
    within: Annotated[float, Field(gt=0, le=0.5, strict=True)] = 0.1


class ItemFilter(_Part):
    """What an item must belong to. An empty field allows everything.

    Attributes:
        models: ids of the models that answered.
        variants: experiment -> arms.
        tags: tag of the conversation -> values.
    """

    models: tuple[str, ...] = ()
    variants: Mapping[str, tuple[str, ...]] = {}
    tags: Mapping[str, tuple[str, ...]] = {}


class ItemSelection(_Part):
    """What becomes an item. Each is a reason of its own; an item may have several.

    Attributes:
        random: the share of all that fit the filter, chosen by a keyed hash (`selection.in_random_share`).
        unsure: answers that a model is unsure of.
        disliked: answers with a thumb down, or a number in the lower half of its scale, by a user.
        disagreement: answers whose raters, people or models, do not all judge them on the same side.
        everything: all that fit the filter.
    """

    random: Share = 0.0
    unsure: Unsure | None = None
    disliked: Yes = False
    disagreement: Yes = False
    everything: Yes = False
    filter: ItemFilter = ItemFilter()


class Control(_Part):
    """An item whose right answers are known. Reviewers cannot tell it from others."""

    conversation: Id
    message: Id | None = None
    expected: Mapping[str, Expected] = Field(min_length=1)


class Controls(_Part):
    """Items with known answers, and the share of a reviewer's items that are such."""

    share: Annotated[float, Field(gt=0, le=0.5, strict=True)] = 0.1
    items: tuple[Control, ...] = Field(min_length=1, max_length=10_000)


class WritingTopic(_Part):
    """A topic for which prompts are to be written, and how many."""

    name: Id
    prompts: int = Field(ge=1, le=MOST_PROMPTS, strict=True)
    help: str = Field(default="", max_length=4000)


class Reviewers(_Part):
    """Who may review: keys with one of the roles, and if people are named, only those."""

    people: tuple[Id, ...] = ()
    roles: tuple[Literal["reviewer", "lead"], ...] = ("reviewer", "lead")


class Rubric(_Part):
    """A rubric.

    Attributes:
        application: whose conversations are reviewed.
        target: what an item is.
        guidelines: Markdown.
        overlap: how many reviewers judge each item.
        lease_minutes: how long an item is kept for the one who has opened it.
        show_suggestions: whether reviewers see the scores of models. Never shown on items of the random
            share and on control items.
        continues: earlier versions whose verdicts count for this one.
    """

    name: Name
    version: Version
    application: Application
    title: str = Field(min_length=1, max_length=200)
    guidelines: str = Field(default="", max_length=100_000)
    target: TargetKind
    questions: tuple[RubricQuestion, ...] = Field(min_length=1, max_length=30)
    select: ItemSelection = ItemSelection()
    topics: tuple[WritingTopic, ...] = ()
    overlap: int = Field(default=1, ge=1, le=20, strict=True)
    controls: Controls | None = None
    reviewers: Reviewers = Reviewers()
    lease_minutes: float = Field(default=30, gt=0, le=7 * 24 * 60, strict=True)
    show_suggestions: Yes = False
    continues: tuple[Version, ...] = ()

    @model_validator(mode="after")
    def _fits_itself(self) -> Self:
        problems = list(self._contradictions())
        if problems:
            raise ValueError("\n".join(problems))  # `rubric_file` gives each its line
        return self

    def _contradictions(self) -> Iterator[str]:
        names = [question.name for question in self.questions]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield f"two questions are named {name}"
        for question in self.questions:
            yield from self._misplaced(question)
        if (self.target == "topic") != bool(self.topics):
            yield "topics are needed for the target topic, and for no other"
        if self.version in self.continues:
            yield "continues names earlier versions, not this one"

    def _misplaced(self, question: RubricQuestion) -> Iterator[str]:
        if question.kind not in _KINDS_FOR[self.target]:
            kinds = ", ".join(sorted(_KINDS_FOR[self.target]))
            yield f"question {question.name}: the target {self.target} has the kinds {kinds}"
        if question.about is not None and question.about not in _LEVELS_FOR[self.target]:
            levels = ", ".join(sorted(_LEVELS_FOR[self.target]))
            yield f"question {question.name}: with target {self.target}, about may be {levels}"

    def question(self, name: str) -> RubricQuestion | None:
        """The question with this name; None if there is none."""
        return next((each for each in self.questions if each.name == name), None)
