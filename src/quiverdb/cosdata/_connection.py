"""What a client works on, and until when: a server elsewhere, or the engine of this process.

Nothing is sent before the first call. ``AsyncConnection`` is the same for asynchronous clients: it sends requests
from the event loop, and works on a database on threads of its own, so that the loop only waits.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.operations import Backend
from quiverdb.errors import UnsupportedError
from quiverdb.holding import MEMORY, Threaded, closed_error, release

if TYPE_CHECKING:
    from quiverdb.database import Database

__all__ = ["ADMIN", "DEFAULT_HOST", "AsyncConnection", "Connection"]

DEFAULT_HOST = "http://127.0.0.1:8443"
ADMIN = "admin"
"""Name of the user whom every server has, and the password that it has at first."""


class AsyncBackend(Protocol):
    """Carry out operations without holding up the event loop."""

    async def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Return the result of an operation, as ``Backend.call`` does."""

    async def close(self) -> None:
        """Release connections; a second call does nothing."""


class _Place:
    """Say where a client works: at ``host``, in the folder ``path``, in memory, or on ``database``."""

    def __init__(
        self,
        host: str,
        path: str | os.PathLike[str] | None,
        database: Database | None,
        options: Mapping[str, Any],
    ) -> None:
        named = {
            "host": None if host == DEFAULT_HOST else host,
            "path": None if path is None else os.fspath(path),
            "database": database,
        }
        known = [name for name, value in named.items() if value is not None]
        if len(known) > 1:
            raise ValidationError(f"give only one of host, path and database, not {' and '.join(known)}")
        if host == MEMORY:
            named["path"] = MEMORY
        self.path: str | None = named["path"]  # type: ignore[assignment]
        self.database = database
        self.described: str = repr(database) if database is not None else self.path or host
        self.embedded = self.path is not None or database is not None
        if self.embedded and options:
            raise TypeError(f"an embedded database takes no {', '.join(options)}: they are for connections")

    def open(self) -> Embedded:
        if self.database is not None:
            return Embedded(self.database, owned=False)
        from quiverdb.engine.database import EngineDatabase

        return Embedded(EngineDatabase.open(self.path or MEMORY), owned=True)


class Embedded:
    """Carry out operations in this process, on a database that may be given up in the end."""

    def __init__(self, database: Database, *, owned: bool) -> None:
        from quiverdb.cosdata.service.service import Service

        self.call = Service.of(database).call
        self._database = database
        self._owned = owned

    def close(self) -> None:
        """Give up the database if it is owned."""
        if self._owned:
            self._owned = False
            self._database.close()


class Connection:
    """Carry out the operations of a client until it is closed."""

    def __init__(
        self,
        host: str,
        username: str,
        password: str,
        verify: Any,
        path: str | os.PathLike[str] | None,
        database: Database | None,
        options: Mapping[str, Any],
    ) -> None:
        place = _Place(host, path, database, options)
        self.described = place.described
        self.embedded = place.embedded
        self.closed = False
        self.backend: Any = place.open() if place.embedded else self._remote(host, username, password, verify, options)
        self._finalizer = weakref.finalize(self, release, self.backend.close, place.path)

    @staticmethod
    def _remote(host: str, username: str, password: str, verify: Any, options: Mapping[str, Any]) -> Backend:
        from quiverdb.cosdata.remote import HttpBackend

        return HttpBackend(host, username, password, verify, **options)

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Return the result of an operation; raises ``ClosedError`` after ``close``."""
        if self.closed:
            raise closed_error(self.described)
        return self.backend.call(operation, arguments)

    def token(self, *, renew: bool = False) -> str:
        """Return the token of a session that the server knows; raises ``UnsupportedError`` without a server."""
        if self.embedded:
            raise UnsupportedError("Signing in", "an embedded database", "It has no users.")
        token: str = self.backend.token(renew=renew)
        return token

    def close(self) -> None:
        """Release what was opened; a second call does nothing."""
        self.closed = True
        if self._finalizer.detach() is not None:
            self.backend.close()


class AsyncConnection:
    """Carry out the operations of an asynchronous client until it is closed."""

    def __init__(
        self,
        host: str,
        username: str,
        password: str,
        verify: Any,
        path: str | os.PathLike[str] | None,
        database: Database | None,
        options: Mapping[str, Any],
    ) -> None:
        place = _Place(host, path, database, options)
        self.described = place.described
        self.embedded = place.embedded
        self.closed = False
        self._finalizer: weakref.finalize[..., Any] | None = None
        self.backend: Any
        if place.embedded:
            threaded = Threaded(place.open(), "quiverdb-cosdata")
            self.backend = threaded
            self._finalizer = weakref.finalize(self, release, threaded.forget, place.path)
        else:
            self.backend = self._remote(host, username, password, verify, options)

    @staticmethod
    def _remote(host: str, username: str, password: str, verify: Any, options: Mapping[str, Any]) -> AsyncBackend:
        from quiverdb.cosdata.remote import AsyncHttpBackend

        return AsyncHttpBackend(host, username, password, verify, **options)

    async def call(self, operation: str, /, **arguments: Any) -> Any:
        """Return the result of an operation; raises ``ClosedError`` after ``close``."""
        if self.closed:
            raise closed_error(self.described)
        return await self.backend.call(operation, arguments)

    async def token(self, *, renew: bool = False) -> str:
        """Return the token of a session that the server knows; raises ``UnsupportedError`` without a server."""
        if self.embedded:
            raise UnsupportedError("Signing in", "an embedded database", "It has no users.")
        token: str = await self.backend.token(renew=renew)
        return token

    async def close(self) -> None:
        """Let calls under way come to their end, and release what was opened; a second call does nothing."""
        self.closed = True
        if self._finalizer is not None:
            self._finalizer.detach()
        await self.backend.close()
