"""The rules for training rows, which hold for a whole snapshot. Its manifest records them."""

from functools import cached_property
from typing import Final, Literal, get_args

from plaudit_schemas.contract.field_types import RaterKind
from plaudit_schemas.settings import Settings
from pydantic import Field, field_validator, model_validator

EVERY_ASPECT: Final = "*"
"""Stands for every aspect among those that count."""
TOLERANCE: Final = 1e-9
"""A mean may miss a threshold by this much: (0.2 + 0.4 + 0.6) / 3 is 0.4000000000000001 in floating point."""

_KINDS: Final = tuple(kind for kind in get_args(RaterKind) if kind != "unknown")


def reaches(value: float, threshold: float) -> bool:
    """Whether a value is at least a threshold, as far as floating point can tell."""
    return value >= threshold - TOLERANCE


class RowRules(Settings):
    """Which judgements count, and which answers and pairs become training rows (docs/datasets.md).

    Raises:
        ValidationError: a rule is out of range, or the thresholds are the wrong way round.
    """

    training_consent: Literal["opt_in", "opt_out"] = Field(
        default="opt_in", description="opt_out also trains on chats whose consent is unspecified"
    )
    training_aspects: str = Field(
        default="",
        description="Aspects whose judgements count, comma-separated; * is every one, empty all whose better "
        "end is known",
    )
    training_raters: str = Field(
        default="user,reviewer",
        description="Kinds of raters that count, comma-separated; those of models only if `model` is named",
    )
    resolve: Literal["votes", "dawid-skene", "adjudicated"] = Field(
        default="votes",
        description="How the votes on one thing become one verdict: by majority and mean, with raters "
        "weighted by how often they are right, or by what an adjudicator said where there is one",
    )
    min_raters: int = Field(default=1, ge=1, description="Fewest raters that a training row needs")
    min_agreement: float = Field(
        default=0.5, ge=0, le=1, description="Smallest share of agreeing raters that a training row needs"
    )
    near_tie: float = Field(
        default=0.6, ge=0, le=1, description="A row with a smaller share of agreeing raters is a near-tie"
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
        default=0.4,
        ge=0,
        le=1,
        description="The KTO label is false up to this mean score; if it equals the good one, below it",
    )
    pair_min_gap: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Ratings of two answers to one prompt make a pair from this difference of scores on",
    )
    max_prompt_bytes: int = Field(
        default=1 << 20,
        ge=1,
        le=1 << 26,
        description="An answer with a longer history becomes no training row",
    )
    unrated_sft: bool = Field(
        default=False, description="Whether answers that nobody judged are sft targets too"
    )
    alternating: Literal["keep", "merge", "drop"] = Field(
        default="keep",
        description="What becomes of rows whose roles do not alternate; merge joins turns of one role",
    )

    @field_validator("training_raters")
    @classmethod
    def _known_kinds(cls, text: str) -> str:
        unknown = sorted(_names(text) - set(_KINDS))
        if unknown:
            raise ValueError(f"{unknown[0]} is no kind of rater; there are {', '.join(_KINDS)}")
        if not _names(text):
            raise ValueError(f"name at least one kind of rater: {', '.join(_KINDS)}")
        return text

    @model_validator(mode="after")
    def _labels_in_order(self) -> "RowRules":
        if self.kto_bad_score > self.kto_good_score:
            raise ValueError("kto_bad_score must not lie above kto_good_score")
        return self

    @cached_property
    def aspects(self) -> frozenset[str]:
        """The aspects that were asked for; empty for those whose direction is known."""
        return _names(self.training_aspects)

    @cached_property
    def rater_kinds(self) -> frozenset[str]:
        """The kinds of raters that count."""
        return _names(self.training_raters)

    @cached_property
    def consents(self) -> tuple[str, ...]:
        """The consents of conversations that may be trained on."""
        opted_out = ("unspecified", "unknown") if self.training_consent == "opt_out" else ()
        return ("granted", *opted_out)


def _names(text: str) -> frozenset[str]:
    """The names of a comma-separated setting."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())
