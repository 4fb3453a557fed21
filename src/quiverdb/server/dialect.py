"""What the server needs to know of a protocol over HTTP: its routes, who may take them, and how its errors look."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from quiverdb.server.access import Access
from quiverdb.server.exchange import Request, Response, Route, Scope
from quiverdb.server.metrics import Protocol
from quiverdb.server.routing import Router

__all__ = ["Dialect"]


class Dialect(ABC):
    """Base of the protocols that share a port.

    ``QdrantDialect``, ``CosdataDialect`` and ``VikingDialect`` are three.
    """

    protocol: ClassVar[Protocol]
    """What its answers are counted as."""

    def __init__(self, routes: Iterable[Route], *, exact: bool = False) -> None:
        self.routes = tuple(routes)
        self.router: Router[Route] = Router(exact=exact)
        for route in self.routes:
            self.router.add(route.method, route.path, route)

    @abstractmethod
    def owns(self, scope: Scope) -> bool:
        """Tell whether a request is one of this protocol, be there a route for it or not."""

    def find(self, scope: Scope) -> tuple[Route, Mapping[str, str]]:
        """Return the route of a request, and what the braces in its path stand for.

        Raise ``PathError`` or ``MethodError`` if there is none, ``InvalidInputError`` for what cannot be read.
        """
        return self.router.find(scope["method"], scope["raw_path"].decode("ascii"))

    @abstractmethod
    async def admit(self, request: Request, route: Route | None) -> Access:
        """Return what the caller may do, having checked that it may take a route.

        There is no route for a request that leads nowhere; who may not know of that is refused. Raises an error that
        ``failure`` tells of.
        """

    @abstractmethod
    def failure(self, error: Exception, route: Route | None, request: Request) -> Response:
        """Return the answer to a request that tells of an error; log one that nobody foresaw."""
