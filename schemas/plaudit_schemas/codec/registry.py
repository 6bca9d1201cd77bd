"""A client for Confluent's schema registry API (Confluent, Karapace, Apicurio's ccompat).

It makes two calls over urllib. confluent-kafka's own client has more dependencies than the SDK may have
(docs/decisions/0003). It is never asked for packaged ids, because the codec resolves those first.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from plaudit_schemas.codec.catalog import FIRST_PACKAGED_ID, SchemaName, schema_text
from plaudit_schemas.errors import RegistryError, RegistryUnavailableError

_TYPE = "application/vnd.schemaregistry.v1+json"
_RETRIED = (408, 429, 500, 502, 503, 504)  # time-outs, rate limits and server errors: they may pass
_NOT_FOUND = 404
_SCHEMA_NOT_FOUND = 40403  # the API's own code in the body of a 404: the path is right, the id is unknown
_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_UNKNOWN_FOR_S = 5.0

SUBJECTS: dict[SchemaName, str] = {
    "conversation_event": "plaudit.conversation-events-value",
    "finished_conversation": "plaudit.finished-conversations-value",
    "metric_snapshot": "plaudit.feedback-metrics-value",
}


class RegistrySchemas:
    """Ids and writers' schemas from a registry. Answers are kept for good.

    Every request has a time-out, which also bounds an answer that trickles in. The number of retries is
    limited, with growing pauses between them. An id that the registry does not know is remembered for a few
    seconds, so that a flood of foreign messages does not become a flood of requests.

    Attributes:
        url: without user and password, for messages and logs.
    """

    def __init__(
        self,
        url: str,
        *,
        topic_prefix: str = "",
        timeout_s: float = 3.0,
        attempts: int = 3,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not connect.

        Args:
            url: user and password may be part of it, percent-encoded.
            topic_prefix: put before the name of each subject, as it is before the topics.
            timeout_s: the time that one request may take.
            attempts: how often a request is tried.

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
        self._topic_prefix = topic_prefix
        self._timeout_s, self._attempts, self._sleep, self._clock = timeout_s, attempts, sleep, clock
        self._ids: dict[SchemaName, int] = {}
        self._texts: dict[int, str] = {}
        self._unknown: dict[int, float] = {}

    def id_of(self, name: SchemaName) -> int:
        """The id of the packaged schema. Registers it under `<topic>-value` if the registry lacks it."""
        if name not in self._ids:
            subject = quote(self._topic_prefix + SUBJECTS[name], safe="")
            answer = self._request(f"/subjects/{subject}/versions", {"schema": schema_text(name)})
            given = None if answer is None else answer.get("id")
            if type(given) is not int or not 0 <= given < FIRST_PACKAGED_ID:
                raise RegistryError(
                    f"the schema registry at {self.url} gave {given!r} as the id of {name}; "
                    f"an id must be a number below {FIRST_PACKAGED_ID}, as the package uses those above"
                )
            self._ids[name] = given
        return self._ids[name]

    def text_of(self, schema_id: int) -> str | None:
        """A writer's schema as JSON text. None if the registry does not know the id."""
        if schema_id in self._texts:
            return self._texts[schema_id]
        now = self._clock()
        if self._unknown.get(schema_id, now) > now:
            return None
        answer = self._request(f"/schemas/ids/{schema_id}", None)
        if answer is None:
            if len(self._unknown) >= 1000:  # so that invented ids cannot fill the memory
                self._unknown.clear()
            self._unknown[schema_id] = now + _UNKNOWN_FOR_S
            return None
        text = answer.get("schema")
        if not isinstance(text, str):
            raise RegistryError(
                f"the schema registry at {self.url} gave no schema for id {schema_id}; is it Confluent's API?"
            )
        self._texts[schema_id] = text
        return text

    def _request(self, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        last = ""
        for attempt in range(self._attempts):
            if attempt:
                self._sleep(0.2 * 2**attempt)
            try:
                return self._once(path, body)
            except HTTPError as error:
                with error:
                    code, message = _error_of(error)
                if code == _SCHEMA_NOT_FOUND:
                    return None
                last = f"HTTP {error.code} {message}".rstrip()
                if error.code not in _RETRIED:
                    raise RegistryError(self._refusal(error.code, path, last)) from None
            except (OSError, HTTPException, ValueError) as error:
                last = str(error)
        raise RegistryUnavailableError(
            f"the schema registry at {self.url} did not answer in {self._attempts} attempts ({last}); "
            "check that it runs, and check PLAUDIT_SCHEMA_REGISTRY_URL"
        )

    def _refusal(self, status: int, path: str, last: str) -> str:
        hint = "; is the path complete? Apicurio's is /apis/ccompat/v7" if status == _NOT_FOUND else ""
        return f"the schema registry at {self.url} refused {path}: {last}{hint}"

    def _once(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, headers={"Accept": _TYPE, "Content-Type": _TYPE})  # noqa: S310  # scheme checked
        if self._credentials is not None:
            request.add_header("Authorization", "Basic " + b64encode(self._credentials.encode()).decode())
        # urlopen's time-out starts again with every byte that arrives; the deadline bounds the whole answer.
        deadline = self._clock() + self._timeout_s
        received = bytearray()
        with urlopen(request, timeout=self._timeout_s) as response:  # noqa: S310  # scheme checked
            while part := response.read1():
                received += part
                if self._clock() > deadline:
                    raise TimeoutError("the answer trickles in")
                if len(received) > _MAX_ANSWER_BYTES:
                    raise ValueError(f"the answer is longer than {_MAX_ANSWER_BYTES} bytes")
        answer = json.loads(received)
        if not isinstance(answer, dict):
            raise ValueError("the answer is not a JSON object")  # noqa: TRY004  # retried as any bad answer
        return answer


def url_problem(url: str) -> str | None:
    """What is wrong with a registry's URL, or None. Does not quote the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return None
    except ValueError:  # the port is not a number, or the IPv6 address is cut
        pass
    return "must be http://host:port or https://host, followed by a path if the registry has one"


def _error_of(error: HTTPError) -> tuple[int | None, str]:
    try:
        answer = json.loads(error.read(65536))
        return answer.get("error_code"), str(answer.get("message", ""))[:200]
    except (ValueError, AttributeError, OSError, HTTPException):
        return None, ""
