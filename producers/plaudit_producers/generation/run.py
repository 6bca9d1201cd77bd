"""Asks for all answers of a plan that no earlier run has, and records them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plaudit_schemas.errors import PlauditError

from plaudit_producers.generation.asking import AnswerAsker
from plaudit_producers.generation.journal import GenerationJournal
from plaudit_producers.generation.plan import AnswerSlot, GenerationPlan, PromptIds, slots_of
from plaudit_producers.generation.prompts_file import GenerationPrompt
from plaudit_producers.generation.recording import GenerationRecorder, answer_line


@dataclass(slots=True)
class GenerationSummary:
    """What a run did.

    Attributes:
        wanted: answers that the plan has.
        known: answers of earlier runs.
        resent: answers of earlier runs that had not reached Kafka.
        statuses: status -> new answers.
        error_kinds: kind -> answers, new or known, that failed and were not asked again.
        left: answers that were not asked for, because their model was stopped.
        failure: why the run ended early.
    """

    wanted: int = 0
    known: int = 0
    resent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    error_kinds: Counter[str] = field(default_factory=Counter)
    left: int = 0
    failure: PlauditError | None = None

    @property
    def handled(self) -> int:
        """Answers that the run has looked at."""
        return self.known + self.statuses.total() + self.left


@dataclass(slots=True)
class _Chat:
    """A prompt's conversation while its answers are asked for."""

    prompt: GenerationPrompt
    turns: Sequence[Mapping[str, str]]
    ids: PromptIds
    waiting: int
    changed: bool = False
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class Generation:
    """One run. `progress` is called after each answer."""

    def __init__(
        self,
        plan: GenerationPlan,
        journal: GenerationJournal,
        recorder: GenerationRecorder,
        asker: AnswerAsker,
        *,
        retry_errors: bool = False,
        progress: Callable[[GenerationSummary], None] = lambda _: None,
    ) -> None:
        self._plan, self._journal, self._recorder, self._asker = plan, journal, recorder, asker
        self._retry_errors, self._progress = retry_errors, progress
        self._slots = tuple(slots_of(plan))
        self.summary = GenerationSummary()

    async def run(self, prompts: Sequence[GenerationPrompt], concurrency: int) -> GenerationSummary:
        """Ask for all that is missing, so many answers at a time. An outage of Kafka ends the run early."""
        self.summary.wanted = len(prompts) * len(self._slots)
        work = self._work(prompts)
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(self._take(work))
        return self.summary

    def _work(self, prompts: Sequence[GenerationPrompt]) -> Iterator[tuple[_Chat, AnswerSlot]]:
        for prompt in prompts:
            turns = self._plan.turns_of(prompt)
            ids = PromptIds(self._plan.application, turns, prompt)
            chat = _Chat(prompt, turns, ids, len(self._slots))
            for slot in self._slots:
                yield chat, slot

    async def _take(self, work: Iterator[tuple[_Chat, AnswerSlot]]) -> None:
        for chat, slot in work:
            if self.summary.failure is not None:
                return
            try:
                await self._handle(chat, slot)
            except PlauditError as error:
                self.summary.failure = error
                return
            self._progress(self.summary)

    async def _handle(self, chat: _Chat, slot: AnswerSlot) -> None:
        line = self._journal.answers.get((chat.ids.conversation_id, slot.name))
        if line is None or (
            self._retry_errors and line["error_kind"] and line["event_id"] in self._journal.sent
        ):
            line = await self._ask(chat, slot)
        else:
            self.summary.known += 1
            self.summary.resent += line["event_id"] not in self._journal.sent
        if line is not None:
            if line["error_kind"]:
                self.summary.error_kinds[line["error_kind"]] += 1
            if line["event_id"] not in self._journal.sent:
                await self._record(chat, line)
        chat.waiting -= 1
        if not chat.waiting and chat.changed:
            await self._recorder.end(chat.ids, self._answers_of(chat))

    async def _ask(self, chat: _Chat, slot: AnswerSlot) -> dict[str, Any] | None:
        message = await self._asker.answer(slot.model, chat.turns)
        if message is None:
            self.summary.left += 1
            return None
        self.summary.statuses[message.status] += 1
        attempt = self._journal.attempts(chat.ids.conversation_id, slot.name)
        line = answer_line(chat.prompt, chat.turns, chat.ids, slot, attempt, message)
        self._journal.add_answer(line)
        return line

    async def _record(self, chat: _Chat, line: Mapping[str, Any]) -> None:
        async with chat.opening:
            if chat.ids.conversation_id not in self._journal.sent:
                await self._recorder.open(self._plan, chat.prompt, chat.turns, chat.ids)
                self._journal.add_sent(chat.ids.conversation_id)
        await self._recorder.add(line, chat.ids)
        self._journal.add_sent(line["event_id"])
        chat.changed = True

    def _answers_of(self, chat: _Chat) -> list[str]:
        found = (self._journal.answers.get((chat.ids.conversation_id, slot.name)) for slot in self._slots)
        return [line["event_id"] for line in found if line is not None]
