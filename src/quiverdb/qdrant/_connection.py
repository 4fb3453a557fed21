"""The client's connection: which database it works on, and until when."""

from __future__ import annotations

import os
import weakref
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from quiverdb.database import Database
from quiverdb.errors import InvalidInputError, UnsupportedError
from quiverdb.holding import MEMORY, closed_error, release
from quiverdb.qdrant.request import inference
from quiverdb.qdrant.request.parse import exact, number

if TYPE_CHECKING:
    from quiverdb.qdrant._remote import Remote
    from quiverdb.qdrant._stubs import Stub
    from quiverdb.qdrant.http.api_client import SyncApis
    from quiverdb.qdrant.official.local import QdrantLocal
    from quiverdb.qdrant.official.remote import QdrantRemote

__all__ = ["API_VERSION", "Connection", "remade"]

API_VERSION = "1.20.0"
"""The version of the Qdrant API that is spoken."""

T = TypeVar("T")
R = TypeVar("R")

_USE_METHODS = "Use the methods of the client."


def remade(kind: Callable[..., T], options: Mapping[str, Any]) -> T:
    """Make a client again from its options."""
    return kind(**options)


class _Far:
    """Stand where a database would be, for a client that has a server instead."""

    def __getattr__(self, name: str) -> Any:
        raise UnsupportedError(f"Database.{name}", "a client in front of a server", _USE_METHODS)


class _Closed:
    """Stand where a database was, and say that it is gone."""

    def __init__(self, described: str) -> None:
        self._described = described

    def __getattr__(self, name: str) -> Any:
        raise closed_error(self._described)


def _open(location: str) -> Database:
    from quiverdb.engine.database import EngineDatabase

    return EngineDatabase.open(location)


class Connection:
    """Open a database on the terms that ``QdrantClient`` documents."""

    DEFAULT_BATCH_SIZE = 8
    """How many objects a model is given at a time, unless ``local_inference_batch_size`` says so."""

    def __init__(
        self,
        location: str | None = None,
        url: str | None = None,
        port: int | None = 6333,
        grpc_port: int = 6334,
        prefer_grpc: bool = False,
        https: bool | None = None,
        api_key: str | None = None,
        prefix: str | None = None,
        timeout: int | None = None,
        host: str | None = None,
        path: str | os.PathLike[str] | None = None,
        force_disable_check_same_thread: bool = False,
        grpc_options: dict[str, Any] | None = None,
        auth_token_provider: Callable[[], str] | Callable[[], Awaitable[str]] | None = None,
        cloud_inference: bool = False,
        local_inference_batch_size: int | None = None,
        check_compatibility: bool = True,
        pool_size: int | None = None,
        headers: dict[str, str] | None = None,
        *,
        database: Database | None = None,
        **kwargs: Any,
    ) -> None:
        options = {name: value for name, value in locals().items() if name not in ("self", "database", "kwargs")}
        self._init_options = {**options, **kwargs} | ({} if database is None else {"database": database})
        self._remote: Remote | None = None
        self._inference_batch = number(
            local_inference_batch_size, "local_inference_batch_size", 1, self.DEFAULT_BATCH_SIZE
        )
        self._finalizer: weakref.finalize[Any, Any] | None = None
        given = {"location": location, "url": url, "host": host, "path": path, "database": database}
        named = [name for name, value in given.items() if value is not None]
        if len(named) > 1:
            raise InvalidInputError(f"give only one of {', '.join(given)}, not {' and '.join(named)}")
        if database is not None:
            self._described = repr(database)
            self._database = database
            return
        if path is None and location != MEMORY:
            self._connect(options | kwargs)
            return
        if kwargs:
            raise TypeError(f"an embedded database takes no {', '.join(kwargs)}: they are for connections")
        if cloud_inference:
            raise InvalidInputError("cloud_inference needs a remote server", field="cloud_inference")
        self._described = MEMORY if path is None else os.fspath(path)
        self._database = _open(self._described)
        self._finalizer = weakref.finalize(self, release, self._database.close, self._described)

    def _connect(self, options: Mapping[str, Any]) -> None:
        """Prepare to ask a server; nothing is sent yet."""
        from quiverdb.qdrant._remote import reach

        self._described, self._remote = reach(options, self._inference_batch, API_VERSION, self._reached_by())
        self._database = cast(Database, _Far())
        self._finalizer = weakref.finalize(self, self._remote.close)

    def _reached_by(self) -> type[Remote]:
        """Return the class of what asks the server."""
        from quiverdb.qdrant._remote import Remote

        return Remote

    def _check_timeout(self, collection_name: str, timeout: float | None) -> None:
        """Refuse a deadline that the collection does not allow; any other one changes nothing here."""
        if timeout is not None and self._remote is None:
            self._database.check_timeout(collection_name, exact(timeout, "timeout"))

    def _to_store(self, read: Callable[[T], R], given: T, *, named: bool = False) -> R:
        """Read what is to be stored, with vectors in place of the objects that models embed."""
        return inference.read(read, given, "document", self._inference_batch, named=named)

    def _to_find(self, read: Callable[[T], R], given: T) -> R:
        """Read what is to be searched for, with vectors in place of the objects that models embed."""
        return inference.read(read, given, "query", self._inference_batch)

    @property
    def _client(self) -> QdrantLocal | QdrantRemote:
        """What programs look at to learn whether the database is embedded."""
        from quiverdb.qdrant.official.local import QdrantLocal
        from quiverdb.qdrant.official.remote import QdrantRemote

        return QdrantLocal.of(self) if self._remote is None else QdrantRemote.of(self)

    @property
    def init_options(self) -> Mapping[str, Any]:
        """The arguments that the client was made with."""
        return self._init_options

    @property
    def _closed(self) -> bool:
        return isinstance(self._database, _Closed)

    def _server(self, feature: str) -> Remote:
        if self._closed:
            raise closed_error(self._described)
        if self._remote is None:
            raise UnsupportedError(feature, "an embedded database", _USE_METHODS)
        return self._remote

    @property
    def grpc_collections(self) -> Stub:
        """The gRPC API's procedures about collections: each takes a message and returns one.

        Raise ``UnsupportedError`` for an embedded database, and ``MissingLibraryError`` without the extra ``grpc``.
        """
        return self._server("The raw gRPC API").stub("Collections")

    @property
    def grpc_points(self) -> Stub:
        """The gRPC API's procedures about points; see ``grpc_collections``."""
        return self._server("The raw gRPC API").stub("Points")

    @property
    def http(self) -> SyncApis:
        """The REST API's routes by group, as ``client.http.points_api.count_points``; they return whole answers.

        Raise ``UnsupportedError`` for an embedded database.
        """
        return self._server("The raw REST API").http

    def close(self, grpc_grace: float | None = None) -> None:  # noqa: ARG002
        """Close the database, unless it was given as ``database=``; a second call does nothing."""
        database, self._database = self._database, cast(Database, _Closed(self._described))
        if self._finalizer is not None and self._finalizer.detach() is not None:
            if self._remote is None:
                database.close()
            else:
                self._remote.close()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Let copies, also in other processes, have connections of their own to the same server."""
        return super().__reduce_ex__(protocol) if self._remote is None else (remade, (type(self), self._init_options))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = " closed" if self._closed else ""
        return f"<{type(self).__name__} {self._described}{state}>"
