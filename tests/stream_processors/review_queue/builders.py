"""A log with its states, and rubrics, for tests of the review queues."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.review.answers import AnswerEvent, ItemAddress, Said, bodies_of, withdrawals_of
from plaudit_schemas.review.changes import Answers, QueueChanges
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ReviewTarget, item_id
from plaudit_stream_processors.fold import ConversationState, Effects, Rules, RulesHistory, fold_record
from plaudit_stream_processors.review_queue.acceptance import AcceptedEvent, EventAcceptance, KeptStates
from plaudit_stream_processors.review_queue.derivation import Derivation
from plaudit_stream_processors.review_queue.items import ItemFinder

from tests.stream_processors.builders import T0_MS, event

PARTITIONS = 4
KEY = "acme/c1"
PARTITION = partition_of(KEY.encode(), PARTITIONS)
SALT = b"a salt for tests only"
DAY_MS = 86_400_000
RULES = Rules(partitions=PARTITIONS)


def rubric(**fields: Any) -> Rubric:
    """A rubric for answers of the application acme, with one thumb."""
    given = {
        "name": "quality",
        "version": "1",
        "application": "acme",
        "title": "Quality",
        "target": "answer",
        "questions": [{"name": "helpful", "kind": "thumb", "title": "Is it helpful?"}],
        **fields,
    }
    return Rubric.model_validate(given)


def the_item(given: Rubric, message_id: str = "a1", kind: str | None = None) -> str:
    """The id of the item of a message of the conversation c1."""
    target: Any = ReviewTarget(kind or given.target, "c1", message_id)  # type: ignore[arg-type]  # from a test
    return item_id(given.application, given.name, target)


def answered(
    given: Rubric,
    answers: Answers,
    *,
    target: ReviewTarget | None = None,
    reviewer: str = "rita",
    submission: str = "s1",
    candidates: Sequence[str] = (),
    adjudicates: bool = False,
    withdrawn: bool = False,
    at: int = 50,
) -> list[Record]:
    """The events of a reviewer's answers to an item."""
    aim = target or ReviewTarget(given.target, "c1", "a1")
    address = ItemAddress(item_id(given.application, given.name, aim), aim, "q1", tuple(candidates))
    said = Said(reviewer, submission, adjudicates=adjudicates)
    make = withdrawals_of if withdrawn else bodies_of
    return [_event_of(each, at) for each in make(given, address, answers, said)]


def _event_of(said: AnswerEvent, at: int) -> Record:
    made = event(said.body[0].rpartition(".")[2], dict(said.body[1]), at=at, event_id=said.event_id)
    made["conversation_id"] = said.conversation_id
    return made


class Log:
    """A partition's log, folded as a worker would; one record for each event."""

    def __init__(self, *events: Record, rules: Rules = RULES) -> None:
        self.rules = rules
        self.records: list[tuple[KafkaRecord, Record]] = []
        self.states: dict[bytes | None, ConversationState] = {}
        self.refused: list[Refusal] = []
        self.add(*events)

    def add(
        self, *events: Record, arrived_ms: int | None = None, key: str | None = None,
        partition: int = PARTITION,
    ) -> "Log":  # fmt: skip
        """Append events; each arrives when it occurred, unless told otherwise."""
        for given in events:
            key_bytes = (key or f"{given['application']}/{given['conversation_id']}").encode()
            arrival = given["occurred_at"] // 1000 if arrived_ms is None else arrived_ms
            record = KafkaRecord(partition, len(self.records), arrival, key_bytes, b"x" * 100)
            self.records.append((record, given))
            rules = Rules(self.rules.state_retention_ms)  # of the tests' own conversation only
            folded = fold_record(record, copy.deepcopy(given), self.states.get, Effects(), rules)
            if isinstance(folded, Refusal):
                self.refused.append(folded)
            else:
                self.states[key_bytes] = folded
        return self

    @property
    def state(self) -> ConversationState:
        """The state of the conversation c1."""
        return self.states[KEY.encode()]

    def expire(self) -> "Log":
        """Let Redis drop the content, as it does past the retention."""
        end, revision = self.state.end, self.state.revision
        events = self.state.events
        self.state.forget_content()
        self.state.end, self.state.revision, self.state.events = end, revision, events
        return self

    def live(self) -> dict[str, ConversationState]:
        """What Redis has, by key."""
        return {key.decode(): copy.deepcopy(state) for key, state in self.states.items() if key}

    def accepted(
        self,
        *,
        loaded: Mapping[str, ConversationState] | None = None,
        acceptance: EventAcceptance | None = None,
        since: int = 0,
    ) -> list[AcceptedEvent]:
        """The accepted events of the batch from an offset on."""
        acceptance = acceptance or EventAcceptance(self.rules, KeptStates())
        known = self.live() if loaded is None else loaded
        records = [(record, copy.deepcopy(given)) for record, given in self.records[since:]]
        return list(acceptance.accepted(records, known, RulesHistory()))

    def changes(self, given: Rubric, **options: Any) -> QueueChanges:
        """What the log does to the queue of a rubric."""
        sent = options.pop("sent", ())
        return Derivation(ItemFinder(given, SALT, sent)).add_events(self.accepted(**options))


def arrival(seconds: int) -> int:
    """Milliseconds since 1970, so many seconds after T0."""
    return T0_MS + seconds * 1000
