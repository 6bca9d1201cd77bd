"""HTTP requests to a schema registry, and what their failures mean.

There are three outcomes: a usable answer, a refusal, and no answer, because the registry is away, fails, or
does not let us in. Only a refusal says something about what was asked for.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from plaudit_schemas.errors import RegistryError, RegistryRefusedError, RegistryUnavailableError

_TYPE = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND: Final = 404
_PASSING: Final = (408, 425, 429)  # time-outs and rate limits, which may pass as server errors do
_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_NOT_LET_IN: Final = {
    401: "it does not accept the user and password of PLAUDIT_SCHEMA_REGISTRY_URL",
    407: "a proxy in between wants a sign-in",
}


class _NoRedirects(HTTPRedirectHandler):
    """Redirects would send the password elsewhere, turn a POST into a GET, or end at a sign-in page."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


class RegistryClient:
    """Asks a registry. A request has a time-out, which also bounds an answer that trickles in.

    Attributes:
        url: without user and password, for messages and logs.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        attempts: int,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not connect.

        Args:
            url: user and password may be part of it, percent-encoded.
            timeout_s: the time that one request may take.
            attempts: how often a request is tried, with growing pauses.

        Raises:
            RegistryError: the URL is not valid.
        """
        problem = url_problem(url)
        if problem:
            raise RegistryError(f"the schema registry's URL {problem}")
        parts = urlsplit(url)
        self.url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        self._credentials = None if parts.username is None else f"{user}:{password}"
        self._timeout_s, self._attempts, self._sleep, self._clock = timeout_s, attempts, sleep, clock
        self._opener = build_opener(_NoRedirects)

    def ask(self, path: str, body: dict[str, Any] | None = None, *, attempts: int | None = None) -> Any:
        """The JSON answer to a GET or, with a body, to a POST.

        Args:
            attempts: how often it is tried, if not as often as usual.

        Raises:
            RegistryRefusedError: the registry refuses the request, and would refuse it again.
            RegistryUnavailableError: the registry is away, fails, or does not let us in.
        """
        last = ""
        attempts = attempts or self._attempts
        for attempt in range(attempts):
            if attempt:
                self._sleep(0.2 * 2**attempt)
            try:
                return self._once(path, body)
            except HTTPError as error:
                with error:
                    last = self._failure_of(error, path)
            except (OSError, HTTPException, ValueError) as error:
                last = str(error)
        raise RegistryUnavailableError(
            f"the schema registry at {self.url} did not answer in {attempts} attempts ({last}); "
            "check that it runs, and check PLAUDIT_SCHEMA_REGISTRY_URL"
        )

    def _failure_of(self, error: HTTPError, path: str) -> str:
        """What went wrong, if the request may be tried again at once.

        Raises:
            RegistryRefusedError, RegistryUnavailableError: trying again at once would not help.
        """
        code, message = _error_of(error)
        failure = f"HTTP {error.code} {message}".rstrip()
        place = f"the schema registry at {self.url}"
        if error.code < 400:
            target = _shown(error.headers.get("Location") or "")
            raise RegistryUnavailableError(
                f"{place} redirects to {target}, which is not followed; if that is no sign-in page, set "
                "PLAUDIT_SCHEMA_REGISTRY_URL to the place where the registry is"
            ) from None
        if error.code in _NOT_LET_IN:
            raise RegistryUnavailableError(f"{place}: {_NOT_LET_IN[error.code]} ({failure})") from None
        if error.code < 500 and error.code not in _PASSING:
            hint = (
                "; is the path complete? Apicurio's is /apis/ccompat/v7" if error.code == _NOT_FOUND else ""
            )
            raise RegistryRefusedError(f"{place} refused {path}: {failure}{hint}", code) from None
        return failure

    def _once(self, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, headers={"Accept": _TYPE, "Content-Type": _TYPE})  # noqa: S310  # scheme checked
        if self._credentials is not None:
            request.add_header("Authorization", "Basic " + b64encode(self._credentials.encode()).decode())
        # The opener's time-out starts again with every byte that arrives; the deadline bounds all of it.
        deadline = self._clock() + self._timeout_s
        received = bytearray()
        with self._opener.open(request, timeout=self._timeout_s) as response:
            while part := response.read1():
                received += part
                if self._clock() > deadline:
                    raise TimeoutError("the answer trickles in")
                if len(received) > _MAX_ANSWER_BYTES:
                    raise ValueError(f"the answer is longer than {_MAX_ANSWER_BYTES} bytes")
        try:
            return json.loads(received)
        except (ValueError, RecursionError):
            raise ValueError("the answer is not JSON") from None


def url_problem(url: str) -> str | None:
    """What is wrong with a registry's URL, or None. Does not quote the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return None
    except ValueError:  # the port is not a number, or the IPv6 address is cut
        pass
    return "must be http://host:port or https://host, followed by a path if the registry has one"


def _shown(target: str) -> str:
    """The target of a redirect, without what may be secret."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "another place"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) or "another place"


def _error_of(error: HTTPError) -> tuple[int | None, str]:
    try:
        answer = json.loads(error.read(65536))
        code = answer.get("error_code")
        return code if type(code) is int else None, str(answer.get("message", ""))[:200]
    except (ValueError, AttributeError, OSError, HTTPException, RecursionError):
        return None, ""
