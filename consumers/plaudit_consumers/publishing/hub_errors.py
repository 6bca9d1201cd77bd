"""Turns the errors of huggingface_hub into those of a push."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from plaudit_schemas.contract.printable import printable

from plaudit_consumers.publishing.errors import (
    DestinationError,
    HubUnavailableError,
    MissingTokenError,
    NoRightsError,
    OtherContentError,
    PushError,
)

HOW_TO_SIGN_IN: Final = (
    "make one with write access at huggingface.co/settings/tokens, and set HF_TOKEN or run `hf auth login`"
)
_AGAIN: Final = "run the same command again; what was sent is not sent again"


@contextmanager
def hub_errors(place: str) -> Iterator[None]:
    """Raise PushError, or one below it, for whatever goes wrong with the Hub."""
    try:
        yield
    except (httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
        raise _push_error(place, _cause(error)) from error


def _cause(error: BaseException) -> BaseException:
    """The error of the Hub or the network, which threads of the library wrap in a RuntimeError."""
    while isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _push_error(place: str, error: BaseException) -> PushError:
    if isinstance(error, OfflineModeIsEnabled):
        return HubUnavailableError("HF_HUB_OFFLINE is set; unset it to push")
    if isinstance(error, HfHubHTTPError):
        return _of_status(place, error)
    if isinstance(error, (httpx.TransportError, httpx.InvalidURL)):
        return HubUnavailableError(
            f"the Hub cannot be reached ({_told(error)}); check the network and HF_ENDPOINT, and {_AGAIN}"
        )
    if isinstance(error, (HFValidationError, ValueError)):
        return DestinationError(f"the Hub refuses the snapshot for {place}: {_told(error)}")
    return HubUnavailableError(f"the upload to {place} failed ({_told(error)}); {_AGAIN}")


def _of_status(place: str, error: HfHubHTTPError) -> PushError:
    status = error.response.status_code
    told = _told(error.server_message or error)
    if status == httpx.codes.UNAUTHORIZED:
        return MissingTokenError(f"the Hub does not know the token; {HOW_TO_SIGN_IN}")
    if status in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
        return NoRightsError(
            f"the token may not write to {place} ({told}); ask its owner for the right, or name another place"
        )
    if status in (httpx.codes.CONFLICT, httpx.codes.PRECONDITION_FAILED):
        return OtherContentError(
            f"somebody else changed {place} meanwhile ({told}); look at it and push again"
        )
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return HubUnavailableError(f"the Hub does not work at the moment ({status}: {told}); later, {_AGAIN}")
    return DestinationError(f"the Hub refuses the push to {place} ({status}: {told})")


def _told(error: object) -> str:
    """The first line with letters, in a form that cannot control a terminal."""
    lines = [line.strip() for line in str(error).splitlines() if re.search(r"\w", line)]
    text = lines[0] if lines else type(error).__name__
    return printable(text)[:300]
