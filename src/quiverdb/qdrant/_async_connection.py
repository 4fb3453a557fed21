"""The asynchronous client's connection: calls go in on the event loop, and run on threads of the client's own.

A method of ``AsyncQdrantClient`` hands the whole synchronous call to ``_run``: reading the request, the work on the
database and building the answer. The event loop only waits. FAISS, the disk and the numeric parts give the
interpreter up, so calls overlap.

In front of a server, calls that ask it one thing are sent from the event loop itself; those that are put together
from several, such as uploads, run on the threads too, see ``_bridge``.

A cancelled call that has not begun never does; one that runs comes to its end unheard, so that the database is
whole either way.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, cast

from quiverdb.errors import ClosedError
from quiverdb.holding import THREADS
from quiverdb.qdrant._client import QdrantClient
from quiverdb.qdrant._connection import remade
from quiverdb.qdrant._operation import arguments_of, is_operation
from quiverdb.qdrant.errors import api_errors

if TYPE_CHECKING:
    from quiverdb.qdrant._bridge import Bridge
    from quiverdb.qdrant._remote import AsyncRemote, Remote
    from quiverdb.qdrant._stubs import AsyncStub
    from quiverdb.qdrant.http.api_client import AsyncApis
    from quiverdb.qdrant.official.local import AsyncQdrantLocal
    from quiverdb.qdrant.official.remote import AsyncQdrantRemote

__all__ = ["AsyncConnection", "Twin"]

P = ParamSpec("P")
T = TypeVar("T")


class Twin(QdrantClient):
    """Do what an asynchronous client is asked for, on its threads."""

    def _reached_by(self) -> type[Remote]:
        from quiverdb.qdrant._bridge import Bridge

        return Bridge


class AsyncConnection:
    """Run the methods of a synchronous client on threads."""

    def __init__(self, client: Twin) -> None:
        self._sync = client
        self._pool = ThreadPoolExecutor(THREADS, "quiverdb-async")
        self._process = os.getpid()
        self._closed = False
        self._begun: set[Future[Any]] = set()
        self._bridge = cast("Bridge | None", client._remote)
        self._remote = None if self._bridge is None else self._bridge.asynchronous

    async def _run(self, method: Callable[Concatenate[QdrantClient, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the method of the synchronous client returns; the one way from this client to its work."""
        if self._remote is None or not is_operation(method) or self._begun or self._closed:
            return await asyncio.wrap_future(self._submit(partial(method, self._sync, *args, **kwargs)))
        with api_errors:
            answer: T = await self._remote.call(method.__name__, arguments_of(method, args, kwargs))
            return answer

    def _begin(
        self, method: Callable[Concatenate[QdrantClient, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Begin a method that the official client has as a plain function, so that nobody needs to await it.

        Later calls wait until it is done. Outside of an event loop nothing begins before it is awaited.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._run(method, *args, **kwargs)
        begun = self._submit(partial(method, self._sync, *args, **kwargs), awaited=False)
        self._begun.add(begun)
        begun.add_done_callback(self._begun.discard)
        return asyncio.wrap_future(begun)

    def _submit(self, call: Callable[[], T], *, awaited: bool = True) -> Future[T]:
        if self._closed:
            raise self._gone()
        if self._process != os.getpid():
            self._begin_again()
        if self._begun:
            call = partial(_after, tuple(self._begun), call)
        context = copy_context() if self._bridge is None else self._bridge.context(awaited=awaited)
        try:
            return self._pool.submit(context.run, call)
        except RuntimeError as error:  # another thread closes the client at this moment
            raise self._gone() from error

    def _begin_again(self) -> None:
        """Take threads of this process, for those of its parent stayed there; so did an embedded database."""
        if self._bridge is None:
            raise self._gone()
        self._pool = ThreadPoolExecutor(THREADS, "quiverdb-async")
        self._begun = set()
        self._process = os.getpid()

    def _gone(self) -> ClosedError:
        return ClosedError(f"{self!r} was closed, or left behind by a fork: make a new client")

    @staticmethod
    async def _ask(method: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method of the class, which needs no client."""
        return await asyncio.to_thread(method, *args, **kwargs)

    @property
    def _client(self) -> AsyncQdrantLocal | AsyncQdrantRemote:
        """What programs look at to learn whether the database is embedded."""
        from quiverdb.qdrant.official.local import AsyncQdrantLocal
        from quiverdb.qdrant.official.remote import AsyncQdrantRemote

        return AsyncQdrantLocal.of(self) if self._remote is None else AsyncQdrantRemote.of(self)

    def _server(self, feature: str) -> AsyncRemote:
        if self._closed or self._remote is None:
            self._sync._server(feature)  # which says why there is none
            raise self._gone()
        return self._remote

    @property
    def grpc_collections(self) -> AsyncStub:
        """The gRPC API's procedures about collections, to be awaited; see ``QdrantClient.grpc_collections``."""
        return self._server("The raw gRPC API").stub("Collections")

    @property
    def grpc_points(self) -> AsyncStub:
        """The gRPC API's procedures about points, to be awaited; see ``QdrantClient.grpc_collections``."""
        return self._server("The raw gRPC API").stub("Points")

    @property
    def http(self) -> AsyncApis:
        """The REST API's routes by group, to be awaited; see ``QdrantClient.http``."""
        return self._server("The raw REST API").http

    @property
    def init_options(self) -> Mapping[str, Any]:
        """The arguments that the client was made with."""
        return self._sync.init_options

    async def close(self, grpc_grace: float | None = None) -> None:
        """Let the calls under way come to their end, then close the database; a second call does nothing.

        Those over gRPC have ``grpc_grace`` seconds to end, by default none, and raise ``ClosedError`` after that.
        """
        self._closed = True
        await asyncio.to_thread(self._close, grpc_grace)
        if self._remote is not None:
            await self._remote.close(grpc_grace)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Let copies, also in other processes, have connections of their own to the same server."""
        return super().__reduce_ex__(protocol) if self._remote is None else (remade, (type(self), self.init_options))

    def _close(self, grpc_grace: float | None) -> None:
        if self._process == os.getpid():
            self._pool.shutdown()
        self._sync.close(grpc_grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self._sync).replace(type(self._sync).__name__, type(self).__name__, 1)


def _after(begun: tuple[Future[Any], ...], call: Callable[[], T]) -> T:
    wait(begun)
    return call()
