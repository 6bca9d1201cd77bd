"""Settings of the scorer."""

from typing import Final, Literal

from plaudit_schemas.models.activations import MIN_DELAY_MS
from plaudit_schemas.settings import Settings
from pydantic import Field

GROUP: Final = "plaudit.scorer."
"""The default consumer group is this and the model's name, with the topic prefix before it."""


class ScorerSettings(Settings):
    """Which model a scorer runs, which answers it scores, and where it serves health and metrics."""

    scorer_model: str | None = Field(
        default=None,
        description="Name of the published model; if unset, the only one that is published",
        json_schema_extra={"flags": ["--model"]},
    )
    scorer_group: str | None = Field(
        default=None,
        description="The consumer group that scorers of one model share, and no others; if unset, "
        "plaudit.scorer. and the model's name",
    )
    scorer_sample: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the answers to score; their ids decide which",
        json_schema_extra={"flags": ["--sample"]},
    )
    scorer_lag_policy: Literal["all", "skip"] = Field(
        default="all",
        description="all scores every answer, however late; skip leaves out those that came too late",
        json_schema_extra={"flags": ["--lag-policy"]},
    )
    scorer_max_lag_s: float = Field(
        default=300.0,
        gt=0,
        description="Seconds after which an answer is too late for the lag policy skip",
        json_schema_extra={"flags": ["--max-lag-s"]},
    )
    scorer_batch: int = Field(
        default=500,
        ge=1,
        le=20_000,
        description="Most records in a batch",
    )
    scorer_session_s: float = Field(
        default=6.0, ge=2, description="Seconds after which a silent scorer loses its partitions"
    )
    scorer_stall_s: float = Field(
        default=300, gt=0, description="Seconds after which a hanging scorer ends, to be started again"
    )
    # Less than the least delay of a publication: then answers never wait for a look.
    scorer_look_s: float = Field(
        default=2.0,
        gt=0,
        description="Seconds between two looks for new publications, to load them before their time",
    )
    scorer_min_delay_s: float = Field(
        default=MIN_DELAY_MS / 1000,
        ge=0.001,
        le=MIN_DELAY_MS / 1000,  # a scorer that takes it for longer misses the begin of a version
        description="The least delay that a publication may have; less only costs more looks",
    )
    scorer_web_host: str = Field(
        default="127.0.0.1", description="The address that serves the scorer's health and metrics"
    )
    scorer_web_port: int = Field(default=6068, ge=0, le=65535, description="Their port; 0 takes a free one")

    def group_of(self, model: str) -> str:
        """The consumer group of scorers of this model, without the topic prefix."""
        return self.scorer_group or GROUP + model
