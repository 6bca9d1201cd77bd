"""Derives units from canonical rows: what was judged in each conversation, and the votes on it.

docs/datasets.md has the rules in words.
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from plaudit_schemas.contract.aspects import Aspects

from plaudit_consumers.rows.conversation_units import ConversationUnits
from plaudit_consumers.rows.judgements import CountedJudgements
from plaudit_consumers.rows.reasons import ConversationReason
from plaudit_consumers.rows.settings import RowRules
from plaudit_consumers.rows.text_pool import TextPool
from plaudit_consumers.rows.unit_counts import UnitCounts
from plaudit_consumers.rows.unit_tables import unit_bytes, unit_table
from plaudit_consumers.rows.view import take_apart, written_answers

# Units repeat texts, so a wide ranking of long answers can exceed the 2 GiB of an Arrow string array.
_TABLE_BYTES: Final = 8 << 20
_TABLE_POSITIONS: Final = 500_000


def derive_units(conversations: Any, rules: RowRules, aspects: Aspects, counts: UnitCounts) -> Iterator[Any]:
    """Derive the units of canonical rows, in their order, as tables of UNITS.

    A conversation has at most one unit for each key. A table has about 8 MiB of text at most.

    Args:
        conversations: a table of schema CONVERSATIONS, with amendments merged; each conversation once.
        counts: is added to. It is complete when the iterator is at its end.
    """
    table = _trainable(conversations, rules, counts)
    if not table.num_rows:
        return
    view = take_apart(table)
    pool = TextPool(view.texts)
    by_application: dict[str, CountedJudgements] = {}
    pending = []
    size = positions = 0
    for number, facts in enumerate(view.facts):
        application = facts.application
        if application not in by_application:
            by_application[application] = CountedJudgements(application, rules, aspects)
        made = ConversationUnits(view, number, rules, by_application[application], pool).make(counts)
        for unit in made:
            pending.append(unit)
            size += unit_bytes(unit)
            positions += len(unit.prompt.chat.places)
            if size > _TABLE_BYTES or positions > _TABLE_POSITIONS:
                yield unit_table(view, pool, pending)
                pending, size, positions = [], 0, 0
    if pending:
        yield unit_table(view, pool, pending)


def _trainable(conversations: Any, rules: RowRules, counts: UnitCounts) -> Any:
    """The conversations that may have units. The judgements of the others are counted."""
    judgements = pc.add(_lengths(conversations["feedback"]), _lengths(conversations["comparisons"]))
    chosen = pa.chunked_array([pa.repeat(True, conversations.num_rows)])
    for reason, is_refused in _refusals(conversations, rules).items():
        lost = pc.sum(judgements.filter(pc.and_(chosen, is_refused)), min_count=0).as_py()
        counts.lose(reason, lost)
        chosen = pc.and_(chosen, pc.invert(is_refused))
    if not rules.unrated_sft:
        chosen = pc.and_(chosen, pc.or_(pc.greater(judgements, 0), _have_written(conversations["messages"])))
    if pc.all(chosen, min_count=0).as_py():  # filtering copies, and one conversation may be 50 MB
        return conversations.combine_chunks()
    return conversations.filter(chosen).combine_chunks()


def _have_written(messages: Any) -> Any:
    """Which conversations have an answer that a reviewer wrote."""
    return pa.chunked_array([_have_written_in(chunk) for chunk in messages.chunks], pa.bool_())


def _have_written_in(lists: Any) -> Any:
    parents = pc.list_parent_indices(lists).filter(written_answers(lists.flatten()))
    return pc.is_in(pa.array(range(len(lists)), parents.type), parents)


def _refusals(conversations: Any, rules: RowRules) -> dict[ConversationReason, Any]:
    """For each reason, which conversations are not used."""
    return {
        "erased": conversations["erased"].fill_null(False),
        "excluded": conversations["excluded"].fill_null(False),  # older files do not have it
        "consent": pc.invert(pc.is_in(conversations["consent"], pa.array(rules.consents, pa.string()))),
    }


def _lengths(lists: Any) -> Any:
    return pc.fill_null(pc.list_value_length(lists), 0)
