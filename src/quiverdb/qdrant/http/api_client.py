"""The REST API as it is: a function for each route, which returns the whole answer of the server.

``client.http`` holds them for the server of a client; ``SyncApis`` and ``AsyncApis`` can be made for an address, too.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from typing import Any, Self

import msgspec
from pydantic import TypeAdapter, ValidationError

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.qdrant.errors import api_errors
from quiverdb.qdrant.http.api import ASYNC_APIS, SYNC_APIS
from quiverdb.qdrant.http.exceptions import ResponseHandlingException
from quiverdb.remote.caller import AsyncRestCaller, RestCaller
from quiverdb.remote.headers import headers as with_headers
from quiverdb.remote.http import AsyncHttpTransport, HttpTransport
from quiverdb.remote.middleware import AsyncMiddleware, Middleware
from quiverdb.remote.multipart import FileForm
from quiverdb.remote.settings import Settings, resolve
from quiverdb.wire.operations import Operation
from quiverdb.wire.rest import decode
from quiverdb.wire.routes import FILE

__all__ = ["ApiClient", "AsyncApiClient", "AsyncApis", "SyncApis"]

_KINDS: Mapping[str, Any] = {"Any": Any, "bytes": bytes, "str": str}


def _kind(route: Operation) -> Any:
    return _KINDS[route.result] if route.result in _KINDS else getattr(models, route.result)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _read(kind: Any, body: bytes) -> Any:
    """Return the answer that a body holds; text and files stand for themselves."""
    if kind is bytes:
        return body
    if kind is str:
        return body.decode()
    try:
        return None if kind is None else _adapter(kind).validate_python(decode(body))
    except (ValidationError, InvalidInputError) as error:
        raise ResponseHandlingException(error) from error


def _form(route: Operation, arguments: Mapping[str, Any]) -> FileForm | None:
    """Return the file to be sent, opened or given as bytes, if the route takes one."""
    for name, field in route.body.items():
        if field == FILE:
            source = arguments.get(name)
            if source is None:
                raise InvalidInputError(f"{name} must be a file", field=name)
            given = io.BytesIO(source) if isinstance(source, bytes) else source
            return FileForm(name, name, given)
    return None


def _any_route(
    method: Any, url: str, params: Mapping[str, Any] | None, content: Any, path_params: Mapping[str, Any] | None
) -> tuple[Operation, Mapping[str, Any]]:
    """Return a route that no table need know, and its arguments; text and bytes are JSON already."""
    params = params or {}
    body = {} if content is None else {"content": "*"}
    if isinstance(content, str | bytes):
        content = msgspec.Raw(content.encode() if isinstance(content, str) else content)
    route = Operation(url, method, f"/{url.removeprefix('/')}", body, tuple(params), bare=True, access="manage")
    return route, {**params, **(path_params or {}), "content": content}


def _settings(host: str, options: Mapping[str, Any]) -> Settings:
    return resolve(host, port=None, **options)


class ApiClient:
    """Send requests by any route.

    >>> ApiClient("http://localhost:6333")
    <ApiClient of http://localhost:6333>
    """

    def __init__(self, host: str, **kwargs: Any) -> None:
        self._caller = RestCaller(HttpTransport(_settings(host, kwargs)))

    @classmethod
    def over(cls, caller: RestCaller) -> Self:
        """Send over connections that are there already."""
        made = cls.__new__(cls)
        made._caller = caller
        return made

    @property
    def host(self) -> str:
        """The URL of the server."""
        return self._caller.transport.address.rest_uri

    def ask(self, route: Operation, arguments: Mapping[str, Any]) -> Any:
        """Return the answer to a request by a route of the table."""
        with api_errors:
            form = _form(route, arguments)
            return _read(_kind(route), self._caller.ask(route, arguments, form=form).body)

    def request(
        self,
        *,
        type_: Any,
        method: str,
        url: str,
        path_params: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Any = None,
    ) -> Any:
        """Return the answer to any request, read as a ``type_``; names in braces in ``url`` are ``path_params``."""
        with api_errors, with_headers(headers or {}):
            return _read(type_, self._caller.ask(*_any_route(method, url, params, content, path_params)).body)

    def add_middleware(self, middleware: Middleware) -> None:
        """Let a function ``(request, call_next) -> response`` see all requests, also those of the client."""
        self._caller.transport.add_middleware(middleware)

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._caller.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.host}>"


class AsyncApiClient:
    """Send requests by any route, from event loops.

    >>> AsyncApiClient("http://localhost:6333")
    <AsyncApiClient of http://localhost:6333>
    """

    def __init__(self, host: str, **kwargs: Any) -> None:
        self._caller = AsyncRestCaller(AsyncHttpTransport(_settings(host, kwargs)))

    @classmethod
    def over(cls, caller: AsyncRestCaller) -> Self:
        """Send over connections that are there already."""
        made = cls.__new__(cls)
        made._caller = caller
        return made

    @property
    def host(self) -> str:
        """The URL of the server."""
        return self._caller.transport.address.rest_uri

    async def ask(self, route: Operation, arguments: Mapping[str, Any]) -> Any:
        """Return the answer to a request by a route of the table."""
        with api_errors:
            form = _form(route, arguments)
            return _read(_kind(route), (await self._caller.ask(route, arguments, form=form)).body)

    async def request(
        self,
        *,
        type_: Any,
        method: str,
        url: str,
        path_params: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Any = None,
    ) -> Any:
        """Return the answer to any request; see ``ApiClient.request``."""
        with api_errors, with_headers(headers or {}):
            return _read(type_, (await self._caller.ask(*_any_route(method, url, params, content, path_params))).body)

    def add_middleware(self, middleware: AsyncMiddleware) -> None:
        """Let a coroutine function ``(request, call_next) -> response`` see all requests, also those of the client."""
        self._caller.transport.add_middleware(middleware)

    async def aclose(self) -> None:
        """Close all connections; a second call does nothing."""
        await self._caller.close()

    __repr__ = ApiClient.__repr__


class _Groups:
    """Name the groups of routes."""

    aliases_api: Any
    beta_api: Any
    collections_api: Any
    distributed_api: Any
    indexes_api: Any
    points_api: Any
    quotas_api: Any
    search_api: Any
    service_api: Any
    snapshots_api: Any

    client: Any

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.client.host}>"


class SyncApis(_Groups):
    """Hold the functions for all routes, by group.

    >>> apis = SyncApis("http://localhost:6333")
    >>> apis.points_api
    <SyncPointsApi of http://localhost:6333>
    """

    def __init__(self, host: str | RestCaller, **kwargs: Any) -> None:
        self.client = ApiClient(host, **kwargs) if isinstance(host, str) else ApiClient.over(host)
        self.__dict__.update({group: kind(self.client) for group, kind in SYNC_APIS.items()})

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self.client.close()


class AsyncApis(_Groups):
    """Hold the functions for all routes, by group, to be awaited.

    >>> apis = AsyncApis("http://localhost:6333")
    >>> apis.points_api
    <AsyncPointsApi of http://localhost:6333>
    """

    def __init__(self, host: str | AsyncRestCaller, **kwargs: Any) -> None:
        self.client = AsyncApiClient(host, **kwargs) if isinstance(host, str) else AsyncApiClient.over(host)
        self.__dict__.update({group: kind(self.client) for group, kind in ASYNC_APIS.items()})

    async def aclose(self) -> None:
        """Close all connections; a second call does nothing."""
        await self.client.aclose()
