"""What a visitor does in a chat: ask, stop, regenerate, compare, judge, start over. Without any page."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from plaudit_schemas.contract.field_types import Consent, EndReason, ValueKind, too_long
from plaudit_schemas.errors import PlauditError

from plaudit_producers.chat.answer_run import STOPPED, AskModel, answer_facts, ask_model, write_answer
from plaudit_producers.chat.endpoints import EndpointTimeouts
from plaudit_producers.chat.errors import ChatBusyError, ChatError
from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.prompts import corrected_ids, prompt_of
from plaudit_producers.chat.recorder import SATISFACTION, ChatRecorder, Preference
from plaudit_producers.chat.side_by_side import SIDES, Shuffle, SideBySide, shuffled
from plaudit_producers.chat.texts import whole_text
from plaudit_producers.chat.transcript import (
    ROOT,
    ChatOpening,
    JudgementValue,
    Transcript,
    TranscriptMessage,
)

_GONE: Final = "This message is no longer in the chat; load the page again."
NoteConversation = Callable[[str | None], None]
"""Told the id of the conversation that goes on, at each question; None when it has ended."""


@dataclass(frozen=True, slots=True)
class ChatBackend:
    """What all chats of a page share.

    Attributes:
        shuffle: puts two models into the order of their sides; None leaves it to chance.
    """

    models: Sequence[ChatModel]
    recorder: ChatRecorder
    timeouts: EndpointTimeouts = field(default_factory=EndpointTimeouts)
    ask_model: AskModel = ask_model
    shuffle: Shuffle | None = None


class ChatSession:
    """One visitor's chat. Use it in one event loop.

    Answers are written by tasks of their own, so that a reloaded page finds them. A page calls `ask` or
    another action, then follows `growth` and draws the transcript anew each time.

    Judgements raise what the producer raises (`ConversationHandle`), as a sentence for the person, and are
    not in the transcript then.

    Attributes:
        transcript: what to show. Another object after `clear`.
        pair: the last two answers side by side; None if the last answer stands alone. It is closed if one
            of them has no words.
        notice: a sentence for the person if something could not be recorded; else None.
        system_prompt: what the next conversation starts with; None for that of its model.
        used_at: when the person last did something, by `time.monotonic`.
    """

    def __init__(
        self,
        backend: ChatBackend,
        transcript: Transcript | None = None,
        note_conversation: NoteConversation | None = None,
    ) -> None:
        self._backend, self._recorder, self._note = backend, backend.recorder, note_conversation
        self._models = {model.key: model for model in backend.models}
        self._tasks: set[asyncio.Task[None]] = set()
        self._version, self._changed = 0, asyncio.Event()
        self._cut_reason = STOPPED
        self.transcript = Transcript() if transcript is None else transcript
        self.pair: SideBySide | None = None
        self.notice: str | None = None
        self.system_prompt: str | None = None
        self.used_at = time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether an answer is being written."""
        return bool(self._tasks)

    @property
    def consent(self) -> Consent:
        """What the person chose; `unspecified` if they were not asked."""
        return self.transcript.opening.consent

    def ask(self, text: str, model_keys: Sequence[str], *, instead_of: str | None = None) -> None:
        """Add what the person says, and let one model answer, or two side by side.

        Args:
            instead_of: a message of the person's own that they have edited: the new one stands beside it.

        Raises:
            ChatBusyError: an answer is still being written.
            ChatError: the text is empty or too long, or there is no such model.
        """
        models = self._chosen(model_keys)
        edited = None if instead_of is None else self._message(instead_of)
        text = whole_text(text)
        if not text.strip():
            raise ChatError("Write something first.")
        if too_long(text):
            raise ChatError("This is longer than a message may be; shorten it, or say it in parts.")
        self._go_on()
        if not self.transcript.messages:
            self._open(models)
        parent_id = self.transcript.last_id if edited is None else edited.parent_id
        question = self.transcript.add(TranscriptMessage("user", text, parent_id))
        self._record()
        if self._note is not None:
            self._note(self.transcript.conversation_id)
        self._answer(question.id, models)

    def regenerate(self, message_id: str, model_keys: Sequence[str]) -> None:
        """Let a model write another answer beside an earlier one, or two. Raises as `ask` does.

        Args:
            message_id: an answer, or a message of the person, such as one whose answer failed.
        """
        message, models = self._message(message_id), self._chosen(model_keys)
        self._go_on()
        if message.role == "assistant" and message.status != "error":
            self._try_to(lambda: self._recorder.signal(self.transcript, message_id, "regenerated"))
        self._answer(message.parent_id if message.role == "assistant" else message_id, models)

    async def growth(self) -> AsyncGenerator[None]:
        """Yield whenever an answer has grown, and once more when no answer is being written.

        A slow reader misses steps, never the last one.
        """
        seen = -1
        while self.busy:
            if seen == self._version:
                await self._changed.wait()
            seen = self._version
            yield
        yield

    async def stop(self, finish_reason: str = STOPPED) -> None:
        """Cut off the answers that are being written, and keep what is there."""
        self._cut_reason = finish_reason
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def clear(self, reason: EndReason = "cleared") -> None:
        """End the conversation and begin an empty one."""
        await self.stop()
        self._begin(None, reason)

    async def set_system_prompt(self, text: str | None) -> None:
        """Set the system prompt; None is that of the model. A conversation that has begun is ended.

        The new one says that it continues the old one, because a conversation has one system prompt.

        Raises:
            ChatError: the text is too long.
        """
        given = None if text is None else whole_text(text)
        if given is not None and too_long(given):
            raise ChatError("The system prompt is longer than a message may be; shorten it.")
        if given == self.system_prompt:
            return
        await self.stop()
        self.system_prompt = given
        if self.transcript.messages:
            self._begin(self.transcript.conversation_id, "closed")

    def judge(
        self,
        message_id: str | None,
        kind: ValueKind,
        value: JudgementValue | None,
        *,
        aspect: str = SATISFACTION,
        scale: tuple[float, float] = (1, 5),
    ) -> bool:
        """See `ChatRecorder.judge`. Raises ChatError if the message is not in this chat."""
        self._check_target(message_id)
        return self._recorder.judge(self.transcript, message_id, kind, value, aspect=aspect, scale=scale)

    def correct(self, message_id: str, content: str, *, send_correction: bool) -> bool:
        """See `ChatRecorder.correct`. Raises ChatError if the message is not here, or not whole yet."""
        if self._message(message_id).status == "partial":
            raise ChatBusyError("Wait until the answer is there, or stop it.")
        return self._recorder.correct(
            self.transcript, message_id, whole_text(content), send_correction=send_correction
        )

    def signal(self, message_id: str | None, name: str, number: float | None = None) -> bool:
        """See `ChatRecorder.signal`. A signal for a message that is not in this chat is dropped."""
        if message_id is not None and message_id not in self.transcript.messages:
            return False
        return self._recorder.signal(self.transcript, message_id, name, number)

    def vote(self, preference: Preference) -> None:
        """Say which of the two answers of `pair` is better; it is shown from then on.

        Raises:
            ChatError: there is no pair, the chat has gone on, or an answer is still being written.
        """
        pair = self.pair
        if pair is None or pair.closed:
            raise ChatError("There are no two answers to compare; ask two models first.")
        self._check_idle()
        self.used_at = time.monotonic()
        if preference != pair.preference:
            self._recorder.compare(self.transcript, pair.left_id, pair.right_id, preference)
            pair.preference = preference
        winner = pair.winner_id()
        if winner is not None:
            self.transcript.show(winner)

    def set_consent(self, consent: Consent) -> None:
        """Set the consent of this conversation and of those to come."""
        self._recorder.set_consent(self.transcript, consent)

    def _chosen(self, model_keys: Sequence[str]) -> list[ChatModel]:
        if not 1 <= len(model_keys) <= len(SIDES):
            raise ChatError("Choose one model, or two to compare.")
        for key in model_keys:
            if key not in self._models:
                raise ChatError(f"There is no model {key} here any more; choose another one.")
        return [self._models[key] for key in model_keys]

    def _check_idle(self) -> None:
        if self.busy:
            raise ChatBusyError("Wait until the answer is there, or stop it.")

    def _check_target(self, message_id: str | None) -> None:
        self.used_at = time.monotonic()
        if message_id is not None:
            self._message(message_id)
        elif not self.transcript.messages:
            raise ChatError("There is no chat to judge yet; write something first.")

    def _message(self, message_id: str) -> TranscriptMessage:
        self.used_at = time.monotonic()
        message = self.transcript.messages.get(message_id)
        if message is None:
            raise ChatError(_GONE)
        return message

    def _go_on(self) -> None:
        self._check_idle()
        self.used_at = time.monotonic()
        if self.pair is not None:
            self.pair.closed = True
            self.pair = None

    def _open(self, models: Sequence[ChatModel]) -> None:
        self.transcript.opening.model = models[0].event_model() if len(models) == 1 else None
        prompt = models[0].system_prompt if self.system_prompt is None else self.system_prompt
        if prompt.strip():
            self.transcript.add(TranscriptMessage("system", prompt, ROOT))

    def _begin(self, continues: str | None, reason: EndReason) -> None:
        old = self.transcript
        self._try_to(lambda: self._recorder.end(old, reason))
        opening = ChatOpening(old.opening.user_id, old.opening.consent, continues=continues)
        self.transcript, self.pair = Transcript(opening=opening), None
        if self._note is not None:
            self._note(None)
        self._grow()

    def _answer(self, question_id: str, models: Sequence[ChatModel]) -> None:
        turns, corrected = (
            prompt_of(self.transcript, question_id),
            corrected_ids(self.transcript, question_id),
        )
        in_order = shuffled(models, self._backend.shuffle) if len(models) > 1 else list(models)
        answers = []
        for number, model in enumerate(in_order):
            answer = TranscriptMessage("assistant", "", question_id, status="partial", model_key=model.key)
            answer.facts = answer_facts(model, corrected)
            answer.side = SIDES[number] if len(models) > 1 else None
            answers.append(self.transcript.add(answer))
            self._start(answer, model, turns)
        if len(answers) > 1:
            self.pair = SideBySide(answers[0].id, answers[1].id)
            self.transcript.show(self.pair.left_id)

    def _start(self, answer: TranscriptMessage, model: ChatModel, turns: Sequence[dict[str, str]]) -> None:
        deltas = self._backend.ask_model(model, turns, self._backend.timeouts)
        task = asyncio.get_running_loop().create_task(write_answer(answer, deltas, self._grow))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._finish(ended, answer))

    def _finish(self, task: asyncio.Task[None], answer: TranscriptMessage) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            answer.status = "cut"  # it may have been cancelled before its first step
            if answer.facts is not None:
                answer.facts.finish_reason = self._cut_reason
        self._record()
        if not self.busy:
            self._close_wordless_pair()
        self._grow()

    def _close_wordless_pair(self) -> None:
        """Take no vote on two answers of which one has no words, and show the other one."""
        if self.pair is None or self.pair.revealed:
            return
        pair_ids = (self.pair.left_id, self.pair.right_id)
        told = [one for one in pair_ids if self.transcript.messages[one].content.strip()]
        if len(told) < len(pair_ids):
            self.pair.closed = True
            self.transcript.show(told[0] if told else self.pair.left_id)

    def _record(self) -> None:
        self.notice = self._recorder.record(self.transcript)

    def _try_to(self, record: Callable[[], object]) -> None:
        try:
            record()
        except PlauditError as error:
            self.notice = f"Not all could be recorded: {error}"

    def _grow(self) -> None:
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()
