"""Settings of the page."""

from plaudit_schemas.settings import Settings
from pydantic import Field, SecretStr, field_validator

from plaudit_producers.privacy import one_identity_key


class ReviewPageSettings(Settings):
    """How answers of reviewers are sent."""

    review_ack_timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="How long an answer waits for Kafka before the page says so"
    )
    review_identity_key: SecretStr = Field(
        default=SecretStr(""),
        description="ID:SECRET of a key; ids of reviewers are replaced by a hash with it",
    )

    @field_validator("review_identity_key")
    @classmethod
    def _one_pair(cls, value: SecretStr) -> SecretStr:
        return one_identity_key(value)
