"""The body of a request of LiteLLM's `generic_api` logger. No I/O."""

import json
from typing import Any

import orjson
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.gateway.intake.calls import IncomingCall, check_length
from plaudit_producers.model_calls.litellm_payloads import aliases_of_payload, call_of_payload


def parse_records(body: bytes) -> list[Any]:
    """The records of a body: those of a JSON array, one of each line, or a single one. They are not checked.

    Raises:
        InvalidEventError: the body is not JSON, or holds no record.
    """
    if body.lstrip()[:1] == b"[":
        records = _parsed(body, "the body")
    else:
        # A single record may be written over several lines.
        records = _whole(body) or [
            _parsed(line, f"line {number}")
            for number, line in enumerate(body.splitlines(), 1)
            if line.strip()
        ]
    if not records:
        raise InvalidEventError("the body holds no record")
    found: list[Any] = records
    return found


def read_record(record: Any) -> IncomingCall | None:
    """The call of a record; None if the record is about something else, such as an embedding.

    Raises:
        InvalidEventError: it is no record of LiteLLM, or as `check_length`.
    """
    try:
        call = call_of_payload(record)
    except ValueError as error:
        raise InvalidEventError(f"the record cannot be read: {error}") from None
    if call is None:
        return None
    check_length(call)
    return IncomingCall(call, aliases_of_payload(record))


def _whole(body: bytes) -> list[Any]:
    """The body as one record; nothing if it is not one JSON value."""
    try:
        return [_loads(body)]
    except ValueError:
        return []


def _parsed(text: bytes, what: str) -> Any:
    try:
        return _loads(text)
    except ValueError as error:
        raise InvalidEventError(f"{what} is not JSON in UTF-8: {error}") from None


def _loads(text: bytes) -> Any:
    """One JSON value.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # Python's writer, which LiteLLM uses, leaves NaN and half an emoji in what it writes.
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
