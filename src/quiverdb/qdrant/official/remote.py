"""What the official clients keep in ``_client`` in front of a server.

Programs ask for its class, and look at where the server is and how it is asked; all else is the client's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from quiverdb.qdrant._async_client import AsyncQdrantClient
from quiverdb.qdrant._client import QdrantClient
from quiverdb.qdrant.official.bases import AsyncQdrantBase, Behind, QdrantBase
from quiverdb.remote.settings import DEFAULT_CHANNELS, DEFAULT_TIMEOUT, Settings

__all__ = ["AsyncQdrantRemote", "QdrantRemote"]


_SETTINGS: Mapping[str, Callable[[Settings], Any]] = MappingProxyType({
    "rest_uri": attrgetter("address.rest_uri"),
    "_scheme": attrgetter("address.scheme"),
    "_https": attrgetter("address.tls"),
    "_host": attrgetter("address.host"),
    "_port": attrgetter("address.port"),
    "_prefix": attrgetter("address.prefix"),
    "_grpc_port": attrgetter("address.grpc_port"),
    "_prefer_grpc": attrgetter("prefer_grpc"),
    "_timeout": lambda settings: int(settings.timeout),
    "_api_key": lambda settings: dict(settings.headers).get("api-key"),
    "_auth_token_provider": attrgetter("token_provider"),
    "_rest_headers": lambda settings: dict(settings.headers),
    "_rest_args": lambda settings: {"headers": dict(settings.headers), **settings.http_options},
    "_grpc_headers": lambda settings: list(settings.metadata),
    "_grpc_options": lambda settings: dict(settings.grpc_options),
    "_grpc_compression": attrgetter("grpc_compression"),
})  # fmt: skip
"""What the official classes keep of how a server is reached."""


class _Remote(Behind):
    """Tell how the server of a client is reached."""

    DEFAULT_GRPC_TIMEOUT = int(DEFAULT_TIMEOUT)
    DEFAULT_GRPC_POOL_SIZE = DEFAULT_CHANNELS

    _kind: type[Any]

    def __init__(self, url: str | None = None, port: int | None = 6333, grpc_port: int = 6334, **options: Any) -> None:
        place = {"url": url} if url is not None else {} if options.get("host") else {"location": "localhost"}
        self._stands_for = self._kind(port=port, grpc_port=grpc_port, **place, **options)

    def __getattr__(self, name: str) -> Any:
        if name in _SETTINGS:
            return _SETTINGS[name](self._stands_for._remote.settings)
        return super().__getattr__(name)

    @property
    def openapi_client(self) -> Any:
        """The REST API as it is; the same as ``http`` and ``rest``."""
        return self._stands_for.http

    rest = openapi_client

    @property
    def grpc_snapshots(self) -> Any:
        """The gRPC API's procedures about snapshots."""
        return self._stands_for._server("The raw gRPC API").stub("Snapshots")

    @property
    def grpc_root(self) -> Any:
        """The gRPC API's procedures about the server itself."""
        return self._stands_for._server("The raw gRPC API").stub("Qdrant")


@QdrantBase.register
class QdrantRemote(_Remote):
    """Offer what ``QdrantClient`` does in front of a server.

    >>> client = QdrantClient("localhost", check_compatibility=False)
    >>> isinstance(client._client, QdrantRemote), client._client.rest_uri
    (True, 'http://localhost:6333')
    """

    _kind = QdrantClient


@AsyncQdrantBase.register
class AsyncQdrantRemote(_Remote):
    """Offer what ``AsyncQdrantClient`` does in front of a server.

    >>> client = AsyncQdrantClient("localhost", check_compatibility=False)
    >>> isinstance(client._client, AsyncQdrantRemote)
    True
    """

    _kind = AsyncQdrantClient
