"""Training rows out of canonical rows; docs/datasets.md tells the rules in words.

Only positions pass through Python: texts are taken from the canonical columns by Arrow.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from plaudit_consumers.rows.build import Row, bytes_of, table_of
from plaudit_consumers.rows.history import Lines, Prompt
from plaudit_consumers.rows.schemas import TRAINING, Subset
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.rows.view import View, judged, offers, view
from plaudit_consumers.rows.votes import Rater, Verdict, corrections, pairs, rating

_TABLE_BYTES: Final = 8 << 20
_TABLE_POSITIONS: Final = 500_000


def derive(conversations: Any, settings: RowSettings) -> Iterator[tuple[Subset, Any]]:
    """The training rows of canonical rows, in their order, as tables of at most some 8 MiB of text.

    Args:
        conversations: a table of schema `CONVERSATIONS`.
    """
    consents = ["granted"] + (["unspecified", "unknown"] if settings.training_consent == "opt_out" else [])
    table = judged(conversations, consents)
    if not table.num_rows:
        return
    flat = view(table)
    waiting: dict[Subset, list[Row]] = {subset: [] for subset in TRAINING}
    size = positions = 0
    for number in range(table.num_rows):
        for subset, row in _Conversation(flat, number, settings).rows():
            waiting[subset].append(row)
            size += bytes_of(subset, flat, row)
            positions += len(row.prompt.line)
            if size > _TABLE_BYTES or positions > _TABLE_POSITIONS:
                yield from _tables(flat, waiting)
                size = positions = 0
    yield from _tables(flat, waiting)


def _tables(flat: View, waiting: dict[Subset, list[Row]]) -> Iterator[tuple[Subset, Any]]:
    for subset, rows in waiting.items():
        if rows:
            yield subset, table_of(subset, flat, rows)
            rows.clear()


class _Conversation:
    """The rows of one conversation."""

    def __init__(self, flat: View, number: int, settings: RowSettings) -> None:
        self._flat, self._number, self._settings = flat, number, settings
        self._first = flat.message_starts[number]
        self._lines = Lines(
            flat.lines, self._first, flat.message_starts[number + 1], settings.max_prompt_bytes
        )
        self._aspects, self._kinds = _names(settings.training_aspects), _names(settings.training_raters)

    def rows(self) -> Iterator[tuple[Subset, Row]]:
        by_message: dict[str, list[int]] = {}
        first, end = self._flat.feedback_starts[self._number : self._number + 2]
        for index in range(first, end):
            message_id = self._flat.feedback[index]["message_id"]
            if message_id is not None and self._counts(self._flat.feedback[index]):
                by_message.setdefault(message_id, []).append(index)
        for message_id, indexes in by_message.items():
            yield from self._answer(message_id, indexes)
        if self._flat.comparisons[self._number]:
            yield from self._pairs()

    def _answer(self, message_id: str, indexes: Sequence[int]) -> Iterator[tuple[Subset, Row]]:
        """The rows of one judged answer."""
        target = self._lines.target(message_id)
        prompt = None if target is None else self._lines.prompt(target)
        if target is None or prompt is None:
            return
        items = [(self._rater(self._flat.feedback[index]), self._flat.feedback[index]) for index in indexes]
        verdict = rating(items)
        tools = self._with_tools(prompt, target)
        written = corrections((index, *item) for index, item in zip(indexes, items, strict=True))
        if verdict is not None and self._enough(verdict) and self._lines.complete(target):
            row = Row(self._number, prompt, target, (target,), "rating", verdict, verdict.margin)
            yield from self._rated(row, tools=tools, corrected=bool(written))
        for correction in written:
            text = len(self._flat.messages) + correction.item
            if self._enough(correction.verdict):
                yield from self._corrected(prompt, target, text, correction.verdict, tools=tools)

    def _rated(self, row: Row, *, tools: bool, corrected: bool) -> Iterator[tuple[Subset, Row]]:
        settings, score = self._settings, row.verdict.score
        good = score >= settings.sft_min_score and not corrected
        said = self._flat.lines.sizes[row.answer] > 0 or self._flat.lines.tools[row.answer]
        if good and said:
            yield ("sft_tools" if tools else "sft"), row
        if not tools and (score >= settings.kto_good_score or score <= settings.kto_bad_score):
            yield "kto", row._replace(label=score >= settings.kto_good_score)

    def _corrected(
        self, prompt: Prompt, target: int, text: int, verdict: Verdict, *, tools: bool
    ) -> Iterator[tuple[Subset, Row]]:
        row = Row(self._number, prompt, text, (target,), "correction", verdict, None)
        corrected = self._flat.texts[text].as_py()
        if corrected:
            yield ("sft_tools" if tools else "sft"), row
        if not tools and self._lines.complete(target) and corrected != self._flat.texts[target].as_py():
            yield "preference", row._replace(rejected=target, messages=(target, target))

    def _pairs(self) -> Iterator[tuple[Subset, Row]]:
        texts: dict[str, str] = {}
        parents: dict[str, str | None] = {}
        comparisons = []
        for item in self._flat.comparisons[self._number]:
            who = item["rater"]
            judge = {**item, "rater": (who["kind"], who["id"], who["version"])}
            if self._counts(judge):
                comparisons.append((self._rater(judge), item))
                self._candidates(item["candidates"], texts, parents)
        for pair in pairs(comparisons, texts, parents):
            chosen, rejected = self._lines.at[pair.chosen], self._lines.at[pair.rejected]
            prompt = self._lines.prompt(chosen)
            if prompt is None or not self._enough(pair.verdict) or self._with_tools(prompt, chosen, rejected):
                continue
            yield (
                "preference",
                Row(
                    self._number, prompt, chosen, (chosen, rejected), "comparison", pair.verdict,
                    pair.verdict.score, rejected,
                ),
            )  # fmt: skip

    def _candidates(
        self, names: Sequence[str], texts: dict[str, str], parents: dict[str, str | None]
    ) -> None:
        for name in names:
            index = self._lines.target(name)
            if index is not None and self._lines.complete(index):
                texts[name] = self._flat.texts[index].as_py()
                parents[name] = self._flat.lines.parents[index]

    def _with_tools(self, prompt: Prompt, *answers: int) -> bool:
        offered = self._flat.offered[self._number]
        return not self._flat.without_tools and any(
            self._lines.with_tools(prompt.line, index)
            or offers(self._flat.answer_tools[index], otherwise=offered)
            for index in answers
        )

    def _counts(self, item: dict[str, Any]) -> bool:
        return item["rater"][0] in self._kinds and (not self._aspects or item["aspect"] in self._aspects)

    def _enough(self, verdict: Verdict) -> bool:
        return (
            len(verdict.raters) >= self._settings.min_raters
            and verdict.agreement >= self._settings.min_agreement
        )

    def _rater(self, item: dict[str, Any]) -> Rater:
        kind, name, version = item["rater"]
        if name is None and kind == "user":
            name = self._flat.user_ids[self._number]
        return Rater(kind, name, version)


@lru_cache(maxsize=16)
def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())
