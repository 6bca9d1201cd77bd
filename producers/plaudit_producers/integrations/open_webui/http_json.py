"""JSON over HTTP with the standard library, with errors in a sentence."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPException
from typing import Any, Final, NamedTuple

from plaudit_schemas.errors import ServiceUnavailableError, SettingsError

_TIMEOUT_S: Final = 120.0
_BUSY: Final = (429, 502, 503, 504)
_TRIES: Final = 5
_LONGEST_WAIT_S: Final = 30.0


class JsonAnswer(NamedTuple):
    """An answer. `document` is None if the body is not JSON."""

    status: int
    document: Any
    body: bytes


class JsonServer(NamedTuple):
    """A server that answers JSON.

    Attributes:
        name: what people call it, for errors.
        variable: that of its key.
    """

    name: str
    url: str
    key: str
    variable: str
    sleep: Callable[[float], None] = time.sleep

    def ask(self, path: str, body: bytes | None = None) -> JsonAnswer:
        """The answer to a GET, or to a POST of a body. A busy server is asked again a few times.

        Raises:
            SettingsError: the server refuses the key.
            ServiceUnavailableError: it does not answer, or stays busy.
        """
        for left in reversed(range(_TRIES)):
            status, wait_s, text = self._ask_once(path, body)
            answer = JsonAnswer(status, _parsed(text), text)
            if status in (401, 403):
                raise SettingsError(f"{self.name} refuses the key of {self.variable}: {reason_in(answer)}")
            if status not in _BUSY:
                return answer
            if left:
                self.sleep(wait_s)
        raise ServiceUnavailableError(f"{self.name} at {self.url} is busy: {reason_in(answer)}")

    def _ask_once(self, path: str, body: bytes | None) -> tuple[int, float, bytes]:
        """Status, seconds to wait before the next try, and body."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            request = urllib.request.Request(self.url.rstrip("/") + path, body, headers)  # noqa: S310  # the user's own
            with closing(urllib.request.urlopen(request, timeout=_TIMEOUT_S)) as answer:  # noqa: S310  # as above
                return answer.status, 0.0, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _seconds(error.headers.get("Retry-After")), error.read()
        except (OSError, ValueError, HTTPException) as error:  # no URL, or an answer that was cut
            reason = getattr(error, "reason", error)
            raise ServiceUnavailableError(f"{self.name} at {self.url} does not answer: {reason}") from None


def reason_in(answer: JsonAnswer) -> str:
    """Why a server refuses, as it says itself."""
    document = answer.document
    detail = document.get("detail") if isinstance(document, dict) else None
    return str(detail or f"it answers {answer.status}")


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _seconds(text: str | None) -> float:
    try:
        return min(max(float(text or 1), 0.1), _LONGEST_WAIT_S)
    except ValueError:
        return 1.0
