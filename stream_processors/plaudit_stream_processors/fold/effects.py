"""The effects of folding a batch besides the state: counters and finished conversations."""

from typing import Any, Final, Literal, NamedTuple, get_args

from plaudit_schemas.contract.reasons import Refusal

from plaudit_stream_processors.metrics.buckets import Counters

Emitted = Literal["finished_conversation", "amendment"]
EMITTED: Final[tuple[Emitted, ...]] = get_args(Emitted)
"""The schemas of what the fold emits."""


class Emission(NamedTuple):
    """One finished conversation, tombstone or amendment, at the offset of the event that made it.

    Attributes:
        refusal: why it can only be a dead letter, where the fold knows that without encoding it.
    """

    key: str
    offset: int
    record: dict[str, Any]
    schema: Emitted = "finished_conversation"
    refusal: Refusal | None = None


class Effects:
    """The effects of one batch. They are committed together or not at all.

    Attributes:
        duplicates: events that were folded before.
        ignored: events without effect: an idle end that activity overtook, or a second end.
        incomplete: ends of conversations whose start never came; these are not emitted.
        amendments: words that were emitted at once.
        dropped_scores: what models said of conversations that were erased.
        skewed: events of producers whose clock is more than a minute off.
    """

    __slots__ = (
        "amendments",
        "counters",
        "dropped_scores",
        "duplicates",
        "finished",
        "ignored",
        "incomplete",
        "skewed",
    )

    def __init__(self) -> None:
        self.counters = Counters()
        self.finished: list[Emission] = []
        self.duplicates = 0
        self.ignored = 0
        self.incomplete = 0
        self.amendments = 0
        self.dropped_scores = 0
        self.skewed = 0
