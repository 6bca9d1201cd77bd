"""Makes the units of one conversation from its feedback and comparisons."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from plaudit_schemas.review.targets import ADJUDICATION

from plaudit_consumers.rows.chats import Answer, AnswerPrompt, ConversationChats
from plaudit_consumers.rows.judgements import CountedJudgements, Judgement, confidence_of
from plaudit_consumers.rows.ranked_pairs import RankedPair, ranked_pairs
from plaudit_consumers.rows.reasons import AnswerReason, ComparisonReason, UnitReason
from plaudit_consumers.rows.settings import TOLERANCE, RowRules, reaches
from plaudit_consumers.rows.sibling_votes import sibling_votes
from plaudit_consumers.rows.text_pool import TextPool
from plaudit_consumers.rows.unit_counts import UnitCounts
from plaudit_consumers.rows.unit_schema import Origin
from plaudit_consumers.rows.unit_set import Unit, UnitSet
from plaudit_consumers.rows.view import ConversationFacts, ConversationView
from plaudit_consumers.rows.votes import RaterKey, Vote


class _Place(NamedTuple):
    """What an answer stands after: a prompt, and the tools on offer."""

    prompt: AnswerPrompt
    tools: str | None


class _Candidate(NamedTuple):
    """A complete answer in its place."""

    place: _Place
    answer: Answer


class ConversationUnits:
    """Makes the units of one conversation."""

    def __init__(
        self,
        view: ConversationView,
        number: int,
        rules: RowRules,
        counted: CountedJudgements,
        pool: TextPool,
    ) -> None:
        self._view, self._number, self._rules, self._counted = view, number, rules, counted
        self._facts = view.facts[number]
        self._chats = ConversationChats(view, number, rules, pool)
        self._units = UnitSet(number)
        self._places: dict[int, _Place | AnswerReason] = {}
        self._rated: dict[tuple[bytes, str | None], dict[bytes, Unit]] = {}

    def make(self, counts: UnitCounts) -> Iterator[Unit]:
        """Make all units. Counts each judgement, once."""
        items, starts = self._view.feedback
        first, end = starts[self._number], starts[self._number + 1]
        for position in range(first, end):
            counts.add(self._add_feedback(position, position - first, items[position]))
        self._add_siblings()
        for number, comparison in enumerate(self._facts.comparisons, start=end - first):
            counts.add(self._add_comparison(number, comparison, counts))
        self._add_demonstrations(items[first:end], counts)
        return iter(self._units)

    def _add_feedback(self, position: int, number: int, item: Judgement) -> UnitReason | None:
        reason = self._counted.refusal(item)
        if reason is not None:
            return reason
        if item["kind"] == "correction" and item["correction"] is not None:
            return self._add_correction(position, number, item)
        rating = self._counted.rating(item)
        if isinstance(rating, str):
            return rating
        answer = self._find(item["message_id"])
        candidate = answer if isinstance(answer, str) else self._candidate(answer)
        if isinstance(candidate, str):
            return candidate
        prompt, tools = candidate.place
        unit = self._units.answer(prompt, tools, candidate.answer)
        strength = abs(2 * rating.score - 1)
        unit.votes.append(self._vote(item, number, "rating", rating.score, strength, rating.raters))
        self._rated.setdefault((prompt.digest, tools), {})[candidate.answer.digest] = unit
        return None

    def _add_correction(self, position: int, number: int, item: Judgement) -> UnitReason | None:
        original = self._find(item["message_id"])
        if isinstance(original, str):
            return original
        place = self._place(original)
        if isinstance(place, str):
            return place
        prompt, tools = place
        corrected = self._chats.corrected_answer(self._view.correction_text(position), original)
        candidate = self._candidate(original)
        is_another = not isinstance(candidate, str) and candidate.answer.digest != corrected.digest
        if corrected.size:
            unit = self._units.answer(prompt, tools, corrected)
            unit.votes.append(self._vote(item, number, "correction", 1.0, None))
        elif not is_another:
            return "empty_answer"
        if is_another and not isinstance(candidate, str):
            self._units.answer(prompt, tools, candidate.answer).corrected = True
            pair = self._units.pair(prompt, tools, corrected, candidate.answer)
            score = float(pair.first.digest == corrected.digest)
            pair.votes.append(self._vote(item, number, "correction", score, None))
        return None

    def _add_siblings(self) -> None:
        for units in self._rated.values():
            in_order = sorted(units.values(), key=lambda unit: unit.first.digest)  # as in the pair
            for first, second in combinations(in_order, 2):
                votes = sibling_votes(_ratings(first), _ratings(second), self._rules.pair_min_gap)
                # Votes for neither alone are no pair: all answers to a prompt may be rated alike.
                if any(vote.strength is not None for vote in votes):
                    self._units.pair(first.prompt, first.tools, first.first, second.first).votes += votes

    def _add_comparison(self, number: int, item: Judgement, counts: UnitCounts) -> UnitReason | None:
        reason = self._counted.refusal(item) or self._comparison_refusal(item)
        if reason is not None:
            return reason
        found: dict[bytes, tuple[Unit, list[tuple[float, float | None]]]] = {}
        lost: list[UnitReason] = []
        for pair in ranked_pairs(item):
            candidates = self._both(pair)
            if isinstance(candidates, str):
                lost.append(candidates)
                continue
            better, worse = candidates
            unit = self._units.pair(*better.place, better.answer, worse.answer)
            lead = pair.lead if unit.first.digest == better.answer.digest else -pair.lead
            found.setdefault(unit.key, (unit, []))[1].append((lead, pair.strength))
        for unit, leads in found.values():
            unit.votes.append(self._pair_vote(item, number, leads))
        counts.lost_pairs.update(lost)
        return None if found else lost[0]

    def _comparison_refusal(self, item: Judgement) -> UnitReason | None:
        if self._counted.is_neutral(item["aspect"]):
            return "aspect_neutral"
        if item["none_acceptable"]:
            return "none_acceptable"
        return None if sum(map(len, item["ranking"] or ())) > 1 else "not_ranked"

    def _both(self, pair: RankedPair) -> tuple[_Candidate, _Candidate] | UnitReason:
        candidates = []
        for name in (pair.better, pair.worse):
            position = self._find(name)
            candidate = position if isinstance(position, str) else self._candidate(position)
            if isinstance(candidate, str):
                return candidate
            candidates.append(candidate)
        better, worse = candidates
        return _difference(better, worse) or (better, worse)

    def _pair_vote(self, item: Judgement, number: int, leads: list[tuple[float, float | None]]) -> Vote:
        """The vote on a pair; there are several leads if several candidates say the same."""
        lead = sum(lead for lead, _ in leads)
        strengths = [strength for _, strength in leads if strength is not None]
        is_tie = abs(lead) <= TOLERANCE
        strength = sum(strengths) / len(strengths) if strengths and not is_tie else None
        score = 0.5 if is_tie else float(lead > 0)
        return self._vote(item, number, "comparison", score, strength)

    def _add_demonstrations(self, feedback: Sequence[Judgement], counts: UnitCounts) -> None:
        """Add what reviewers wrote, and where asked for every other answer, if nobody judged it."""
        fields = self._view.messages.fields
        demonstrations = [
            position
            for position in self._chats.tree.final_answers()
            if self._rules.unrated_sft or fields.written[position]
        ]
        if not demonstrations:
            return
        judged = {item["message_id"] for item in feedback if item["kind"] != "signal"}
        judged.update(name for item in self._facts.comparisons if _says(item) for name in item["candidates"])
        if self._is_bad_as_a_whole(feedback):
            return
        for position in demonstrations:
            if fields.ids[position] in judged:
                continue
            candidate = self._candidate(position)
            if isinstance(candidate, str):
                counts.lost_demonstrations[candidate] += 1
            else:
                self._units.answer(*candidate.place, candidate.answer).demonstration = True
                counts.demonstrations += 1

    def _is_bad_as_a_whole(self, feedback: Sequence[Judgement]) -> bool:
        """Whether somebody rated the whole conversation too low for a target."""
        ratings = (self._counted.rating(item) for item in feedback if item["message_id"] is None)
        least = self._rules.sft_min_score
        return any(not isinstance(each, str) and not reaches(each.score, least) for each in ratings)

    def _find(self, message_id: str | None) -> int | UnitReason:
        return "whole_conversation" if message_id is None else self._chats.tree.find_answer(message_id)

    def _place(self, position: int) -> _Place | AnswerReason:
        if position not in self._places:
            self._places[position] = self._new_place(position)
        return self._places[position]

    def _new_place(self, position: int) -> _Place | AnswerReason:
        prompt = self._chats.prompt_before(position)
        if isinstance(prompt, str):
            return prompt
        try:
            return _Place(prompt, self._chats.tools(position))
        except ValueError:
            return "tools_not_readable"

    def _candidate(self, position: int) -> _Candidate | AnswerReason:
        if not self._chats.tree.is_complete(position):
            return "incomplete_answer"
        place = self._place(position)
        if isinstance(place, str):
            return place
        answer = self._chats.message_answer(place.prompt, position)
        return answer if isinstance(answer, str) else _Candidate(place, answer)

    def _vote(
        self,
        item: Judgement,
        number: int,
        origin: Origin,
        score: float,
        strength: float | None,
        raters: int = 1,
    ) -> Vote:
        facts = self._facts
        return Vote(
            *rater_of(item["rater"], facts),
            aspect=item["aspect"],
            score=score,
            confidence=confidence_of(item),
            strength=strength,
            raters=raters,
            origin=origin,
            occurred_us=item["occurred_us"],
            finished_us=facts.finished_us,
            source_partition=facts.source_partition,
            source_offset=facts.source_offset,
            judgement=number,
            adjudicated=_settles(item),
        )


def rater_of(rater: Judgement, facts: ConversationFacts) -> RaterKey:
    """The rater's key. A user without an id is the conversation's user, if it names one.

    Another person without an id is somebody else in each conversation. A model without one is the same.
    """
    kind, name = rater["kind"], rater["id"]
    if name is None and kind == "user":
        name = facts.user_id
    conversation = facts.conversation_id if name is None and kind != "model" else None
    return RaterKey(facts.application, kind, name, rater["version"], conversation)


def _says(comparison: Judgement) -> bool:
    """Whether a comparison says anything; one that was taken back stays as an empty ranking."""
    return bool(comparison["ranking"] or comparison["none_acceptable"])


def _settles(item: Judgement) -> bool:
    """Whether it is a lead's word, as the review queue has it. What users send may hold any item id."""
    return item["rater"]["kind"] == "reviewer" and (item["item_id"] or "").startswith(ADJUDICATION)


def _ratings(unit: Unit) -> list[Vote]:
    return [vote for vote in unit.votes if vote.origin == "rating"]


def _difference(one: _Candidate, other: _Candidate) -> ComparisonReason | None:
    """What keeps two answers from being a pair."""
    if one.place.prompt.digest != other.place.prompt.digest:
        return "different_histories"
    if one.place.tools != other.place.tools:
        return "different_tools"
    return "same_answer" if one.answer.digest == other.answer.digest else None
