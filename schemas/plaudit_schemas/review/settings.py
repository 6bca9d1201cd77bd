"""The settings of review that every member shares."""

from typing import Final

from pydantic import Field, SecretStr, field_validator

from plaudit_schemas.settings import Settings

_SHORTEST: Final = 16


class ReviewSettings(Settings):
    """What those who publish, draw and audit random shares must agree on."""

    review_salt: SecretStr = Field(
        default=SecretStr(""),
        description="Secret that chooses the random share of what is reviewed (docs/rubrics.md); whoever "
        "publishes, `plaudit review-queue` and `plaudit audit` need the same one",
    )

    @field_validator("review_salt")
    @classmethod
    def _hard_to_guess(cls, salt: SecretStr) -> SecretStr:
        # Whoever reads the topic of rubrics can try salts against the fingerprint.
        if 0 < len(salt.get_secret_value()) < _SHORTEST:
            raise ValueError(f"must have at least {_SHORTEST} characters; `openssl rand -hex 16` makes one")
        return salt
