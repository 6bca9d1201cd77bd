"""A conversation's state. Entities are plain dicts that go to Redis as they are, one hash field each."""

from typing import Any

Entity = dict[str, Any]
_LONG = 2**63 - 1


class ConversationState:
    """Live state of one conversation; the fold changes it in place.

    Attributes:
        key: `application/conversation id`.
        facts: what StartConversation and UpdateConversation said.
        stamps: event time of each fact that may be updated, so that the latest wins.
        messages: by id, in the order of the log.
        feedback: by slot (message, rater, aspect, kind of value, signal).
        comparisons: by id.
        votes: clusters of votes, by series and family (metrics.votes).
        slots_of: message id (empty for the conversation) -> its slots; derived.
        children: parent id -> assistant messages under it; derived.
        seen: ids of every event folded in; derived from the entities' `events`.
        producers: producer id -> [highest sequence, events counted].
        activity_ms: record timestamp of the last event that counted.
        dirty: hash fields that changed since the last commit, with the entity that goes there.
        weight: what the worker's cache counted it for.
        size: about the bytes of its events; the worker's too, and 0 elsewhere.
        batch: number of the worker's batch that touched it last.
    """

    __slots__ = (
        "activity_ms",
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
        "messages",
        "producers",
        "revision",
        "seen",
        "series",
        "size",
        "slots_of",
        "spent",
        "stamps",
        "started",
        "votes",
        "weight",
    )

    def __init__(self, application: str, conversation_id: str) -> None:
        self.key = f"{application}/{conversation_id}"
        self.application = application
        self.conversation_id = conversation_id
        self.facts: Entity = {}
        self.stamps: dict[str, int] = {}
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
        self.dirty: dict[str, Entity | None] = {}
        self.weight = 0
        self.size = 0
        self.batch = 0

    def is_new(self) -> bool:
        """True before the first event."""
        return self.events == 0 and not self.erased

    def is_expired(self) -> bool:
        """True where Redis has dropped the content of an expired conversation."""
        return self.events > 0 and not self.erased and not self.messages and not self.seen

    def missing_events(self) -> int:
        """Events that producers counted and that never came; a long, however many producers there are."""
        return min(sum(highest + 1 - counted for highest, counted in self.producers.values()), _LONG)

    def forget_content(self) -> None:
        """Drop everything but what keeps later events out, ids of events too: key, revision and end."""
        self.facts, self.stamps, self.started, self.series = {}, {}, None, []
        self.messages, self.feedback, self.comparisons, self.votes = {}, {}, {}, {}
        self.slots_of, self.children, self.producers = {}, {}, {}
        self.last_message, self.spent = "", None
        self.seen, self.lifecycle = set(), []
        self.dirty = {"conversation": None}
