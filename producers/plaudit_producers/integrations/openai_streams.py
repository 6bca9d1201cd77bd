"""Watches the streams and the raw responses of a client of OpenAI. Each stays the object that it was."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

from openai import AsyncStream, Stream

from plaudit_producers.integrations.deferred import DEFERRED
from plaudit_producers.integrations.guard import guarded
from plaudit_producers.integrations.openai_calls import OpenAICall


def watch_result(result: Any, call: OpenAICall) -> None:
    """Record what a request has returned, now or when it has been read."""
    if isinstance(result, Stream | AsyncStream):
        _watch_stream(result, call)
    elif hasattr(result, "http_response"):
        _watch_raw(result, call)
    elif hasattr(result, "is_stream_consumed"):
        _watch_body(result, call)
    else:
        call.take_result(result)


def _watch_stream(stream: Any, call: OpenAICall) -> None:
    """Put a watching iterator into a stream, and see it closed."""
    DEFERRED.start()
    inner = stream._iterator  # noqa: SLF001  # as public as any hook of a stream gets
    watching = _WatchedAsync if isinstance(stream, AsyncStream) else _Watched
    stream._iterator = watching(inner, _Watch(call))  # noqa: SLF001

    def closed() -> None:
        # While the stream runs, it closes the response itself, at its end or in the garbage collector.
        if not (getattr(inner, "gi_running", False) or getattr(inner, "ag_running", False)):
            call.end_stream()

    _see_closed(stream.response, closed)


def _watch_raw(raw: Any, call: OpenAICall) -> None:
    """Watch a response of `with_raw_response` or `with_streaming_response`."""
    body = _Body(raw.http_response, call)
    if body.was_read():
        return

    def parsed(result: Any) -> Any:
        if isinstance(result, Stream | AsyncStream) and not body.streamed:
            body.streamed = True
            guarded("openai: watching a stream")(_watch_stream)(result, call)
        return result

    parse = raw.parse
    if inspect.iscoroutinefunction(parse):

        @wraps(parse)
        async def watched_async(*arguments: Any, **named: Any) -> Any:
            return parsed(await parse(*arguments, **named))

        raw.parse = watched_async
    else:

        @wraps(parse)
        def watched(*arguments: Any, **named: Any) -> Any:
            return parsed(parse(*arguments, **named))

        raw.parse = watched
    body.see_read()


def _watch_body(response: Any, call: OpenAICall) -> None:
    """Watch a response of the HTTP library, for those who ask for it."""
    body = _Body(response, call)
    if not body.was_read():
        body.see_read()


class _Body:
    """The body of a response of the HTTP library, which the program may read as it likes.

    Attributes:
        streamed: whether the program reads it as a stream of chunks, which is watched by itself.
    """

    def __init__(self, response: Any, call: OpenAICall) -> None:
        self.streamed = False
        self._response = response
        self._call = call
        self._reading = False

    def was_read(self) -> bool:
        """Whether it was read as a whole. Then it is recorded."""
        try:
            content = self._response.content
        except Exception:  # each HTTP library has its own for this
            return False
        self._call.take_content(content)
        return True

    def see_read(self) -> None:
        """Record it once it has been read as a whole, else when the response is closed."""
        response = self._response
        read, aread = response.read, response.aread

        @wraps(read)
        def watched() -> Any:
            self._reading = True  # reading closes the response before it knows the content
            try:
                content = read()
            except BaseException as error:
                self._call.fail(error)
                raise
            self._call.take_content(content)
            return content

        @wraps(aread)
        async def watched_async() -> Any:
            self._reading = True
            try:
                content = await aread()
            except BaseException as error:
                self._call.fail(error)
                raise
            self._call.take_content(content)
            return content

        response.read, response.aread = watched, watched_async
        _see_closed(response, self._closed)

    def _closed(self) -> None:
        if not (self.streamed or self._reading):
            self._call.end_unread()


def _see_closed(response: Any, closed: Callable[[], None]) -> None:
    """Have something called once a response of the HTTP library was closed, whoever closes it."""
    note = guarded("openai: recording at the end of a response")(closed)
    close, aclose = response.close, response.aclose

    @wraps(close)
    def watched() -> None:
        try:
            close()
        finally:
            note()

    @wraps(aclose)
    async def watched_async() -> None:
        try:
            await aclose()
        finally:
            note()

    response.close, response.aclose = watched, watched_async


class _Watch:
    """What a stream and the loops over it share."""

    def __init__(self, call: OpenAICall) -> None:
        self.call = call
        self._asked = 0

    def note_asked(self) -> None:
        """The next chunk is asked for."""
        self._asked += 1

    def leave(self) -> None:
        """Nobody holds the stream, or a loop over it, any more. Finalizers call this.

        Unless another loop goes on with it soon, the answer is cut here.
        """
        if not self.call.ended:
            asked = self._asked
            DEFERRED.put(lambda: self.call.end_stream() if self._asked == asked else None)


class _Watched:
    """The iterator within a stream."""

    def __init__(self, inner: Iterator[Any], watch: _Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __iter__(self) -> "_Loop":
        return _Loop(self.__next__, self._watch)

    def __next__(self) -> Any:
        watch = self._watch
        watch.note_asked()
        try:
            chunk = next(self._inner)
        except StopIteration:
            watch.call.end_stream()
            raise
        except BaseException as error:
            watch.call.end_stream(error)
            raise
        watch.call.take_chunk(chunk)
        return chunk

    def __del__(self) -> None:
        self._watch.leave()


class _WatchedAsync:
    """The iterator within an asynchronous stream."""

    def __init__(self, inner: AsyncIterator[Any], watch: _Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __aiter__(self) -> "_Loop":
        return _Loop(self.__anext__, self._watch)

    async def __anext__(self) -> Any:
        watch = self._watch
        watch.note_asked()
        try:
            chunk = await anext(self._inner)
        except StopAsyncIteration:
            watch.call.end_stream()
            raise
        except BaseException as error:
            watch.call.end_stream(error)
            raise
        watch.call.take_chunk(chunk)
        return chunk

    def __del__(self) -> None:
        self._watch.leave()


class _Loop:
    """One loop over a stream. Only the loop holds it, so that it notices a `break`."""

    def __init__(self, following: Callable[[], Any], watch: _Watch) -> None:
        self._following = following
        self._watch = watch

    def __next__(self) -> Any:
        return self._following()

    def __anext__(self) -> Any:
        return self._following()

    def __del__(self) -> None:
        self._watch.leave()
