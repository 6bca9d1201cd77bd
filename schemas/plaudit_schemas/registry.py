"""A client of Confluent's schema registry API (Confluent, Karapace, Apicurio's ccompat).

Two calls, over urllib: the SDK stays within ten packages, and confluent-kafka's own client
brings more than that. Packaged ids are never asked for: the codec resolves them first.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from plaudit_schemas.catalog import SchemaName, schema_text
from plaudit_schemas.errors import RegistryError, RegistryUnavailableError

_TYPE = "application/vnd.schemaregistry.v1+json"
_RETRIED = (408, 429, 500, 502, 503, 504)
_NOT_FOUND = 404

SUBJECTS: dict[SchemaName, str] = {
    "conversation_event": "plaudit.conversation-events-value",
    "finished_conversation": "plaudit.finished-conversations-value",
    "metric_snapshot": "plaudit.feedback-metrics-value",
}


class RegistrySchemas:
    """Ids and writers' schemas from a registry by URL; answers are kept for good.

    Every request has a time-out and a bounded number of retries with growing pauses, so a call
    blocks at most `attempts * timeout_s + pauses`. User and password may stand in the URL.
    """

    def __init__(
        self,
        url: str,
        *,
        topic_prefix: str = "",
        timeout_s: float = 3.0,
        attempts: int = 3,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RegistryError(f"{url!r} is no schema registry URL; write http://host:port or https://host")
        host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
        self.url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._credentials = None if parts.username is None else f"{parts.username}:{parts.password or ''}"
        self._topic_prefix = topic_prefix
        self._timeout_s, self._attempts, self._sleep = timeout_s, attempts, sleep
        self._ids: dict[SchemaName, int] = {}
        self._texts: dict[int, str] = {}

    def id_of(self, name: SchemaName) -> int:
        """The id of the packaged schema, registered under `<topic>-value` if it is new there."""
        if name not in self._ids:
            subject = quote(self._topic_prefix + SUBJECTS[name], safe="")
            answer = self._request(f"/subjects/{subject}/versions", {"schema": schema_text(name)})
            if answer is None or not isinstance(answer.get("id"), int):
                raise RegistryError(
                    f"the schema registry at {self.url} gave no id for {name}; is it Confluent's API?"
                )
            self._ids[name] = answer["id"]
        return self._ids[name]

    def text_of(self, schema_id: int) -> str | None:
        """A writer's schema; None where the registry does not know the id."""
        if schema_id not in self._texts:
            answer = self._request(f"/schemas/ids/{schema_id}", None)
            if answer is None:
                return None
            self._texts[schema_id] = str(answer["schema"])
        return self._texts[schema_id]

    def _request(self, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        last = ""
        for attempt in range(self._attempts):
            if attempt:
                self._sleep(0.2 * 2**attempt)
            try:
                return self._once(path, body)
            except HTTPError as error:
                with error:
                    if error.code == _NOT_FOUND:
                        return None
                    last = f"HTTP {error.code} {_message(error)}"
                    if error.code not in _RETRIED:
                        raise RegistryError(
                            f"the schema registry at {self.url} refused {path}: {last}"
                        ) from None
            except (OSError, HTTPException, ValueError) as error:
                last = str(error)
        raise RegistryUnavailableError(
            f"the schema registry at {self.url} did not answer in {self._attempts} attempts ({last}); "
            "check that it runs and PLAUDIT_SCHEMA_REGISTRY_URL"
        )

    def _once(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, headers={"Accept": _TYPE, "Content-Type": _TYPE})  # noqa: S310  # scheme checked
        if self._credentials is not None:
            request.add_header("Authorization", "Basic " + b64encode(self._credentials.encode()).decode())
        with urlopen(request, timeout=self._timeout_s) as response:  # noqa: S310  # scheme checked
            answer = json.load(response)
        if not isinstance(answer, dict):
            raise ValueError("the answer is no JSON object")  # noqa: TRY004  # retried as any bad answer
        return answer


def _message(error: HTTPError) -> str:
    try:
        return str(json.load(error).get("message", ""))[:200]
    except (ValueError, AttributeError, OSError):
        return ""
