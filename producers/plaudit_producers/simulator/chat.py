"""One simulated chat: what happens in it, decided step by step as it happens."""

from collections.abc import Callable, Generator, Iterator
from random import Random
from typing import Any, NamedTuple

from plaudit_producers._bodies import Body, compare_body
from plaudit_producers.importers.ids import DerivedIds
from plaudit_producers.simulator.judges import Answer, Judges
from plaudit_producers.simulator.texts import MARKER, Phrases

_USERS = 400
_MOST_TURNS = 12
_LATEST_S = 600.0


class Step(NamedTuple):
    """An event's body, so many seconds after the step before."""

    after_s: float
    body: Body


Steps = Generator[Step, None, Answer]


class Chat:
    """The steps of one chat, and those that come `later` beside them.

    Args:
        rng: draws everything in this chat, so that chats do not depend on each other.
        quality: of a model, at the moment of asking.
        feedback: share of the answers that the user judges.
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
        self.later: list[Step] = []
        self._rng, self._ids, self._quality, self._feedback = rng, ids, quality, feedback
        self._model = rng.choice(models)
        self._phrases, self._judges = Phrases(rng), Judges(rng, ids)
        self._messages = 0

    def steps(self) -> Iterator[Step]:
        """The main line, each step drawn when it is asked for. Without an end the chat was left open."""
        rng = self._rng
        yield Step(0.0, self._start())
        parent = ""
        for turn in range(min(_MOST_TURNS, 1 + int(rng.expovariate(0.3)))):
            question, body = self._message("user", self._phrases.question(turn), parent)
            yield Step(rng.lognormvariate(2.2, 0.6), body)
            answer = yield from self._turn(question)
            parent = answer.message_id
        if rng.random() < 0.78:
            (reason,) = rng.choices(["closed", "cleared", "error"], [90, 8, 2])
            yield Step(rng.expovariate(0.1), ("plaudit.v1.EndConversation", {"reason": reason}))

    def _turn(self, question: str) -> Steps:
        """The answer, or two side by side, and what is said of it; returns what the chat goes on with."""
        if self._rng.random() < 0.03:
            return (yield from self._side_by_side(question))
        answer = yield from self._answer(question)
        yield from self._behaviour(answer)
        if self._rng.random() < (0.02 if answer.good else 0.2):
            answer = yield from self._regenerate(question, answer)
        self._judge(answer)
        return answer

    def _answer(self, question: str, kind: str | None = None) -> Steps:
        rng = self._rng
        good, abstained = rng.random() < self._quality(self._model), rng.random() < 0.03
        latency = rng.lognormvariate(6.8, 0.5) * (1.0 if good else 1.3)
        text = self._phrases.answer("abstain" if abstained else kind or "good" if good else "bad")
        (status,) = rng.choices(["complete", "cut", "error"], [985, 10, 5])
        if status == "error":
            text, good, abstained = MARKER, False, False
        message_id, body = self._message(
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
        yield Step(latency / 1000, body)
        return Answer(message_id, good, abstained)

    def _behaviour(self, answer: Answer) -> Iterator[Step]:
        rng, judges = self._rng, self._judges
        if rng.random() < (0.06 if answer.good else 0.01):
            yield Step(rng.expovariate(0.3), judges.signal(answer, "copied"))
        if rng.random() < (0.03 if answer.good else 0.14):
            yield Step(rng.expovariate(0.3), judges.signal(answer, "ignored"))
        if rng.random() < 0.08:
            seconds = round(rng.lognormvariate(2.3, 0.7), 1)
            yield Step(1.0, judges.signal(answer, "dwell_seconds", seconds))

    def _regenerate(self, question: str, first: Answer) -> Steps:
        """A second try with the same parent, now and then compared with the first."""
        yield Step(self._rng.expovariate(0.4), self._judges.signal(first, "regenerated"))
        second = yield from self._answer(question, "rival")
        if self._rng.random() < 0.4:
            yield Step(self._rng.expovariate(0.2), self._compare(first, second))
        return second

    def _side_by_side(self, question: str) -> Steps:
        first = yield from self._answer(question)
        second = yield from self._answer(question, "rival")
        yield Step(self._rng.expovariate(0.15), self._compare(first, second))
        return first if first.good >= second.good else second

    def _compare(self, first: Answer, second: Answer) -> Body:
        """A user's choice: mostly the good one; of two alike either one, or both."""
        rng = self._rng
        pair = [first.message_id, second.message_id]
        better = first.good > second.good if first.good != second.good else rng.random() < 0.5
        if rng.random() < 0.1:
            better = not better
        ranking = [pair[0], pair[1]] if better else [pair[1], pair[0]]
        tie = first.good == second.good and rng.random() < 0.3
        options: dict[str, Any] = {
            "comparison_id": self._ids(f"comparison {self._messages}"),
            "none_acceptable": not (first.good or second.good) and rng.random() < 0.5,
        }
        return compare_body(pair, [pair] if tie else ranking, options)

    def _judge(self, answer: Answer) -> None:
        """Judgements take their time: users' seconds or minutes, reviewers' minutes, a model's seconds."""
        rng, judges = self._rng, self._judges
        if rng.random() < self._feedback:
            late = rng.random() < 0.2
            after = self._after(1 / 240 if late else 1 / 5)
            opinion = judges.opinion(answer)
            self.later.append(Step(after, opinion))
            if rng.random() < 0.2:
                remark = self._phrases.remark(rng, good=answer.good)
                self.later.append(Step(after + 3, judges.remark(answer, remark)))
            if opinion[1]["feedback"]["kind"] == "thumb" and rng.random() < 0.05:
                withdrawn = rng.random() < 0.5
                changed = judges.withdrawal(answer) if withdrawn else judges.thumb(answer, answer.good)
                self.later.append(Step(after + 20, changed))
        if rng.random() < 0.05:
            self._review(answer)
        if rng.random() < 0.05:
            self.later.append(Step(2.0, judges.score(answer)))

    def _review(self, answer: Answer) -> None:
        for _ in range(2 if self._rng.random() < 0.2 else 1):
            after = self._after(1 / 180)
            verdict, correct = self._judges.verdict(answer)
            self.later.append(Step(after, verdict))
            if not correct and self._rng.random() < 0.4:
                text = self._phrases.answer("good")
                self.later.append(Step(after + 30, self._judges.correction(answer, text)))

    def _after(self, rate: float) -> float:
        return min(_LATEST_S, self._rng.expovariate(rate))

    def _start(self) -> Body:
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
        return "plaudit.v1.StartConversation", fields

    def _message(self, role: str, text: str, parent: str, **fields: Any) -> tuple[str, Body]:
        self._messages += 1
        message_id = self._ids(f"message {self._messages}")
        body = {"message_id": message_id, "parent_id": parent, "role": role, "content": text, **fields}
        return message_id, ("plaudit.v1.AddMessage", body)
