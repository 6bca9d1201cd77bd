"""The schemas of a registry with Confluent's API (Confluent, Karapace, Apicurio's ccompat).

It makes its calls over urllib. confluent-kafka's own client has more dependencies than the SDK may have
(docs/decisions/0003). It is never asked for packaged ids, because the codec resolves those first.
"""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from plaudit_schemas.codec.catalog import FIRST_PACKAGED_ID, SchemaName, schema_text
from plaudit_schemas.codec.registry_client import RegistryClient
from plaudit_schemas.errors import (
    RegistryError,
    RegistryRefusedError,
    RegistryUnavailableError,
    SchemaUnavailableError,
    UnknownSchemaError,
)

_SCHEMA_NOT_FOUND: Final = 40403
"""The API's own code: the registry works, and no schema has this id."""
_REFUSED_FOR_S: Final = 5.0
_FAILED_FOR_S: Final = 60.0
"""How long a registry that works may fail at one schema until that counts as a refusal."""
_REMEMBERED: Final = 1000

SUBJECTS: dict[SchemaName, str] = {
    "conversation_event": "plaudit.conversation-events-value",
    "finished_conversation": "plaudit.finished-conversations-value",
    # The topic of finished conversations holds both; a subject holds the versions of one record.
    "amendment": "plaudit.finished-conversations-plaudit.v1.Amendment",
    "metric_snapshot": "plaudit.feedback-metrics-value",
    "model_publication": "plaudit.models-value",
    "rubric_publication": "plaudit.rubrics-value",
    "api_key": "plaudit.api-keys-value",
}


class _Refusal(NamedTuple):
    """Why no schema is given for an id, and until when the registry need not be asked again."""

    until: float
    detail: str


