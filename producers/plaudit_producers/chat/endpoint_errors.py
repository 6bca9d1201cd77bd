"""Says in a sentence for the person who chats why an endpoint gave no whole answer. Pure."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Any, Final

import httpx
from huggingface_hub.errors import OverloadedError, TextGenerationError

from plaudit_producers.chat.errors import EndpointError, EndpointErrorKind

_SHOWN: Final = 200
"""Characters of an endpoint's own message that are shown."""
_MOST_SECONDS: Final = 120
"""A longer time to wait is said in minutes."""
_LONGEST_WAIT_S: Final = 86_400.0
_UNKNOWN_MODEL: Final = ("model_not_found", "model not found", "does not exist", "unknown model")
_TELL: Final = "Tell whoever runs this page."

_Meaning = tuple[EndpointErrorKind, str]
_BROKEN: Final[_Meaning] = ("cut_stream", "The connection to the model broke before the answer was whole.")
_ODD: Final[_Meaning] = ("not_json", "The model sent what is no part of a chat. {tell}")
_OF_ERRORS: Final[tuple[tuple[tuple[type[Exception], ...], _Meaning], ...]] = (
    # The first one that fits counts.
    (
        (TimeoutError, httpx.TimeoutException),
        ("timeout", "The model took too long to answer. Try again later."),
    ),
    (
        (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol),
        ("unreachable", "The model cannot be reached. Try again later."),
    ),
    ((httpx.TransportError, httpx.StreamError), _BROKEN),
    ((OverloadedError,), ("too_many_requests", "The model is busy. Try again in a moment.")),
    ((TextGenerationError,), ("server_error", "The model failed while it was answering.{quoted}")),
    ((ValueError, AttributeError, TypeError, LookupError), _ODD),
    ((Exception,), ("server_error", "The model could not be asked ({error}). {tell}")),
)
_OF_STATUSES: Final[dict[int, _Meaning]] = {
    401: ("unauthorized", "The endpoint of the model refuses this page's key (401). {tell}"),
    403: ("forbidden", "This page may not use the model (403). {tell}"),
    404: ("unknown_model", "The endpoint does not know the model (404). {tell}"),
    408: ("timeout", "The model took too long to answer (408). Try again {when}."),
    424: ("server_error", "The model failed (424). Try again {when}."),  # TGI's own
    429: ("too_many_requests", "The model is busy (429). Try again {when}."),
    504: ("timeout", "The model took too long to answer (504). Try again {when}."),
}
_REFUSED: Final[_Meaning] = ("refused_request", "The model refused the request ({status}).{quoted}")
_FAILED: Final[_Meaning] = ("server_error", "The model failed ({status}). Try again {when}.")


def endpoint_error(error: Exception, now: datetime | None = None) -> EndpointError:
    """What an error of the client means. No sentence names the model: it may be one of two that are compared.

    Args:
        now: the time that a date in Retry-After is compared with.
    """
    if isinstance(error, EndpointError):
        return error
    response = _response_of(error)
    if response is not None:
        return _refusal(response, datetime.now(UTC) if now is None else now)
    kind, text = next(meaning for types, meaning in _OF_ERRORS if isinstance(error, types))
    return EndpointError(
        kind,
        text.format(tell=_TELL, quoted=_quoted(error.args), error=type(error).__name__),
    )


def _refusal(response: httpx.Response, now: datetime) -> EndpointError:
    status, said = response.status_code, _message_of(response)
    wait_s = _retry_after(response.headers.get("retry-after"), now)
    if status in (400, 422) and any(each in said.casefold() for each in _UNKNOWN_MODEL):
        status = 404
    kind, text = _OF_STATUSES.get(status) or (_FAILED if status >= 500 else _REFUSED)
    when = _in(wait_s) if wait_s else "in a moment"
    told = text.format(status=status, tell=_TELL, when=when, quoted=_quoted([said]))
    return EndpointError(kind, told, wait_s)


def _response_of(error: BaseException) -> httpx.Response | None:
    """The answer with an error's status. The client itself fails at answers that it does not expect."""
    for each in _chain(error):
        response = getattr(each, "response", None)
        if isinstance(response, httpx.Response) and response.status_code >= 400:
            return response
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _message_of(response: httpx.Response) -> str:
    """What the endpoint says itself, with its code, from the forms that OpenAI-compatible servers have."""
    try:
        document: Any = response.json()
    except (ValueError, httpx.StreamError):  # no JSON, or not read because its length is unknown
        return ""
    if isinstance(document, list) and document:
        document = document[0]
    said = document.get("error", document) if isinstance(document, dict) else document
    if isinstance(said, dict):
        texts = (said.get("message") or said.get("detail"), said.get("code"))
        return " ".join(text for text in texts if isinstance(text, str))
    return said if isinstance(said, str) else ""


def _retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds, from a header that holds seconds or a date; None if they make no sense."""
    if header is None:
        return None
    seconds = _seconds(header, now)
    return seconds if seconds is not None and 0 <= seconds <= _LONGEST_WAIT_S else None


def _seconds(header: str, now: datetime) -> float | None:
    with suppress(ValueError):
        return float(header)
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(header)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - now).total_seconds())
    return None


def _in(seconds: float) -> str:
    if seconds > _MOST_SECONDS:
        return f"in {ceil(seconds / 60)} minutes"
    return "in 1 second" if seconds <= 1 else f"in {ceil(seconds)} seconds"


def _quoted(messages: Sequence[Any]) -> str:
    """The first message that says something, as a sentence."""
    texts = (each.get("message") if isinstance(each, dict) else each for each in messages)
    text = next((" ".join(str(text).split()) for text in texts if text), "")
    return f' It says: "{text[:_SHOWN]}{"..." if len(text) > _SHOWN else ""}"' if text else ""
