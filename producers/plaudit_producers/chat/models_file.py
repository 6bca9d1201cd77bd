"""The models of the chat page, as its models file lists them (docs/chat-models.md)."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from plaudit_schemas.contract.events import Model
from plaudit_schemas.contract.field_types import Content, Id, Metadata
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ModelKind = Literal["openai", "tgi", "builtin"]

_KINDS: Final = ("openai", "tgi", "builtin")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRETS: Final = frozenset(
    (
        "api_key",
        "apikey",
        "token",
        "access_token",
        "secret",
        "password",
        "authorization",
        "bearer",
        "auth",
        "key",
    )
)
_ENDS_OF_SECRETS: Final = (
    "api_key",
    "apikey",
    "access_token",
    "auth_token",
    "hf_token",
    "secret",
    "password",
)
"""How names of secrets end. Not `token`: servers take an `eos_token`."""


class ModelParameters(BaseModel):
    """The parameters of a request that `AsyncInferenceClient.chat_completion` names.

    Attributes:
        extra_body: fields of other names, which are sent as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    frequency_penalty: float | None = None
    logit_bias: list[float] | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    presence_penalty: float | None = None
    response_format: dict[str, Any] | None = None
    seed: int | None = None
    stop: list[str] | None = None
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, ge=0, le=1)
    extra_body: dict[str, Any] | None = None

    def given(self) -> dict[str, Any]:
        """The parameters that the file sets."""
        return self.model_dump(exclude_none=True)


class ChatModel(BaseModel):
    """A model that visitors can chat with.

    Attributes:
        id, version: the model in events and figures.
        label: its name on the page; by default its id and version, and that it is no model if it is none.
        endpoint: the URL of the server, such as `http://127.0.0.1:8000/v1`; none for the built-in responder.
        model: its name at the endpoint; by default the id. A TGI server has one model, and needs no name.
        api_key_env: the environment variable that holds the key.
        system_prompt: of conversations that start with this model.
        stream: False for an endpoint that cannot stream.
        ask_usage: False for an endpoint that refuses `stream_options`.
        metadata: of the model in events.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    version: Content | None = None
    label: str = Field(default="", max_length=200)
    kind: ModelKind = "openai"
    endpoint: str = ""
    model: str = ""
    api_key_env: str = ""
    system_prompt: Content = ""
    parameters: ModelParameters = ModelParameters()
    stream: bool = Field(default=True, strict=True)
    ask_usage: bool = Field(default=True, strict=True)
    metadata: Metadata = {}

    @property
    def key(self) -> str:
        """What tells it from the other models of the file."""
        return self.id if self.version is None else f"{self.id}@{self.version}"

    @property
    def name(self) -> str:
        """Its name on the page."""
        none = "(no model)" if self.kind == "builtin" else None
        return self.label or " ".join(part for part in (self.id, self.version, none) if part)

    @property
    def endpoint_model(self) -> str | None:
        """Its name at the endpoint; None for the one model of a TGI server."""
        return self.model or (None if self.kind == "tgi" else self.id)

    def event_model(self) -> Model:
        """The model as events name it. The built-in responder says in its metadata that it is none."""
        none = {"builtin": "true"} if self.kind == "builtin" else {}
        return Model(id=self.id, version=self.version, metadata={**self.metadata, **none})

    @model_validator(mode="before")
    @classmethod
    def _without_secrets(cls, given: Any) -> Any:
        name = _secret_in(given)
        if name is not None:
            raise ValueError(
                f"{name} would put a secret into the file; put it into an environment variable, and write "
                "the variable's name as api_key_env"
            )
        return given

    @field_validator("id", "label")
    @classmethod
    def _printable(cls, text: str) -> str:
        if text != text.strip() or any(ord(character) < ord(" ") for character in text):
            raise ValueError("has blanks around it, or control characters; remove them")
        return text

    @field_validator("kind", mode="before")
    @classmethod
    def _known_kind(cls, kind: Any) -> Any:
        if kind in _KINDS:
            return kind
        near = get_close_matches(str(kind), _KINDS, n=1)
        raise ValueError(f"did you mean {near[0]}?" if near else f"must be one of {', '.join(_KINDS)}")

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, url: str) -> str:
        problem = _url_problem(url) if url else None
        if problem is not None:
            raise ValueError(problem)
        return url

    @field_validator("api_key_env")
    @classmethod
    def _names_a_variable(cls, name: str) -> str:
        if name and not _VARIABLE.fullmatch(name):  # it may be the key itself, so it is not repeated
            raise ValueError("must be the name of an environment variable, such as OPENAI_API_KEY")
        return name

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "builtin":
            if self.endpoint or self.api_key_env:
                raise ValueError(
                    "the built-in responder has no endpoint and no key; remove them, or the kind"
                )
        elif not self.endpoint:
            raise ValueError(
                "endpoint is missing; write the URL of the server, such as http://127.0.0.1:8000/v1"
            )
        return self


def _secret_in(given: Any) -> str | None:
    """The first field, at any depth, that has the name of a secret and a text."""
    if isinstance(given, list):
        return next(filter(None, map(_secret_in, given)), None)
    if not isinstance(given, Mapping):
        return None
    for name, part in given.items():
        if isinstance(part, str) and _names_a_secret(str(name)):
            return str(name)
        found = _secret_in(part)
        if found is not None:
            return found
    return None


def _names_a_secret(name: str) -> bool:
    name = name.casefold().replace("-", "_")
    return name in _SECRETS or name.endswith(_ENDS_OF_SECRETS)


def _url_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError as error:
        return f"is no URL ({error})"
    if url != url.strip() or any(character <= " " for character in url):
        return "has blanks in it; remove them"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_one:
        return "must be a URL such as http://127.0.0.1:8000/v1"
    if "@" in parts.netloc or _secret_in(dict(parse_qsl(parts.query))):
        return "has a secret in it; put it into an environment variable, and write its name as api_key_env"
    if parts.fragment:
        return "has a # in it; remove it and what follows"
    return None
