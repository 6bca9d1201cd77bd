"""Records the chats of a client of OpenAI's Python library (extra `openai`).

    client = wrap(OpenAI())

The client stays the object that it was: what it returns, raises and streams is the same. Chat completions and
responses are recorded, plain and streamed, with tools and parsed answers. Everything else passes unseen.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

from plaudit_schemas.errors import SettingsError

from plaudit_producers.integrations.guard import guarded
from plaudit_producers.integrations.openai_calls import OpenAICall
from plaudit_producers.integrations.openai_requests import ServerHistories, request_of
from plaudit_producers.sdk.producer import FeedbackProducer

try:
    from openai import AsyncOpenAI, OpenAI

    from plaudit_producers.integrations.openai_streams import watch_result
except ImportError as error:
    raise SettingsError(
        "recording a client of OpenAI needs its library: pip install 'plaudit-producers[openai]'"
    ) from error

__all__ = ["unwrap", "wrap"]

Client = TypeVar("Client", bound="OpenAI | AsyncOpenAI")

_ATTRIBUTE: Final = "_plaudit"
_COPIES: Final = ("copy", "with_options")


def wrap(client: Client, *, producer: FeedbackProducer | None = None) -> Client:
    """Record the chats of a client from now on. Returns the client.

    Only this client is changed, and the copies that its `with_options` and `copy` make. Wrapping it again
    replaces the producer.

    Args:
        client: an OpenAI or AsyncOpenAI client, or one of its subclasses, such as those for Azure.
        producer: by default the shared one, from the environment.

    Raises:
        TypeError: it is no such client.
    """
    if not isinstance(client, OpenAI | AsyncOpenAI):
        raise TypeError(
            f"wrap takes a client, such as OpenAI() or AsyncOpenAI(), but was given {type(client).__name__}"
        )
    unwrap(client)
    _Wrapping(client, producer, ServerHistories()).put_on()
    return client


def unwrap(client: Client) -> Client:
    """Stop recording the chats of a client. Returns the client; one that was not wrapped stays as it is."""
    wrapping = vars(client).get(_ATTRIBUTE)
    if isinstance(wrapping, _Wrapping):
        wrapping.take_off()
    return client


class _Wrapping:
    """What `wrap` puts on a client: its own `request`, `copy` and `with_options`."""

    def __init__(self, client: Any, producer: FeedbackProducer | None, histories: ServerHistories) -> None:
        self._client = client
        self._producer = producer
        self._histories = histories
        self._active = True
        self._put: dict[str, Any] = {}

    def put_on(self) -> None:
        client = self._client
        is_async = isinstance(client, AsyncOpenAI)
        self._put["request"] = (self._async_request if is_async else self._request)(client.request)
        for name in _COPIES:
            self._put[name] = self._copy(getattr(client, name))
        for name, replacement in self._put.items():
            setattr(client, name, replacement)
        setattr(client, _ATTRIBUTE, self)

    def take_off(self) -> None:
        # Another library may have wrapped what is there now. Then ours stays, and does nothing.
        self._active = False
        own = vars(self._client)
        for name, replacement in self._put.items():
            if own.get(name) is replacement:
                delattr(self._client, name)
        delattr(self._client, _ATTRIBUTE)

    def _request(self, request: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(request)
        def watched(cast_to: Any, options: Any, **named: Any) -> Any:
            call = self._begin(options)
            if call is None:
                return request(cast_to, options, **named)
            try:
                result = request(cast_to, options, **named)
            except BaseException as error:
                call.fail(error)
                raise
            _watch(result, call)
            return result

        return watched

    def _async_request(self, request: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(request)
        async def watched(cast_to: Any, options: Any, **named: Any) -> Any:
            call = self._begin(options)
            if call is None:
                return await request(cast_to, options, **named)
            try:
                result = await request(cast_to, options, **named)
            except BaseException as error:
                call.fail(error)
                raise
            _watch(result, call)
            return result

        return watched

    def _copy(self, copy: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(copy)
        def watched(*arguments: Any, **named: Any) -> Any:
            copied = copy(*arguments, **named)
            if self._active:
                guarded("openai: wrapping a copy")(self._wrap_copy)(copied)
            return copied

        return watched

    def _wrap_copy(self, copied: Any) -> None:
        _Wrapping(copied, self._producer, self._histories).put_on()

    @guarded("openai: reading a request")
    def _begin(self, options: Any) -> OpenAICall | None:
        if not self._active:
            return None
        body = options.json_data
        if isinstance(body, dict) and isinstance(options.extra_json, dict):
            body = {**body, **options.extra_json}
        request = request_of(options.method, options.url, body)
        return None if request is None else OpenAICall(request, self._histories, self._producer)


_watch = guarded("openai: watching an answer")(watch_result)
