"""Clients of httpx, its successor httpx2, or of a kind like theirs, in place of the ordinary connections.

They carry requests where more is asked for: HTTP/2, a proxy, hooks, or a client that the user brings.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from typing import Any

from quiverdb.errors import InvalidInputError, MissingLibraryError
from quiverdb.remote.headers import Pairs
from quiverdb.remote.http_failures import Failures
from quiverdb.remote.http_reply import AsyncOpened, Opened
from quiverdb.remote.multipart import CHUNK, FileForm
from quiverdb.remote.owned import Owned, in_loop, in_process
from quiverdb.wire.http_message import Reply

__all__ = ["AsyncClient", "Client", "make_client"]


def make_client(kind: str, options: Mapping[str, Any]) -> Callable[[], Any]:
    """Return what makes clients of class ``kind``: of httpx where an option is an object of httpx, else of httpx2.

    Raise ``TypeError`` for an option that these do not have.
    """
    libraries = {type(option).__module__.partition(".")[0] for option in options.values()}
    library = import_module("httpx" if "httpx" in libraries else "httpx2")
    inspect.signature(getattr(library, kind)).bind(**options)

    def make() -> Any:
        try:
            return getattr(library, kind)(**options)
        except ImportError as error:
            raise MissingLibraryError("HTTP/2", library="h2", extra="http2") from error

    return make


def _checked(given: Any, *, asynchronous: bool) -> Any:
    request = getattr(given, "request", None)
    if not callable(request) or not callable(getattr(given, "stream", None)):
        raise InvalidInputError("http_client must be a client of httpx2 or httpx, or behave like one")
    if inspect.iscoroutinefunction(request) is not asynchronous:
        wanted = "an asynchronous" if asynchronous else "a synchronous"
        raise InvalidInputError(f"http_client must be {wanted} one for this client", field="http_client")
    return given


def _arguments(
    method: str, url: str, headers: Pairs, body: bytes | FileForm | None, timeout: float | None, *, asynchronous: bool
) -> dict[str, Any]:
    arguments: dict[str, Any] = {"method": method, "url": url, "headers": list(headers), "content": body}
    if isinstance(body, FileForm):
        arguments["content"] = body.async_chunks() if asynchronous else body.chunks()
    if timeout is not None:
        arguments["timeout"] = timeout
    return arguments


class Client:
    """Send requests through a client that is given, or made once in each process.

    >>> import httpx2
    >>> Client("http://localhost:6333", given=httpx2.Client())
    <Client of http://localhost:6333 through httpx2>
    """

    def __init__(self, origin: str, *, given: Any = None, make: Callable[[], Any] | None = None) -> None:
        self._origin = origin
        self._given = given if given is None else _checked(given, asynchronous=False)
        self._made: Owned[Any] = Owned(make or (lambda: self._given), in_process, lambda _: None)

    def send(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float | None
    ) -> Reply:
        """Return the answer to a request; raises ``TransportError`` if there is none."""
        arguments = _arguments(method, self._origin + target, headers, body, timeout, asynchronous=False)
        with Failures():
            response = self._made.get().request(**arguments)
            return Reply(response.status_code, response.reason_phrase, _lowered(response), response.content)

    @contextmanager
    def stream(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float | None
    ) -> Iterator[Opened]:
        """Open the answer to a request, to be read within the block; raises like ``send``."""
        arguments = _arguments(method, self._origin + target, headers, body, timeout, asynchronous=False)
        opening = self._made.get().stream(**arguments)
        with Failures():
            response = opening.__enter__()
        try:
            yield Opened(response.status_code, response.reason_phrase, _lowered(response), _chunks(response))
        finally:
            opening.__exit__(None, None, None)

    def close(self) -> None:
        """Close the client, unless it was given."""
        client = self._made.close()
        if client is not None and client is not self._given:
            client.close()

    def __repr__(self) -> str:
        library = type(self._given).__module__.partition(".")[0] if self._given is not None else "a client of its own"
        return f"<{type(self).__name__} of {self._origin} through {library}>"


class AsyncClient:
    """Send requests through a client that is given, or made once for each event loop.

    >>> import httpx2
    >>> AsyncClient("http://localhost:6333", given=httpx2.AsyncClient())
    <AsyncClient of http://localhost:6333 through httpx2>
    """

    def __init__(self, origin: str, *, given: Any = None, make: Callable[[], Any] | None = None) -> None:
        self._origin = origin
        self._given = given if given is None else _checked(given, asynchronous=True)
        self._made: Owned[Any] = Owned(make or (lambda: self._given), in_loop, lambda _: None)

    async def send(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float | None
    ) -> Reply:
        """Return the answer to a request; raises ``TransportError`` if there is none."""
        arguments = _arguments(method, self._origin + target, headers, body, timeout, asynchronous=True)
        with Failures():
            response = await self._made.get().request(**arguments)
            return Reply(response.status_code, response.reason_phrase, _lowered(response), response.content)

    @asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float | None
    ) -> AsyncIterator[AsyncOpened]:
        """Open the answer to a request, to be read within the block; raises like ``send``."""
        arguments = _arguments(method, self._origin + target, headers, body, timeout, asynchronous=True)
        opening = self._made.get().stream(**arguments)
        with Failures():
            response = await opening.__aenter__()
        try:
            yield AsyncOpened(response.status_code, response.reason_phrase, _lowered(response), _async_chunks(response))
        finally:
            await opening.__aexit__(None, None, None)

    async def close(self) -> None:
        """Close the client, unless it was given."""
        client = self._made.close()
        if client is not None and client is not self._given:
            await client.aclose()

    __repr__ = Client.__repr__


def _lowered(response: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _chunks(response: Any) -> Iterator[bytes]:
    with Failures(connected=True):
        yield from response.iter_bytes(CHUNK)


async def _async_chunks(response: Any) -> AsyncIterator[bytes]:
    with Failures(connected=True):
        async for piece in response.aiter_bytes(CHUNK):
            yield piece
