"""The thresholds for training rows. The metadata of each file has those that its rows were derived with."""

from typing import Final, Literal

from plaudit_schemas.settings import Settings
from pydantic import Field, model_validator

TOLERANCE: Final = 1e-9
"""A mean may miss a threshold by this much: (0.2 + 0.4 + 0.6) / 3 is 0.4000000000000001 in floating point."""
ROW_RULES: Final = 2
"""The version of the rules for training rows; the metadata of each file has the one that made its rows.

1: a score was compared with a threshold exactly.
2: a score within TOLERANCE of a threshold, or of the middle of the scale, counts as equal to it.
"""


class RowSettings(Settings):
    """Which conversations and answers become training rows (docs/datasets.md)."""

    training_consent: Literal["opt_in", "opt_out"] = Field(
        default="opt_in", description="opt_out also trains on chats whose consent is unspecified"
    )
    training_licence: str | None = Field(
        default=None, description="The licence of chats without a tag licence or license"
    )
    training_aspects: str = Field(
        default="", description="Aspects whose ratings count, comma-separated; empty counts all"
    )
    training_raters: str = Field(
        default="user,reviewer,model", description="Kinds of raters that count, comma-separated"
    )
    min_raters: int = Field(default=1, ge=1, description="Fewest raters that a training row needs")
    min_agreement: float = Field(
        default=0.5, ge=0, le=1, description="Smallest share of agreeing raters that a training row needs"
    )
    sft_min_score: float = Field(
        default=0.75,
        ge=0,
        le=1,
        description="An answer with at least this mean score (0 to 1) is an sft target",
    )
    kto_good_score: float = Field(
        default=0.6, ge=0, le=1, description="The KTO label is true from this mean score upwards"
    )
    kto_bad_score: float = Field(
        default=0.4, ge=0, le=1, description="The KTO label is false up to this mean score"
    )
    max_prompt_bytes: int = Field(
        default=1 << 20,
        ge=1,
        le=1 << 26,
        description="An answer with a longer history becomes no training row",
    )

    @model_validator(mode="after")
    def _labels_apart(self) -> "RowSettings":
        if self.kto_good_score - self.kto_bad_score <= 2 * TOLERANCE:  # or one score could be both
            raise ValueError("kto_bad_score must lie below kto_good_score")
        return self