class RegistrySchemas:
    """Ids and writers' schemas from a registry. Answers are kept for good, and refusals for a few seconds.

    Refusals are kept so that a flood of foreign messages does not become a flood of requests. What counts as
    one is in docs/decisions/0029.

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
        """Does not connect. The arguments are those of `RegistryClient`, and one more.

        Args:
            topic_prefix: put before the name of each subject, as it is before the topics.

        Raises:
            RegistryError: the URL is not valid.
        """
        self._client = RegistryClient(url, timeout_s=timeout_s, attempts=attempts, sleep=sleep, clock=clock)
        self.url = self._client.url
        self._topic_prefix, self._clock = topic_prefix, clock
        self._ids: dict[SchemaName, int] = {}
        self._texts: dict[int, str] = {}
        self._refused: dict[int, _Refusal] = {}
        self._failing_since: dict[int, float] = {}

    def id_of(self, name: SchemaName) -> int:
        """The id of the packaged schema. Registers it under `<topic>-value` if the registry lacks it."""
        if name not in self._ids:
            answer = self._client.ask(self._subject(name) + "/versions", {"schema": schema_text(name)})
            given = answer.get("id") if isinstance(answer, dict) else None
            if type(given) is not int or not 0 <= given < FIRST_PACKAGED_ID:
                raise RegistryError(
                    f"the schema registry at {self.url} gave {given!r} as the id of {name}; "
                    f"an id must be a number below {FIRST_PACKAGED_ID}, as the package uses those above"
                )
            self._ids[name] = given
        return self._ids[name]

    def has_id(self, name: SchemaName) -> bool:
        """Whether the registry has given the id of a packaged schema, so that `id_of` need not ask."""
        return name in self._ids

    def text_of(self, schema_id: int) -> str:
        """A writer's schema as JSON text.

        Raises:
            UnknownSchemaError: the registry works, and gives no schema for this id.
            RegistryUnavailableError: the registry does not answer, or does not let us in.
        """
        text = self._texts.get(schema_id)
        if text is not None:
            return text
        refusal = self._refused.get(schema_id)
        if refusal is not None and refusal.until > self._clock():
            raise UnknownSchemaError(refusal.detail)
        try:
            text = self._ask_for(schema_id)
        except RegistryRefusedError as error:
            self._take_refusal(schema_id, error)
        except RegistryUnavailableError as error:
            self._take_failure(schema_id, error)
        else:
            self._failing_since.pop(schema_id, None)
            self._texts[schema_id] = text
            return text
        raise UnknownSchemaError(self._refused[schema_id].detail)

    def forget(self, schema_id: int) -> None:
        """Ask the registry again, the next time that this id is wanted or given."""
        self._texts.pop(schema_id, None)
        self._refused.pop(schema_id, None)
        for name in [name for name, given in self._ids.items() if given == schema_id]:
            del self._ids[name]

    def _ask_for(self, schema_id: int) -> str:
        answer = self._client.ask(f"/schemas/ids/{schema_id}")
        text = answer.get("schema") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise RegistryRefusedError(
                f"the schema registry at {self.url} gave no schema for id {schema_id}; is it Confluent's API?"
            )
        return text

    def _take_refusal(self, schema_id: int, error: RegistryRefusedError) -> None:
        """Remember a refusal, if it is about this schema.

        Raises:
            RegistryUnavailableError: everything is refused, so it says nothing about the schema.
        """
        if error.code == _SCHEMA_NOT_FOUND:
            detail = f"the schema id {schema_id} is unknown to the schema registry at {self.url}"
        elif self._works():
            detail = f"the schema id {schema_id} cannot be had: {error}"
        else:
            raise RegistryUnavailableError(str(error)) from None
        self._remember(schema_id, _REFUSED_FOR_S, detail)

    def _take_failure(self, schema_id: int, error: RegistryUnavailableError) -> None:
        """Take a failure for a refusal, if the registry works and has failed at this schema for long.

        Raises:
            SchemaUnavailableError: it works, but fails at this schema for now.
            RegistryUnavailableError: it does not work.
        """
        if not self._works():
            self._failing_since.pop(schema_id, None)  # time in which nothing works does not count
            raise error
        since = self._failing_since.setdefault(schema_id, self._clock())
        if self._clock() - since < _FAILED_FOR_S:
            raise SchemaUnavailableError(f"the schema id {schema_id}: {error}") from None
        detail = f"the schema id {schema_id} could not be had for {_FAILED_FOR_S:.0f} s: {error}"
        self._remember(schema_id, _FAILED_FOR_S, detail)

    def _remember(self, schema_id: int, seconds: float, detail: str) -> None:
        for kept in (self._refused, self._failing_since):
            if len(kept) >= _REMEMBERED:  # so that invented ids cannot fill the memory
                kept.clear()
        self._refused[schema_id] = _Refusal(self._clock() + seconds, detail)

    def _works(self) -> bool:
        """Whether the registry answers something else at this moment, under the same URL and sign-in.

        Not every registry has every path, and not every account may do everything, so one answer is enough.
        """
        try:
            return any(self._answers(*question) for question in self._control_questions())
        except RegistryUnavailableError:
            return False

    def _control_questions(self) -> list[tuple[str, dict[str, Any] | None, str]]:
        """Path and body of questions that a registry can answer, and what must be in the answer."""
        questions: list[tuple[str, dict[str, Any] | None, str]] = [("/schemas/types", None, "AVRO")]
        questions += [(f"/schemas/ids/{known}", None, "schema") for known in list(self._texts)[-1:]]
        # Registering again what is registered changes nothing. A mere reader asks whether it is.
        name, path = (next(iter(self._ids)), "/versions") if self._ids else ("conversation_event", "")
        return [*questions, (self._subject(name) + path, {"schema": schema_text(name)}, "id")]

    def _answers(self, path: str, body: dict[str, Any] | None, wanted: str) -> bool:
        try:
            answer = self._client.ask(path, body, attempts=1)
        except RegistryRefusedError:
            return False
        return isinstance(answer, (dict, list)) and wanted in answer

    def _subject(self, name: SchemaName) -> str:
        return "/subjects/" + quote(self._topic_prefix + SUBJECTS[name], safe="")
