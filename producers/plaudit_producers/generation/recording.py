"""Prompts and answers as events, each with the same id in every run."""

from collections.abc import Mapping, Sequence
from typing import Any

from plaudit_producers.chat.answer_fields import answer_fields, message_metadata
from plaudit_producers.chat.transcript import ROOT, TranscriptMessage
from plaudit_producers.generation.plan import AnswerSlot, GenerationPlan, PromptIds, opening_of
from plaudit_producers.generation.prompts_file import GenerationPrompt
from plaudit_producers.sdk.async_producer import AsyncFeedbackProducer
from plaudit_producers.sdk.delivery import DeliveryFuture


def answer_line(
    prompt: GenerationPrompt,
    turns: Sequence[Mapping[str, str]],
    ids: PromptIds,
    slot: AnswerSlot,
    attempt: int,
    message: TranscriptMessage,
) -> dict[str, Any]:
    """The journal's line of an answer. Its `said` are the keyword arguments of `add_message`."""
    fields = answer_fields(message)
    usage = fields["usage"]
    said = {
        **fields,
        "model": fields["model"].model_dump(),
        "usage": None if usage is None else usage.model_dump(),
        "role": message.role,
        "content": message.content,
        "reasoning": message.reasoning or None,
        "status": message.status,
        "metadata": message_metadata(message),
        "parent_id": ids.turn(len(turns) - 1),
    }
    return {
        "line": prompt.line,
        "conversation_id": ids.conversation_id,
        "slot": slot.name,
        "attempt": attempt,
        "message_id": ids.answer(slot),
        "event_id": ids.event("answer", slot.name, str(attempt)),
        "error_kind": message.facts and message.facts.error_kind,
        "said": said,
    }


class GenerationRecorder:
    """Sends prompts and answers. Every call returns once Kafka has what it sends.

    Every method raises DeliveryError, and PlauditError if an event cannot be made.
    """

    def __init__(self, producer: AsyncFeedbackProducer) -> None:
        self._producer = producer

    async def open(
        self,
        plan: GenerationPlan,
        prompt: GenerationPrompt,
        turns: Sequence[Mapping[str, str]],
        ids: PromptIds,
    ) -> None:
        """Send the start of a conversation, and the prompt."""
        deliveries = [DeliveryFuture()]
        chat = await self._producer.start_conversation(
            ids.conversation_id,
            event_id=ids.event("start"),
            on_delivery=deliveries[0],
            **opening_of(plan, prompt),
        )
        for number, turn in enumerate(turns):
            deliveries.append(DeliveryFuture())
            await chat.add_message(
                turn["role"],
                turn["content"],
                message_id=ids.turn(number),
                parent_id=ids.turn(number - 1) if number else ROOT,
                event_id=ids.event("turn", str(number)),
                on_delivery=deliveries[-1],
            )
        for delivery in deliveries:
            await delivery

    async def add(self, line: Mapping[str, Any], ids: PromptIds) -> None:
        """Send an answer."""
        said = dict(line["said"])
        delivery = DeliveryFuture()
        await self._producer.conversation(ids.conversation_id).add_message(
            said.pop("role"),
            said.pop("content"),
            message_id=line["message_id"],
            event_id=line["event_id"],
            on_delivery=delivery,
            **said,
        )
        await delivery

    async def end(self, ids: PromptIds, answers: Sequence[str]) -> None:
        """End a conversation that has these answers."""
        delivery = DeliveryFuture()
        await self._producer.conversation(ids.conversation_id).end(
            event_id=ids.event("end", *sorted(answers)), on_delivery=delivery
        )
        await delivery
