"""A conversation's state. Its entities are plain dicts, and each goes to a Redis hash field of its own."""

from typing import Any

Entity = dict[str, Any]
_LONG = 2**63 - 1  # the largest long of Avro, the type of `missing_events`


class ConversationState:
    """Live state of one conversation; the fold changes it in place.

    Attributes:
        key: `application/conversation id`.
        facts: what StartConversation and UpdateConversation said.
        stamps: what decides on each fact that may be updated (fold.facts): the candidates for it. Under rules
            version 1, the event time of the one that holds.
        messages: by id, in the order of the log.
        feedback: by slot (message, rater, aspect, kind of value, signal).
        comparisons: by id.
        votes: clusters of votes, by series and family (metrics.votes).
        slots_of: message id (empty for the whole conversation) -> its slots; derived.
        children: parent id -> ids of the assistant messages under it; derived.
        seen: ids of all events folded so far; derived from the entities' `events`.
        producers: producer id -> [highest sequence, events counted].
        activity_ms: latest record timestamp of its events, ends left out.
        dirty: hash field that changed since the last commit -> its entity; None where the field is made of
            the state itself.
        weight: number of entities that the worker's cache counts it as.
        size: approximate bytes of its events; the worker keeps it for its cache.
        used: bytes of JSON that count towards the limits of a conversation (fold.room). None until an event
            comes under rules that have limits.
        batch: number of the worker's batch that touched it last.
        anew: whether it was begun again, so that nothing may stay of what Redis has under its key.
        listed_open: whether Redis lists it as open, once all commits that were prepared are done.
        named: the worker's label decisions that everything in it was collected for; None before.
    """

    __slots__ = (
        "activity_ms",
        "anew",
        "application",
        "batch",
        "children",
        "comparisons",
        "conversation_id",
        "dirty",
        "end",
        "erased",
        "events",
        "facts",
        "feedback",
        "is_open",
        "key",
        "last_message",
        "lifecycle",
        "listed_open",
        "messages",
        "named",
        "producers",
        "revision",
        "seen",
        "series",
        "size",
        "slots_of",
        "spent",
        "stamps",
        "started",
        "used",
        "votes",
        "weight",
    )

    def __init__(self, application: str, conversation_id: str) -> None:
        self.key = f"{application}/{conversation_id}"
        self.application = application
        self.conversation_id = conversation_id
        self.facts: Entity = {}
        self.stamps: dict[str, Any] = {}
        self.started: int | None = None
        self.series: list[str] = []
        self.messages: dict[str, Entity] = {}
        self.feedback: dict[str, Entity] = {}
        self.comparisons: dict[str, Entity] = {}
        self.votes: dict[str, list[int]] = {}
        self.slots_of: dict[str, list[str]] = {}
        self.children: dict[str, list[str]] = {}
        self.seen: set[str] = set()
        self.lifecycle: list[str] = []
        self.producers: dict[str, list[int]] = {}
        self.events = 0
        self.last_message = ""
        self.is_open = False
        self.activity_ms = 0
        self.revision = 0
        self.end: Entity | None = None
        self.erased = False
        self.spent: list[int] | None = None
        self.used: int | None = None
        self.dirty: dict[str, Entity | None] = {}
        self.weight = 0
        self.size = 0
        self.batch = 0
        self.anew = False
        self.listed_open = False
        self.named: object = None

    def is_new(self) -> bool:
        """True before the first event."""
        return self.events == 0 and not self.erased

    def is_expired(self) -> bool:
        """True where Redis has dropped the content of an expired conversation."""
        # commit.lua keeps only `progress` then, which has the number of events but not their ids.
        return self.events > 0 and not self.erased and not self.messages and not self.seen

    def is_hollow(self) -> bool:
        """True where only ends, and scores of models, have come: earlier rules kept a state of those.

        It counts as neither open nor ended, and whether Redis still has its content depends on the commits.
        """
        return not self.is_open and self.end is None and not self.erased and self.events > 0

    def begin_again(self) -> None:
        """Become a new conversation."""
        self.forget_content()
        self.events, self.dirty, self.anew = 0, {}, True

    def missing_events(self) -> int:
        """The number of events that producers counted but that never came, capped to what a long can hold."""
        # Sequences start at 0: a producer has counted `highest + 1` events.
        return min(sum(highest + 1 - counted for highest, counted in self.producers.values()), _LONG)

    def count_sequence(self, record: Entity) -> None:
        """Count an event of a producer that numbers its events."""
        producer = record.get("producer", "")
        if not producer or "sequence" not in record:
            return
        counted = self.producers.setdefault(producer, [record["sequence"], 0])
        counted[0] = max(counted[0], record["sequence"])
        counted[1] += 1

    def forget_content(self) -> None:
        """Drop all content, with the ids of events. Key, revision and end remain, to refuse later events."""
        self.facts, self.stamps, self.started, self.series = {}, {}, None, []
        self.messages, self.feedback, self.comparisons, self.votes = {}, {}, {}, {}
        self.slots_of, self.children, self.producers = {}, {}, {}
        self.last_message, self.spent, self.used = "", None, 0
        self.seen, self.lifecycle = set(), []
        # The commit deletes the hash first, so entities that were marked before must not be written again.
        self.dirty = {"conversation": None}
