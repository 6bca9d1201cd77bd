"""The Arrow schema of every subset.

Maps are `list<struct<key, value>>`, because the readers of trainers do not support MAP columns. Timestamps
are microseconds in UTC.
"""

from typing import Any, Final, Literal, get_args

import pyarrow as pa
from plaudit_schemas.contract import names

Subset = Literal[
    "conversations", "amendments", "sft", "sft_tools", "preference", "preference_tools", "kto", "kto_tools"
]
SUBSETS: Final[tuple[Subset, ...]] = get_args(Subset)
RECORDS: Final[tuple[Subset, ...]] = ("conversations", "amendments")
"""The subsets that the sink writes. The others are made of `conversations` when a snapshot is built."""
TRAINING: Final[tuple[Subset, ...]] = SUBSETS[2:]
SNAPSHOT: Final[tuple[Subset, ...]] = ("conversations", *TRAINING)
"""The subsets of a snapshot."""

TEXT: Any = pa.string()
TIME: Any = pa.timestamp("us", tz="UTC")


def struct(**fields: Any) -> Any:
    """A struct type of nullable fields."""
    return pa.struct([pa.field(name, kind) for name, kind in fields.items()])


def list_of(kind: Any) -> Any:
    """A list type. Its items are named `element` as in Parquet, so that files read back the same schema."""
    return pa.list_(pa.field("element", kind))


PAIRS = list_of(struct(key=TEXT, value=TEXT))
MODEL = struct(id=TEXT, version=TEXT, metadata=PAIRS)
PROMPT = struct(id=TEXT, version=TEXT)
RATER = struct(id=TEXT, kind=TEXT, version=TEXT)
CALLS = list_of(struct(id=TEXT, name=TEXT, arguments=TEXT))
MESSAGE = struct(
    message_id=TEXT, parent_id=TEXT, role=TEXT, content=TEXT, reasoning=TEXT, tool_calls=CALLS,
    tool_call_id=TEXT, attachments=list_of(struct(uri=TEXT, media_type=TEXT)), model=MODEL, variants=PAIRS,
    prompt=PROMPT, tools=TEXT, parameters=TEXT, latency_ms=pa.int64(), first_token_ms=pa.int64(),
    finish_reason=TEXT, usage=struct(input=pa.int64(), output=pa.int64()), status=TEXT, abstained=pa.bool_(),
    metadata=PAIRS, occurred_at=TIME, orphan=pa.bool_(), author=RATER, parent_guessed=pa.bool_(),
    excluded=pa.bool_(),
)  # fmt: skip
SPANS = list_of(struct(start=pa.int64(), end=pa.int64(), label=TEXT, comment=TEXT))
FEEDBACK = struct(
    message_id=TEXT, id=TEXT, rater=RATER, aspect=TEXT, kind=TEXT, thumb=pa.bool_(), number=pa.float64(),
    minimum=pa.float64(), maximum=pa.float64(), labels=list_of(TEXT), text=TEXT, correction=TEXT, signal=TEXT,
    signal_number=pa.float64(), rubric=TEXT, comment=TEXT, confidence=pa.float64(), occurred_at=TIME,
    number_raters=pa.int64(), spans=SPANS, rubric_version=TEXT, item_id=TEXT, suggestion_shown=pa.bool_(),
    event_id=TEXT,
)  # fmt: skip
VALUE_COLUMNS: Final[dict[str, dict[str, str]]] = {
    names.THUMB: {"like": "thumb"},
    names.NUMBER: {
        "number": "number",
        "minimum": "minimum",
        "maximum": "maximum",
        "raters": "number_raters",
    },
    names.LABEL: {"labels": "labels"},
    names.TEXT: {"text": "text"},
    names.CORRECTION: {"content": "correction"},
    names.SIGNAL: {"name": "signal", "number": "signal_number"},
    names.SPANS: {"spans": "spans"},
}
"""Full name of a feedback value -> its field -> the column in FEEDBACK. `kind` says which ones apply."""
COMPARISON = struct(
    comparison_id=TEXT, candidates=list_of(TEXT), ranking=list_of(list_of(TEXT)), none_acceptable=pa.bool_(),
    rater=RATER, aspect=TEXT, comment=TEXT, occurred_at=TIME, strength=pa.float64(), confidence=pa.float64(),
    rubric=TEXT, rubric_version=TEXT, item_id=TEXT, suggestion_shown=pa.bool_(), event_id=TEXT,
)  # fmt: skip

