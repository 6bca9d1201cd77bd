"""The types of the events' fields. `records` compiles its checks from their constraints."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
)

from plaudit_schemas.contract.limits import (
    APPLICATION_PATTERN,
    CONTENT_BYTES,
    ID_CHARACTERS,
    METADATA_ENTRIES,
)
from plaudit_schemas.contract.times import range_problem, zoned_micros
from plaudit_schemas.errors import InvalidEventError


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


def _moment(value: Any, info: ValidationInfo) -> Any:
    # Pydantic would guess the unit of a number. It also accepts a time whose zone moves it to the year 0 or
    # 10000 in UTC, which no reader can hold.
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value  # pydantic refuses it
    try:
        zoned_micros(value, range_problem)
    except ValueError as error:
        raise InvalidEventError(f"{info.field_name} {error}") from error
    return value


WITHIN_BYTES: Final = BeforeValidator(_within_bytes)
"""Marks a text that is limited to CONTENT_BYTES. Ids and names have limits of their own."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_CHARACTERS)]
ParentId = Annotated[str, StringConstraints(max_length=ID_CHARACTERS)]
Application = Annotated[str, StringConstraints(pattern=APPLICATION_PATTERN)]
Content = Annotated[str, WITHIN_BYTES]
Time = Annotated[AwareDatetime, BeforeValidator(_moment)]
Metadata = Annotated[dict[str, Content], Field(max_length=METADATA_ENTRIES)]

Source = Literal["unknown", "sdk", "gateway", "import", "sweeper", "scorer", "review"]
Consent = Literal["unknown", "unspecified", "granted", "denied"]
Role = Literal["unknown", "system", "user", "assistant", "tool"]
MessageStatus = Literal["unknown", "complete", "partial", "cut", "error"]
RaterKind = Literal["unknown", "user", "reviewer", "model"]
ValueKind = Literal["unknown", "thumb", "number", "label", "text", "correction", "signal", "spans"]
EndReason = Literal["unknown", "closed", "cleared", "idle", "error"]


class Contract(BaseModel):
    """Base of all models of the contract: frozen, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
