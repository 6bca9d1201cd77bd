"""What is asked: which answers to which prompts, under which ids. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from plaudit_schemas.contract.field_types import Consent

from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.generation.errors import GenerationError
from plaudit_producers.generation.prompts_file import GenerationPrompt
from plaudit_producers.importers.ids import EPOCH, DerivedIds

BATCH_TAG: Final = "plaudit.generated"
"""The tag of each conversation with the name of its batch: a rubric's filter chooses by it."""


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """What a run asks for.

    Attributes:
        answers: of each model to each prompt.
        tags: of every conversation, beside those of its prompt.
    """

    application: str
    models: tuple[ChatModel, ...]
    answers: int
    batch: str
    consent: Consent = "unspecified"
    tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        """Check that the answers to one prompt can be siblings.

        Raises:
            GenerationError: the models have different system prompts.
        """
        if len({model.system_prompt for model in self.models}) > 1:
            raise GenerationError(
                "the models have different system prompts, so that their answers would not be answers to the "
                "same; give all models the same system_prompt, or ask them in two runs"
            )

    def turns_of(self, prompt: GenerationPrompt) -> tuple[Mapping[str, str], ...]:
        """What the models are sent: with their system prompt, unless the prompt has one."""
        system = self.models[0].system_prompt
        if not system or prompt.has_system:
            return prompt.turns
        return ({"role": "system", "content": system}, *prompt.turns)

    def tags_of(self, prompt: GenerationPrompt) -> dict[str, str]:
        """The tags of a prompt's conversation. Those of the prompt win."""
        own_id = {"original_id": prompt.own_id} if prompt.own_id else {}
        return {**(self.tags or {}), **own_id, **prompt.tags, BATCH_TAG: self.batch}


class AnswerSlot(NamedTuple):
    """One answer of a model to a prompt.

    Attributes:
        number: which of the model's answers, from 0 on.
    """

    model: ChatModel
    number: int

    @property
    def name(self) -> str:
        """What tells it from the other answers to the prompt."""
        return f"{self.model.key}#{self.number}"


class PromptIds:
    """The ids of a prompt's conversation. They follow from its content: a repeat changes nothing."""

    def __init__(
        self, application: str, turns: Sequence[Mapping[str, str]], prompt: GenerationPrompt
    ) -> None:
        content = json.dumps([dict(turn) for turn in turns], sort_keys=True)
        self._ids = DerivedIds(EPOCH, "generate", application, prompt.own_id, content, str(prompt.copy))
        self.conversation_id = self._ids("conversation")

    def turn(self, number: int) -> str:
        """The id of a message of the prompt."""
        return self._ids("turn", str(number))

    def answer(self, slot: AnswerSlot) -> str:
        """The id of an answer in whatever try: a later one takes the place of one that failed."""
        return self._ids("answer", slot.name)

    def event(self, *what: str) -> str:
        """The id of an event."""
        return self._ids("event", *what)


def slots_of(plan: GenerationPlan) -> Iterator[AnswerSlot]:
    """The answers to each prompt, in the order in which they are asked."""
    for number in range(plan.answers):
        for model in plan.models:
            yield AnswerSlot(model, number)


def opening_of(plan: GenerationPlan, prompt: GenerationPrompt) -> dict[str, Any]:
    """The keyword arguments of the conversation's start."""
    one = plan.models[0].event_model() if len(plan.models) == 1 else None
    return {"model": one, "consent": plan.consent, "tags": plan.tags_of(prompt), "task": prompt.task}
