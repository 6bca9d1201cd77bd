"""One simulated chat. Each step is drawn at random when it happens."""

from collections.abc import Callable, Generator, Iterator
from random import Random
from typing import Any, Final, NamedTuple

from plaudit_schemas.contract.names import ADD_MESSAGE, END_CONVERSATION, START_CONVERSATION

from plaudit_producers.importers.ids import DerivedIds
from plaudit_producers.sdk.bodies import NamedRecord, compare_body
from plaudit_producers.simulator.judges import Judges, SimulatedAnswer
from plaudit_producers.simulator.taste import BEST, appeal, draw_manner, probability
from plaudit_producers.simulator.texts import MARKER, Phrases

_USERS: Final = 400
_MOST_TURNS: Final = 12
_ALIKE: Final = 1.0  # two answers whose appeal differs by less may be a tie
_LATEST_S: Final = 600.0  # the longest delay of a judgement; follow-ups come a little later


class ChatStep(NamedTuple):
    """An event's body, and its time in seconds after the previous step."""

    after_s: float
    body: NamedRecord


Steps = Generator[ChatStep, None, SimulatedAnswer]
"""Yields the steps of an exchange, and returns the answer with which the chat continues."""


class SimulatedChat:
    """The steps of one chat.

    Args:
        rng: draws everything in this chat, so that chats do not affect each other.
        quality: returns a model's current quality; it may change during the chat.
        feedback: share of the answers that the user judges.

    Attributes:
        later: steps in parallel to the main line, such as judgements. The caller takes and removes them.
    """

    def __init__(
        self,
        rng: Random,
        ids: DerivedIds,
        models: list[str],
        quality: Callable[[str], float],
        feedback: float,
    ) -> None:
        self.conversation_id = ids("conversation")
        self.later: list[ChatStep] = []
        self._rng, self._ids, self._quality, self._feedback = rng, ids, quality, feedback
        self._model = rng.choice(models)
        self._phrases, self._judges = Phrases(rng), Judges(rng, ids)
        self._messages = 0

    def steps(self) -> Iterator[ChatStep]:
        """Yield the main line, each step drawn on demand. Some chats are left open, without an end."""
        rng = self._rng
        yield ChatStep(0.0, self._start_body())
        parent = ""
        for turn in range(min(_MOST_TURNS, 1 + int(rng.expovariate(0.3)))):
            question, body = self._message_body("user", self._phrases.question(turn), parent)
            yield ChatStep(rng.lognormvariate(2.2, 0.6), body)  # median 9 s
            answer = yield from self._exchange(question)
            parent = answer.message_id
        if rng.random() < 0.78:
            (reason,) = rng.choices(["closed", "cleared", "error"], [90, 8, 2])
            yield ChatStep(rng.expovariate(0.1), (END_CONVERSATION, {"reason": reason}))

    def _exchange(self, question: str) -> Steps:
        """One answer or two side by side, and the reaction. Returns the answer the chat continues with."""
        if self._rng.random() < 0.03:
            return (yield from self._side_by_side(question))
        answer = yield from self._answer(question)
        yield from self._signals(answer)
        if self._rng.random() < (0.02 if answer.good else 0.2):
            answer = yield from self._regenerate(question, answer)
        self._plan_judgements(answer)
        return answer

    def _answer(self, question: str, kind: str | None = None) -> Steps:
        rng = self._rng
        good, abstained = rng.random() < self._quality(self._model), rng.random() < 0.03
        latency = rng.lognormvariate(6.8, 0.5) * (1.0 if good else 1.3)  # in ms; median 900
        manner = draw_manner(rng)
        text = self._phrases.answer("abstain" if abstained else kind or "good" if good else "bad", manner)
        (status,) = rng.choices(["complete", "cut", "error"], [985, 10, 5])
        if status == "error":
            text, good, abstained = MARKER, False, False
        message_id, body = self._message_body(
            "assistant",
            text,
            question,
            latency_ms=round(latency),
            first_token_ms=round(latency * rng.uniform(0.2, 0.4)),
            finish_reason={"complete": "stop", "cut": "length", "error": "error"}[status],
            status=status,
            abstained=abstained,
            usage={"input": rng.randint(40, 900), "output": len(text) // 3},
        )
        yield ChatStep(latency / 1000, body)
        return SimulatedAnswer(message_id, good, abstained, appeal(good, manner))

    def _signals(self, answer: SimulatedAnswer) -> Iterator[ChatStep]:
        rng, judges = self._rng, self._judges
        if rng.random() < (0.06 if answer.good else 0.01):
            yield ChatStep(rng.expovariate(0.3), judges.signal(answer, "copied"))
        if rng.random() < (0.03 if answer.good else 0.14):
            yield ChatStep(rng.expovariate(0.3), judges.signal(answer, "ignored"))
        if rng.random() < 0.08:
            seconds = round(rng.lognormvariate(2.3, 0.7), 1)  # median 10 s
            yield ChatStep(1.0, judges.signal(answer, "dwell_seconds", seconds))

    def _regenerate(self, question: str, first: SimulatedAnswer) -> Steps:
        """A second answer to the same question. The user sometimes compares it with the first."""
        yield ChatStep(self._rng.expovariate(0.4), self._judges.signal(first, "regenerated"))
        second = yield from self._answer(question, "rival")
        if self._rng.random() < 0.4:
            yield ChatStep(self._rng.expovariate(0.2), self._comparison(first, second))
        return second

    def _side_by_side(self, question: str) -> Steps:
        first = yield from self._answer(question)
        second = yield from self._answer(question, "rival")
        yield ChatStep(self._rng.expovariate(0.15), self._comparison(first, second))
        return first if first.good >= second.good else second

    def _comparison(self, first: SimulatedAnswer, second: SimulatedAnswer) -> NamedRecord:
        """The user's choice: mostly the answer that appeals more. Two that appeal alike may be a tie."""
        rng = self._rng
        pair = [first.message_id, second.message_id]
        ahead = first.appeal - second.appeal
        ranking = pair if rng.random() < probability(ahead) else pair[::-1]
        tie = abs(ahead) < _ALIKE and rng.random() < 0.5
        options: dict[str, Any] = {
            "comparison_id": self._ids(f"comparison {self._messages}"),
            "none_acceptable": not (first.good or second.good) and rng.random() < 0.5,
        }
        return compare_body(pair, [pair] if tie else ranking, options)

    def _plan_judgements(self, answer: SimulatedAnswer) -> None:
        """Plan the judgements. A user takes seconds or minutes, a reviewer minutes, a model seconds."""
        rng, judges = self._rng, self._judges
        if rng.random() < self._feedback:
            late = rng.random() < 0.2
            after = self._delay(1 / 240 if late else 1 / 5)
            opinion = judges.opinion(answer)
            self.later.append(ChatStep(after, opinion))
            if rng.random() < 0.2:
                remark = self._phrases.remark(good=answer.good)
                self.later.append(ChatStep(after + 3, judges.remark(answer, remark)))
            if opinion[1]["feedback"]["kind"] == "thumb" and rng.random() < 0.05:
                withdrawn = rng.random() < 0.5
                changed = judges.withdrawal(answer) if withdrawn else judges.thumb(answer, answer.good)
                self.later.append(ChatStep(after + 20, changed))
        if rng.random() < 0.05:
            self._plan_review(answer)
        if rng.random() < 0.05:
            self.later.append(ChatStep(2.0, judges.score(answer)))

    def _plan_review(self, answer: SimulatedAnswer) -> None:
        for _ in range(2 if self._rng.random() < 0.2 else 1):
            after = self._delay(1 / 180)
            verdict, correct = self._judges.verdict(answer)
            self.later.append(ChatStep(after, verdict))
            if not correct and self._rng.random() < 0.4:
                text = self._phrases.answer("good", BEST)
                self.later.append(ChatStep(after + 30, self._judges.correction(answer, text)))

    def _delay(self, rate: float) -> float:
        return min(_LATEST_S, self._rng.expovariate(rate))

    def _start_body(self) -> NamedRecord:
        rng = self._rng
        (consent,) = rng.choices(["granted", "unspecified", "denied"], [85, 10, 5])
        fields: dict[str, Any] = {
            "model": {"id": self._model, "version": "2026-11"},
            "user_id": f"simulated-user-{rng.randrange(_USERS)}",
            "consent": consent,
            "variants": {"greeting": rng.choice("ab")},
            "prompt": {"id": "support", "version": "3"},
            "tags": {"simulated": "true", "locale": self._phrases.language},
        }
        return START_CONVERSATION, fields

    def _message_body(self, role: str, text: str, parent: str, **fields: Any) -> tuple[str, NamedRecord]:
        self._messages += 1
        message_id = self._ids(f"message {self._messages}")
        body = {"message_id": message_id, "parent_id": parent, "role": role, "content": text, **fields}
        return message_id, (ADD_MESSAGE, body)
