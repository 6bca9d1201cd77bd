"""The types of the events' fields. `records` compiles its checks from their constraints."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from plaudit_schemas.contract.limits import (
    APPLICATION_PATTERN,
    CONTENT_BYTES,
    ID_CHARACTERS,
    METADATA_ENTRIES,
)


def too_long(text: str) -> bool:
    """Whether a text takes more than CONTENT_BYTES in UTF-8."""
    # A character takes 4 bytes at most, so a short text need not be encoded to know.
    return len(text) * 4 > CONTENT_BYTES and len(text.encode(errors="surrogatepass")) > CONTENT_BYTES


def _within_bytes(value: Any) -> Any:
    if isinstance(value, str) and too_long(value):
        raise ValueError(
            f"the text is longer than {CONTENT_BYTES} bytes of UTF-8; cut it or send it by reference"
        )
    return value


WITHIN_BYTES: Final = BeforeValidator(_within_bytes)
"""Marks a text that is limited to CONTENT_BYTES. Ids and names have limits of their own."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_CHARACTERS)]
ParentId = Annotated[str, StringConstraints(max_length=ID_CHARACTERS)]
Application = Annotated[str, StringConstraints(pattern=APPLICATION_PATTERN)]
Content = Annotated[str, WITHIN_BYTES]
Metadata = Annotated[dict[str, Content], Field(max_length=METADATA_ENTRIES)]

Source = Literal["unknown", "sdk", "gateway", "import", "sweeper"]
Consent = Literal["unknown", "unspecified", "granted", "denied"]
Role = Literal["unknown", "system", "user", "assistant", "tool"]
MessageStatus = Literal["unknown", "complete", "partial", "cut", "error"]
RaterKind = Literal["unknown", "user", "reviewer", "model"]
ValueKind = Literal["unknown", "thumb", "number", "label", "text", "correction", "signal"]
EndReason = Literal["unknown", "closed", "cleared", "idle", "error"]


class Contract(BaseModel):
    """Base of all models of the contract: frozen, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
