"""The schema of units: what was judged in one conversation, with its votes (`rows.units`).

A unit is no row yet. Units of many conversations that have the same key are one thing, and their votes are
added up (`rows.resolve`).
"""

from typing import Final, Literal, get_args

import pyarrow as pa

from plaudit_consumers.rows.schemas import CALLS, TEXT, TIME, list_of, struct

UnitKind = Literal["answer", "pair"]
UNIT_KINDS: Final[tuple[UnitKind, ...]] = get_args(UnitKind)
Origin = Literal["rating", "correction", "comparison", "sibling_ratings"]
"""Where a vote comes from. `sibling_ratings` are implied by ratings of two answers to one prompt."""

UNIT_MESSAGE = struct(role=TEXT, content=TEXT, tool_calls=CALLS, tool_call_id=TEXT)
UNIT_CHAT = list_of(UNIT_MESSAGE)
VOTE = struct(
    rater_application=TEXT, rater_kind=TEXT, rater_id=TEXT, rater_version=TEXT, rater_conversation=TEXT,
    aspect=TEXT, score=pa.float64(), confidence=pa.float64(), strength=pa.float64(), raters=pa.int64(),
    origin=TEXT, occurred_us=pa.int64(), finished_us=pa.int64(), source_partition=pa.int32(),
    source_offset=pa.int64(), judgement=pa.int32(), adjudicated=pa.bool_(),
)  # fmt: skip
"""One vote; the fields are those of `rows.votes.Vote`."""

UNITS = pa.schema(
    struct(
        kind=TEXT, key=TEXT, prompt_key=TEXT, prompt=UNIT_CHAT, first=UNIT_MESSAGE, second=UNIT_MESSAGE,
        tools=TEXT, has_tools=pa.bool_(), votes=list_of(VOTE), corrected=pa.bool_(),
        demonstration=pa.bool_(), empty=pa.bool_(), message_ids=list_of(TEXT), application=TEXT,
        conversation_id=TEXT,
        revision=pa.int32(), user_id=TEXT, consent=TEXT, licence=TEXT, finished_at=TIME,
        source_partition=pa.int32(), source_offset=pa.int64(), parent_guessed=pa.bool_(), model=TEXT,
        model_version=TEXT, second_model=TEXT, second_model_version=TEXT, turns=pa.int64(),
        alternating=pa.bool_(),
    )
)  # fmt: skip
"""The columns of units.

- `key`: a hash of the prompt, the answers and the tools; `prompt_key`: of the prompt alone. Both are 32
  hexadecimal digits. The ids of tool calls do not change them.
- `first`, `second`: the answers. Those of a pair are in the order of their hashes, so that the same pair of
  two conversations has the same key. `second` is null for an answer. `message_ids` are in the same order.
- `tools`: JSON text of the tools on offer, in the form of `tool_calls.normal_tools`; null if there are none.
- `has_tools`: whether tools were offered for an answer, or are used in the prompt or in an answer.
- `votes`: empty for a demonstration, and for an answer that was only corrected.
- `corrected`: whether somebody wrote another text for the answer.
- `demonstration`: whether the answer is a target without a vote, because the rules ask for such answers.
- `empty`: whether the answer has neither text nor calls; null for a pair.
- `model`, `second_model`: of the first and of the second answer.
- `turns`: the number of the user's turns in the prompt.
- `alternating`: as `turns.alternates` says.
"""
