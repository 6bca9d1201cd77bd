"""Derives training rows from canonical rows by the rules of docs/datasets.md.

Python handles only positions. Arrow copies the texts from the canonical columns.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from plaudit_consumers.rows.message_tree import MessageTree, PromptPath
from plaudit_consumers.rows.schemas import TRAINING, Subset
from plaudit_consumers.rows.settings import ROW_RULES, TOLERANCE, RowSettings
from plaudit_consumers.rows.tables import TrainingRow, row_bytes, training_table
from plaudit_consumers.rows.view import ConversationView, take_apart, trainable
from plaudit_consumers.rows.votes import (
    RaterKey,
    Verdict,
    combine_corrections,
    combine_ratings,
    preferred_pairs,
)

# Rows repeat texts, so a wide ranking of long answers can exceed the 2 GiB of an Arrow string array.
_TABLE_BYTES: Final = 8 << 20
_TABLE_POSITIONS: Final = 500_000

SubsetRow = tuple[Subset, TrainingRow]


def derive(conversations: Any, settings: RowSettings, rules: int = ROW_RULES) -> Iterator[tuple[Subset, Any]]:
    """Derive the training rows of canonical rows, in their order, as tables with about 8 MiB of text at most.

    Args:
        conversations: a table of schema `CONVERSATIONS`.
        rules: the version of the rules; see ROW_RULES.
    """
    tolerance = 0.0 if rules == 1 else TOLERANCE
    consents = ["granted"] + (["unspecified", "unknown"] if settings.training_consent == "opt_out" else [])
    table = trainable(conversations, consents)
    if not table.num_rows:
        return
    view = take_apart(table)
    pending: dict[Subset, list[TrainingRow]] = {subset: [] for subset in TRAINING}
    size = positions = 0
    for number in range(table.num_rows):
        for subset, row in _ConversationRows(view, number, settings, tolerance).training_rows():
            pending[subset].append(row)
            size += row_bytes(subset, view, row)
            positions += len(row.prompt.positions)
            if size > _TABLE_BYTES or positions > _TABLE_POSITIONS:
                yield from _tables(view, pending)
                size = positions = 0
    yield from _tables(view, pending)


def _tables(view: ConversationView, pending: dict[Subset, list[TrainingRow]]) -> Iterator[tuple[Subset, Any]]:
    for subset, rows in pending.items():
        if rows:
            yield subset, training_table(subset, view, rows)
            rows.clear()


class _ConversationRows:
    """Makes the rows of one conversation."""

    def __init__(self, view: ConversationView, number: int, settings: RowSettings, tolerance: float) -> None:
        """A score that misses a threshold by at most `tolerance` reaches it."""
        self._view, self._number, self._settings, self._tolerance = view, number, settings, tolerance
        self._fields = view.messages.fields
        starts = view.messages.starts
        self._tree = MessageTree(self._fields, starts[number], starts[number + 1], settings.max_prompt_bytes)
        self._aspects, self._kinds = _names(settings.training_aspects), _names(settings.training_raters)

    def training_rows(self) -> Iterator[SubsetRow]:
        """Yield the rows of each judged answer, then those of preferred pairs from comparisons."""
        items, starts = self._view.feedback
        by_message: dict[str, list[int]] = {}
        for position in range(starts[self._number], starts[self._number + 1]):
            message_id = items[position]["message_id"]
            if message_id is not None and self._counts(items[position]):
                by_message.setdefault(message_id, []).append(position)
        for message_id, feedback in by_message.items():
            yield from self._answer_rows(message_id, feedback)
        if self._view.comparisons[self._number]:
            yield from self._pair_rows()

    def _answer_rows(self, message_id: str, feedback: Sequence[int]) -> Iterator[SubsetRow]:
        """Yield the rows of one answer; `feedback` has the positions of its feedback."""
        answer = self._tree.find_answer(message_id)
        prompt = None if answer is None else self._tree.prompt_before(answer)
        if answer is None or prompt is None:
            return
        items = self._view.feedback.items
        judged = [(self._rater(items[position]), items[position]) for position in feedback]
        verdict = combine_ratings(judged, self._tolerance)
        corrections = combine_corrections(
            (position, *item) for position, item in zip(feedback, judged, strict=True)
        )
        has_tools = self._has_tools(prompt, answer)
        if verdict is not None and self._is_enough(verdict) and self._tree.is_complete(answer):
            row = TrainingRow(self._number, prompt, answer, (answer,), "rating", verdict, verdict.margin)
            yield from self._rated_rows(row, has_tools=has_tools, corrected=bool(corrections))
        for correction in corrections:
            if self._is_enough(correction.verdict):
                text, verdict = self._view.correction_text(correction.feedback), correction.verdict
                row = TrainingRow(self._number, prompt, text, (answer,), "correction", verdict, None)
                yield from self._corrected_rows(row, has_tools=has_tools)

    def _rated_rows(self, row: TrainingRow, *, has_tools: bool, corrected: bool) -> Iterator[SubsetRow]:
        settings, score = self._settings, row.verdict.score
        is_good = self._reaches(score, settings.sft_min_score) and not corrected
        is_empty = not self._fields.sizes[row.answer] and not self._fields.tools[row.answer]
        if is_good and not is_empty:
            yield ("sft_tools" if has_tools else "sft"), row
        # KTO has no subset with tools, and answers between the two scores are neither good nor bad.
        label = self._reaches(score, settings.kto_good_score)
        if not has_tools and (label or self._reaches(settings.kto_bad_score, score)):
            yield "kto", row._replace(label=label)

    def _corrected_rows(self, row: TrainingRow, *, has_tools: bool) -> Iterator[SubsetRow]:
        (original,), texts = row.messages, self._view.texts.strings
        corrected = texts[row.answer].as_py()
        if corrected:
            yield ("sft_tools" if has_tools else "sft"), row
        if not has_tools and self._tree.is_complete(original) and corrected != texts[original].as_py():
            yield "preference", row._replace(rejected=original, messages=(original, original))

    def _pair_rows(self) -> Iterator[SubsetRow]:
        texts: dict[str, str] = {}
        parents: dict[str, str | None] = {}
        comparisons = []
        for item in self._view.comparisons[self._number]:
            who = item["rater"]
            judgement = {**item, "rater": (who["kind"], who["id"], who["version"])}
            if self._counts(judgement):
                comparisons.append((self._rater(judgement), item))
                self._add_candidates(item["candidates"], texts, parents)
        for pair in preferred_pairs(comparisons, texts, parents):
            chosen, rejected = self._tree.positions[pair.chosen], self._tree.positions[pair.rejected]
            prompt, verdict = self._tree.prompt_before(chosen), pair.verdict
            if prompt is None or not self._is_enough(verdict) or self._has_tools(prompt, chosen, rejected):
                continue
            both = (chosen, rejected)
            row = TrainingRow(self._number, prompt, chosen, both, "comparison", verdict, verdict.score)
            yield "preference", row._replace(rejected=rejected)

    def _add_candidates(
        self, message_ids: Sequence[str], texts: dict[str, str], parents: dict[str, str | None]
    ) -> None:
        for message_id in message_ids:
            answer = self._tree.find_answer(message_id)
            if answer is not None and self._tree.is_complete(answer):
                texts[message_id] = self._view.texts.strings[answer].as_py()
                parents[message_id] = self._fields.parents[answer]

    def _has_tools(self, prompt: PromptPath, *answers: int) -> bool:
        """Whether tools were offered for one of the answers, or used in its prompt or in itself."""
        tools = self._view.tools
        return not tools.absent and any(
            self._tree.uses_tools(prompt, answer) or tools.are_offered(self._number, answer)
            for answer in answers
        )

    def _counts(self, judgement: dict[str, Any]) -> bool:
        """Whether the settings count this kind of rater and this aspect."""
        is_counted_kind = judgement["rater"][0] in self._kinds
        return is_counted_kind and (not self._aspects or judgement["aspect"] in self._aspects)

    def _is_enough(self, verdict: Verdict) -> bool:
        """Whether enough raters judged, and enough of them agree."""
        settings = self._settings
        agree = self._reaches(verdict.agreement, settings.min_agreement)
        return len(verdict.raters) >= settings.min_raters and agree

    def _reaches(self, value: float, threshold: float) -> bool:
        return value >= threshold - self._tolerance

    def _rater(self, judgement: dict[str, Any]) -> RaterKey:
        """The key of the rater. A user without an id is taken for the conversation's user."""
        kind, name, version = judgement["rater"]
        if name is None and kind == "user":
            name = self._view.user_ids[self._number]
        return RaterKey(kind, name, version)


@lru_cache(maxsize=16)  # asked for each conversation with the same settings
def _names(text: str) -> frozenset[str]:
    """The names of a comma-separated setting."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())
