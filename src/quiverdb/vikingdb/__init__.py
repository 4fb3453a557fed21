"""The VikingDB API: a client for VikingDB that also runs without a server, on the engine of this package.

>>> from quiverdb.vikingdb.vector import VikingDB
>>> VikingDB("http://localhost:9527")
<VikingDB at http://localhost:9527>
"""

from __future__ import annotations

from quiverdb.vikingdb import vector
from quiverdb.vikingdb.config import ClientConfig, RetryConfig
from quiverdb.vikingdb.credentials import IAM, APIKey, Auth, AuthStrategy, HeaderAuth
from quiverdb.vikingdb.exceptions import (
    HTTPError,
    TransportError,
    VikingAPIException,
    VikingConnectionException,
    VikingDBError,
    VikingException,
    VikingVectorException,
)
from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector._async.client import AsyncVikingDB
from quiverdb.vikingdb.vector._async.collection import AsyncCollectionClient
from quiverdb.vikingdb.vector._async.embedding import AsyncEmbeddingClient
from quiverdb.vikingdb.vector._async.index import AsyncIndexClient
from quiverdb.vikingdb.vector._async.rerank import AsyncRerankClient
from quiverdb.vikingdb.vector._former import VikingVector
from quiverdb.vikingdb.vector.client import VikingDB
from quiverdb.vikingdb.vector.collection import CollectionClient
from quiverdb.vikingdb.vector.embedding import EmbeddingClient
from quiverdb.vikingdb.vector.index import IndexClient
from quiverdb.vikingdb.vector.rerank import RerankClient
from quiverdb.vikingdb.version import __version__

__all__ = [
    "IAM",
    "APIKey",
    "AsyncCollectionClient",
    "AsyncEmbeddingClient",
    "AsyncIndexClient",
    "AsyncRerankClient",
    "AsyncVikingDB",
    "Auth",
    "AuthStrategy",
    "ClientConfig",
    "CollectionClient",
    "EmbeddingClient",
    "HTTPError",
    "HeaderAuth",
    "IndexClient",
    "RequestOptions",
    "RerankClient",
    "RetryConfig",
    "TransportError",
    "VikingAPIException",
    "VikingConnectionException",
    "VikingDB",
    "VikingDBError",
    "VikingException",
    "VikingVector",
    "VikingVectorException",
    "__version__",
    "vector",
]
