"""What a queue of reviews should do, in plain Python: two verdicts an item, no controls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plaudit_schemas.review.changes import LoggedDecline, LoggedVerdict, NewItem

OVERLAP, LEASE_MS, MARK_MS, KNOWN_MS = 2, 90_000, 60_000, 86_400_000
Given = Mapping[str, Any]


@dataclass
class Part:
    """What one reviewer has to do with one item. See `shared.lua` for the names."""

    lease: int | None = None
    extra: bool = False
    word: str = ""
    due: int | None = None
    submission: str = ""
    taken_back: set[str] = field(default_factory=set)
    stale: bool = False
    counts: str = ""
    rank: int = 0
    declined: bool = False
    seen: int = -1
    own: Given | None = None
    log: dict[str, tuple[int, Any]] = field(default_factory=dict)

    @property
    def logged(self) -> Given:
        return {question: said for question, (_, said) in self.log.items() if said is not None}

    @property
    def answers(self) -> Given:
        return self.logged if self.own is None else self.own

    @property
    def slot(self) -> bool:
        return self.counts == "verdict" or (self.lease is not None and not self.counts and not self.extra)

    def keep(self, had: str, until: int) -> None:
        self.lease, self.extra = until, had == "surplus"


class QueueModel:
    """The queue. Time is given."""

    def __init__(self) -> None:
        self.items: dict[str, NewItem] = {}
        self.parts: dict[tuple[str, str], Part] = {}
        self.lease_ms = 1_800_000  # that answers which the log lacks get; of the last claim
        self.erased: set[str] = set()
        self._ranks = 0

    def part(self, item: str, who: str) -> Part:
        return self.parts.setdefault((item, who), Part())

    def of(self, item: str) -> dict[str, Part]:
        return {who: part for (one, who), part in self.parts.items() if one == item}

    def verdicts(self, item: str) -> int:
        return sum(part.counts == "verdict" for part in self.of(item).values())

    def free(self, item: str) -> int:
        return OVERLAP - sum(part.slot for part in self.of(item).values())

    # Reviewers.

    def candidates(self, who: str) -> list[list[str]]:
        """The items that may come next: one of the first group that is not empty."""
        held = [item for item in self.items if self.part(item, who).lease is not None]
        open_ones = [
            item
            for item in self.items
            if self.free(item) > 0 and not self.part(item, who).counts and not self.part(item, who).declined
        ]
        started = [item for item in open_ones if self.verdicts(item)]
        fresh = sorted((item for item in open_ones if not self.verdicts(item)), key=self._order)
        return [held, started, fresh[:1]]

    def claim(self, item: str, who: str, now: int) -> None:
        part = self.part(item, who)
        part.extra = part.extra and part.lease is not None
        part.lease, self.lease_ms = now + LEASE_MS, LEASE_MS

    def may_open(self, item: str, who: str) -> bool:
        if item not in self.items:
            return False
        part = self.part(item, who)
        return part.lease is not None or (not part.counts and self.free(item) > 0)

    def release(self, item: str, who: str) -> None:
        self.part(item, who).lease = None
        self._finish(item)

    def submit(self, item: str, who: str, submission: str, given: Given, now: int) -> str:
        if item not in self.items:
            return "gone"
        part = self.part(item, who)
        if submission in part.taken_back:
            return "repeated"
        known = bool(part.counts) and part.submission == submission
        if not known:
            part.submission, part.word, part.due, part.own = submission, "answered", 0, given
            self._count(item, part, part.lease is not None and not part.extra)
        if part.word == "answered":
            part.due = max(part.due or 0, now + MARK_MS)
        self._finish(item)
        return "repeated" if known else {"verdict": "answered"}.get(part.counts, part.counts)

    def acknowledge(self, item: str, who: str, submission: str, now: int) -> bool:
        part = self.part(item, who)
        if item not in self.items or submission in part.taken_back:
            return item in self.items
        if submission not in ("", part.submission) or not (part.word or part.counts):
            return False
        if part.word == ("answered" if submission else "undone"):
            part.due = now + KNOWN_MS
        return True

    def undo(self, item: str, who: str, now: int) -> bool:
        part = self.part(item, who)
        if item not in self.items or not part.counts:
            return False
        had = part.counts
        part.taken_back.add(part.submission)
        part.word, part.due, part.stale, part.own, part.counts = "undone", now + MARK_MS, True, None, ""
        part.keep(had, now + LEASE_MS)
        self._finish(item)
        return True

    def decline(self, item: str, who: str) -> None:
        if item in self.items and not self.part(item, who).counts:
            part = self.part(item, who)
            part.declined, part.lease = True, None
            self._finish(item)

    def settle(self, now: int) -> None:
        """What time does: leases run out first, then words that the log does not say."""
        self._settle_those(self._by_time("lease", now), now)

    def _settle_those(self, leases: Sequence[tuple[str, str]], now: int) -> None:
        for item, who in [*leases, *self._by_time("due", now)]:
            part = self.part(item, who)
            if part.lease is not None and part.lease <= now:
                part.lease = None
            if part.due is not None and part.due <= now:
                undone, had = part.word == "undone", part.counts
                self._follow(item, part)
                if not undone and not part.counts:
                    part.keep(had, now + self.lease_ms)
        for item in list(self.items):
            self._finish(item)

    def _by_time(self, name: str, now: int) -> list[tuple[str, str]]:
        found = [(getattr(part, name), key) for key, part in self.parts.items() if key[0] in self.items]
        return [key for at, key in sorted((at, key) for at, key in found if at is not None and at <= now)]

    # The log.

    def apply(
        self, items: Sequence[NewItem], verdicts: Sequence[LoggedVerdict], declines: Sequence[LoggedDecline],
        erased: Sequence[str],
    ) -> None:  # fmt: skip
        """A batch."""
        for item in items:
            if item.target.conversation_id not in self.erased:
                self.items.setdefault(item.id, item)
        for verdict in verdicts:
            if verdict.item in self.items:
                self._hear(verdict)
        for decline in declines:
            if decline.item in self.items and decline.offset > self.part(decline.item, decline.reviewer).seen:
                self.part(decline.item, decline.reviewer).seen = decline.offset
                if not self.part(decline.item, decline.reviewer).counts:
                    part = self.part(decline.item, decline.reviewer)
                    part.declined, part.lease = True, None
        for item_id in list(self.items):
            self._finish(item_id)
        for conversation in erased:
            self.erase(conversation)

    def erase(self, conversation: str) -> None:
        self.erased.add(conversation)
        for item_id in [one.id for one in self.items.values() if one.target.conversation_id == conversation]:
            del self.items[item_id]
            self.parts = {key: part for key, part in self.parts.items() if key[0] != item_id}

    def _hear(self, verdict: LoggedVerdict) -> None:
        part = self.part(verdict.item, verdict.reviewer)
        for question, said in verdict.answers.items():
            if part.log.get(question, (-1, None))[0] < verdict.offset:
                part.log[question] = verdict.offset, said
        part.seen = max(part.seen, verdict.offset)
        if part.word == "answered":
            if not part.logged:
                part.stale = False
            elif not part.stale and part.logged == part.own:
                self._follow(verdict.item, part)
        elif part.word != "undone" or not part.logged:
            self._follow(verdict.item, part)

    # What follows.

    def _follow(self, item: str, part: Part) -> None:
        part.word, part.due, part.stale, part.own = "", None, False, None
        if part.logged:
            self._count(item, part, slot_is_kept=True)
        else:
            part.counts = ""

    def _count(self, item: str, part: Part, slot_is_kept: bool) -> None:
        if not part.counts:
            has_slot = self.verdicts(item) < OVERLAP and (slot_is_kept or self.free(item) > 0)
            part.counts, part.rank = "verdict" if has_slot else "surplus", self._next_rank()
        part.lease, part.declined = None, False

    def _next_rank(self) -> int:
        self._ranks += 1
        return self._ranks

    def _finish(self, item: str) -> None:
        waiting = (part for part in self.of(item).values() if part.counts == "surplus")
        for part in sorted(waiting, key=lambda each: each.rank):
            if self.free(item) > 0:
                part.counts = "verdict"

    def _order(self, item: str) -> int:
        return self.items[item].order

    def said(self, item: str, counts: str) -> dict[str, Given]:
        """Reviewer -> answers, of those that count so."""
        return {who: part.answers for who, part in self.of(item).items() if part.counts == counts}

    def leases(self) -> Iterator[str]:
        """Who keeps an item, once for each."""
        return (who for (item, who), part in self.parts.items() if item in self.items and part.lease)
