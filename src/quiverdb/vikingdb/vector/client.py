"""The client: of a VikingDB server, or of a database in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from quiverdb.errors import InvalidInputError
from quiverdb.vikingdb._connection import Connection, place
from quiverdb.vikingdb.config import DEFAULT_REGION, DEFAULT_TIMEOUT, RetryConfig
from quiverdb.vikingdb.credentials import Auth
from quiverdb.vikingdb.operations import OPERATIONS
from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector._apis import APIS
from quiverdb.vikingdb.vector.collection import CollectionClient
from quiverdb.vikingdb.vector.control import Control
from quiverdb.vikingdb.vector.embedding import EmbeddingClient
from quiverdb.vikingdb.vector.index import IndexClient
from quiverdb.vikingdb.vector.models import CollectionMeta, IndexMeta
from quiverdb.vikingdb.vector.rerank import RerankClient

if TYPE_CHECKING:
    from quiverdb.database import Database
    from quiverdb.remote.tls import Verify

__all__ = ["VikingDB"]


class VikingDB(Control):
    """Work with a VikingDB server, or with a database of this process.

    Give ``endpoint``, the URL of a server, or its ``host`` and ``scheme``; or ``path``, the folder of a database that
    is made if it is not there; or ``":memory:"``; or a ``database`` that is open, which stays open. Nothing is sent
    before the first call, unless ``ping`` asks for it. Without ``auth`` requests say nothing about who asks, and a
    database of this process does not need it. ``retry`` says how often to try, ``verify_ssl`` whether to check
    certificates, or which file or folder of authorities to trust.

    Safe to use from several threads. Raises ``InvalidInputError`` for arguments that contradict each other; methods
    raise ``VikingException``.

    >>> from quiverdb.vikingdb import IAM
    >>> VikingDB(host="api-vikingdb.vikingdb.cn-beijing.volces.com", region="cn-beijing", auth=IAM("AK", "SK"))
    <VikingDB at https://api-vikingdb.vikingdb.cn-beijing.volces.com>
    >>> with VikingDB(":memory:") as client:
    ...     client.list_collections().result["TotalCount"]
    0
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        host: str | None = None,
        scheme: str = "https",
        region: str = DEFAULT_REGION,
        auth: Auth | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        user_agent: str | None = None,
        verify_ssl: Verify = True,
        retry: RetryConfig | None = None,
        sts_token: str = "",
        pool_connections: int = 10,
        pool_maxsize: int = 10,
        ping: bool = False,
        path: str | os.PathLike[str] | None = None,
        database: Database | None = None,
        control_endpoint: str | None = None,
    ) -> None:
        self._connection = Connection(
            place(
                endpoint,
                host=host,
                scheme=scheme,
                region=region,
                auth=auth,
                timeout=timeout,
                user_agent=user_agent,
                verify_ssl=verify_ssl,
                retry=retry,
                sts_token=sts_token,
                pool_connections=pool_connections,
                pool_maxsize=pool_maxsize,
                ping=ping,
                path=path,
                database=database,
                control_endpoint=control_endpoint,
            )
        )

    @property
    def connection(self) -> Connection:
        """What carries the requests of this client, and of those that it makes."""
        return self._connection

    def collection(
        self,
        *,
        resource_id: str | None = None,
        collection_name: str | None = None,
        project_name: str | None = None,
        primary_key: str | None = None,
    ) -> CollectionClient:
        """Return a client of one collection; nothing is sent.

        With the name of its primary key, rows that carry it are sent again where nobody knows whether they arrived.
        """
        meta = CollectionMeta(resource_id=resource_id, collection_name=collection_name, project_name=project_name)
        return CollectionClient(self, meta, primary_key=primary_key)

    def index(
        self,
        *,
        resource_id: str | None = None,
        collection_name: str | None = None,
        project_name: str | None = None,
        index_name: str | None = None,
    ) -> IndexClient:
        """Return a client of one index; nothing is sent."""
        meta = IndexMeta(
            resource_id=resource_id, collection_name=collection_name, project_name=project_name, index_name=index_name
        )
        return IndexClient(self, meta)

    def embedding(self) -> EmbeddingClient:
        """Return a client of the models that make vectors; nothing is sent."""
        return EmbeddingClient(self)

    def rerank(self) -> RerankClient:
        """Return a client of the models that order documents; nothing is sent."""
        return RerankClient(self)

    def ping(self, *, request_options: RequestOptions | None = None) -> None:
        """Ask the server whether it is there; raises ``VikingException`` if it is not."""
        self._connection.ping(request_options)

    def request(
        self, api: str, payload: Mapping[str, Any], *, options: RequestOptions | None = None
    ) -> Mapping[str, Any]:
        """Return the plain answer to an operation, by its name here or in the official SDK, or to a POST to a path."""
        operation = APIS.get(api, api)
        if operation in OPERATIONS:
            return self._connection.call(operation, payload, options)
        return self._connection.request("POST", api, payload, options)

    def json_exception(
        self,
        api: str,
        params: Mapping[str, str] | None,
        body: str,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> Mapping[str, Any]:
        """Return the plain answer to an operation whose body is JSON already; see ``request``.

        Raises ``InvalidInputError`` for what is no JSON.
        """
        options = RequestOptions(dict(headers or {}), dict(params or {}), timeout=timeout)
        try:
            payload = json.loads(body)
        except ValueError as error:
            raise InvalidInputError(f"the body is no JSON: {error}", field="body") from error
        return self.request(api, payload, options=options)

    def close(self) -> None:
        """Release connections and files; a second call does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._connection.described}>"
