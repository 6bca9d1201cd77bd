"""Random events of conversations that several people and models speak in, whose clocks are wrong.

It makes what older rules and newer ones decide differently: words out of order, one user under two names,
versions of a judge, consent given and denied, scores after the end. It imports no fold, so that the code of
an older version can run it too (`tests/integration/old_data`).
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

CLOCKS_S = {"p0": 0, "p1": 12, "p2": 59, "p3": 4000, "p4": -7200, "p5": 10**8, "p6": -(10**8)}
"""How far the clock of each producer is ahead."""
HELD_MS = (None, 0, 0, 5, 1500, 60_000, 10**9)

Record = dict[str, Any]
_FULL = "plaudit.v1."


class MixedWords:
    """Makes events of one application. The same seed makes the same words, at other times.

    Attributes:
        held: whether producers send `held_ms`, labels, and events that the first schemas do not have.
    """

    def __init__(self, seed: int, conversations: int, application: str = "shop") -> None:
        self._random, self._count, self._application = Random(seed), conversations, application
        self._sequences: dict[tuple[str, str], int] = defaultdict(int)
        self._number = 0
        self.held = False

    def events(self, count: int) -> Iterator[Record]:
        """The next events, in an order of their own; some come twice."""
        waiting: list[Record] = []
        for _ in range(count):
            waiting.append(self._event())
            if len(waiting) > 5 or self._random.random() < 0.5:
                given = waiting.pop(self._random.randrange(len(waiting)))
                yield given
                if self._random.random() < 0.03:
                    yield given
        yield from waiting

    def _event(self) -> Record:
        random = self._random
        conversation = f"c{random.randrange(self._count)}"
        producer = random.choice(list(CLOCKS_S))
        name, body = self._body()
        record: Record = {
            "event_id": f"e{self._number}",
            "application": self._application,
            "conversation_id": conversation,
            "occurred_at": time.time_ns() // 1000 + CLOCKS_S[producer] * 1_000_000,
            "source": "sdk",
            "body": (_FULL + name, body),
        }
        self._number += 1
        if random.random() < 0.8 and not (name == "UpdateMessage" and body["feedback"]["kind"] == "number"):
            record |= {"producer": producer, "sequence": self._sequences[producer, conversation]}
            self._sequences[producer, conversation] += random.choice((1, 1, 1, 2))
        held = random.choice(HELD_MS)
        if self.held and held is not None:
            record["held_ms"] = held
        return record

    def _body(self) -> tuple[str, Record]:
        kinds = [self._start, self._update, self._message, self._message, self._message, self._feedback,
                 self._feedback, self._feedback, self._compare, self._end]  # fmt: skip
        if self.held:
            kinds += [self._exclude]
        if self._random.random() < 0.0005:
            return "EraseConversation", {"reason": "asked"}
        return self._random.choice(kinds)()

    def _start(self) -> tuple[str, Record]:
        body: Record = {"model": {"id": "m", "version": self._random.choice("12")}, **self._facts()}
        return "StartConversation", {"consent": "unspecified", **body}

    def _update(self) -> tuple[str, Record]:
        return "UpdateConversation", {"consent": "unknown", **self._facts()}

    def _facts(self) -> Record:
        random = self._random
        facts: Record = {}
        if random.random() < 0.4:
            facts["user_id"] = random.choice(("u1", "u2"))
        if random.random() < 0.6:
            facts["consent"] = random.choice(("granted", "denied"))
        if random.random() < 0.3:
            facts["tags"] = {f"t{random.randrange(40)}": str(self._number) for _ in range(6)}
        return facts

    def _message(self) -> tuple[str, Record]:
        random = self._random
        body: Record = {
            "message_id": f"m{random.randrange(8)}",
            "role": random.choice(("user", "assistant", "assistant")),
            "content": random.choice(("Hello", "Good day")),
            "status": random.choice(("complete", "partial", "partial", "cut")),
        }
        if random.random() < 0.5:
            body["parent_id"] = random.choice(("", "m0", "m1", "m2"))
        if random.random() < 0.5:
            body["latency_ms"] = random.choice((100, 900, 5000))
        return "AddMessage", body

    def _rater(self) -> Record:
        return self._random.choice(
            (
                {"kind": "user"}, {"kind": "user", "id": "u1"}, {"kind": "user", "id": "u2"},
                {"kind": "reviewer", "id": "r"}, {"kind": "model", "id": "j", "version": "1"},
                {"kind": "model", "id": "j", "version": "2"}, {"kind": "model", "id": "j"},
            )
        )  # fmt: skip

    def _feedback(self) -> tuple[str, Record]:
        random = self._random
        given: list[tuple[str, tuple[str, Record]]] = (
            [
                ("thumb", ("Thumb", {"like": True})), ("thumb", ("Thumb", {"like": False})),
                ("number", ("Number", {"number": random.randrange(6), "minimum": 0, "maximum": 5})),
                ("signal", ("Signal", {"name": "ignored"})),
            ]
        )  # fmt: skip
        if self.held:
            given += [("label", ("Label", {"labels": list(labels)})) for labels in ("ab", "c", "bb")]
        kind, value = random.choice(given)
        feedback: Record = {
            "id": f"f{self._number}",
            "rater": self._rater(),
            "aspect": "correct",
            "kind": kind,
        }
        if kind == "signal":
            feedback["signal"] = "ignored"
        if random.random() < 0.8:
            feedback["value"] = (_FULL + value[0], value[1])
        body: Record = {"feedback": feedback}
        if random.random() < 0.9:
            body["message_id"] = f"m{random.randrange(8)}"
        return "UpdateMessage", body

    def _compare(self) -> tuple[str, Record]:
        first = self._random.choice((["m0"], ["m1"]))
        body: Record = {
            "comparison_id": f"x{self._random.randrange(3)}", "candidates": ["m0", "m1"], "ranking": [first],
            "none_acceptable": False, "rater": self._rater(), "aspect": "preference",
        }  # fmt: skip
        return "CompareMessages", body

    def _end(self) -> tuple[str, Record]:
        if self._random.random() < 0.3:
            return "EndConversation", {"reason": "idle", "last_activity_at": time.time_ns() // 1000}
        return "EndConversation", {"reason": "closed"}

    def _exclude(self) -> tuple[str, Record]:
        body: Record = {"excluded": self._random.random() < 0.6, "rater": {"kind": "reviewer"}, "reason": ""}
        if self._random.random() < 0.7:
            body["message_id"] = f"m{self._random.randrange(8)}"
        return "ExcludeFromTraining", body