CONVERSATIONS = pa.schema(
    struct(
        application=TEXT, conversation_id=TEXT, revision=pa.int32(), erased=pa.bool_(), erase_reason=TEXT,
        started_at=TIME, ended_at=TIME, finished_at=TIME, end_reason=TEXT, source=TEXT, model=MODEL,
        user_id=TEXT, variants=PAIRS, consent=TEXT, licence=TEXT, tags=PAIRS, prompt=PROMPT, tools=TEXT,
        parameters=TEXT, session=TEXT, continues=TEXT, messages=list_of(MESSAGE), feedback=list_of(FEEDBACK),
        comparisons=list_of(COMPARISON), events=pa.int64(), missing_events=pa.int64(),
        source_partition=pa.int32(), source_offset=pa.int64(), recorded_at=TIME, record_offset=pa.int64(),
        task=TEXT, excluded=pa.bool_(), rules=pa.int32(),
    )
)  # fmt: skip

EXCLUSION = struct(message_id=TEXT, excluded=pa.bool_(), rater=RATER, reason=TEXT)
# `feedback` and `comparison` are of the same type as the items of a canonical row, so merging is a copy.
AMENDMENTS = pa.schema(
    struct(
        application=TEXT, conversation_id=TEXT, event_id=TEXT, occurred_at=TIME, arrived_at=TIME,
        held_ms=pa.int64(), producer=TEXT, sequence=pa.int64(), source=TEXT, body=TEXT, message_id=TEXT,
        feedback=FEEDBACK, comparison=COMPARISON, exclusion=EXCLUSION, consent=TEXT, rules=pa.int32(),
        source_partition=pa.int32(), source_offset=pa.int64(), recorded_at=TIME, record_offset=pa.int64(),
    )
)  # fmt: skip
"""`body` is the short name of what was said. One of `feedback`, `comparison`, `exclusion`, `consent` is set.

`message_id` is the message that was judged or excluded; null is the whole conversation.
"""

CHAT = list_of(struct(role=TEXT, content=TEXT))
JSON: Any = pa.json_(TEXT)
"""JSON text that says so, so that Hugging Face `datasets` reads it as what it describes."""
TOOL_CHAT = list_of(JSON)
"""Each message is a JSON object with only the keys that apply to it (`rows.message_json`)."""

# No name here is one that a trainer reads: a column `margin` would change the objective of a reward trainer.
PROVENANCE = struct(
    application=TEXT, conversation_id=TEXT, message_ids=list_of(TEXT), revision=pa.int32(), origin=TEXT,
    aspect=TEXT, model=TEXT, model_version=TEXT, user_id=TEXT, raters=list_of(RATER), votes=pa.int64(),
    agreement=pa.float64(), vote_weight=pa.float64(), vote_strength=pa.float64(), user_count=pa.int64(),
    conversation_count=pa.int64(), near_tie=pa.bool_(), alternating=pa.bool_(), turns=pa.int64(),
    consent=TEXT, licence=TEXT, finished_at=TIME, source_partition=pa.int32(),
    source_offset=pa.int64(), parent_guessed=pa.bool_(),
)  # fmt: skip


def _training(**columns: Any) -> Any:
    return pa.schema([*struct(**columns), *PROVENANCE])


SCHEMAS: Final[dict[Subset, Any]] = {
    "conversations": CONVERSATIONS,
    "amendments": AMENDMENTS,
    "sft": _training(prompt=CHAT, completion=CHAT),
    "sft_tools": _training(prompt=TOOL_CHAT, completion=TOOL_CHAT, tools=TEXT),
    "preference": _training(prompt=CHAT, chosen=CHAT, rejected=CHAT),
    "preference_tools": _training(prompt=TOOL_CHAT, chosen=TOOL_CHAT, rejected=TOOL_CHAT, tools=TEXT),
    "kto": _training(prompt=CHAT, completion=CHAT, label=pa.bool_()),
    "kto_tools": _training(prompt=TOOL_CHAT, completion=TOOL_CHAT, label=pa.bool_(), tools=TEXT),
}
