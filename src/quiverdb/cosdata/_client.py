"""The client: where the modules of the API hang together."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from quiverdb.cosdata._auth import Auth
from quiverdb.cosdata._collections import Collection, Collections
from quiverdb.cosdata._connection import ADMIN, DEFAULT_HOST, Connection
from quiverdb.cosdata._indexes import Indexes
from quiverdb.cosdata._search import SearchModule
from quiverdb.cosdata._transactions import Registry, Transactions
from quiverdb.cosdata._vectors import VectorsModule
from quiverdb.cosdata._versions import VersionsModule

if TYPE_CHECKING:
    from quiverdb.database import Database

__all__ = ["Client"]


class Client:
    """Talk to a Cosdata server, or do without one on a folder, in memory, or on any database of QuiverDB.

    ``host`` is the address of a server, or ``":memory:"``; ``path`` a folder, which is made if it is not there, or
    ``":memory:"``; ``database`` a database that stays open when the client is closed. Signing in happens with the
    first request and again when the session ends. ``verify`` says whether certificates are checked, or by which file
    of authorities; ``timeout`` is how many seconds an answer may take.

    The modules ``collections``, ``indexes``, ``transactions``, ``search``, ``vectors`` and ``versions`` take the name
    of a collection with each call; ``create_collection`` and ``get_collection`` return a ``Collection`` that has the
    same as methods. A client may be used from several threads. Errors are those of ``quiverdb.cosdata.errors``.

    >>> with Client(":memory:") as client:
    ...     collection = client.create_collection("cities", dimension=2)
    ...     index = collection.create_index(distance_metric="dot_product")
    ...     with collection.transaction() as txn:
    ...         txn.batch_upsert_vectors([{"id": n, "dense_values": [1.0, n]} for n in range(3)])
    ...     [hit["id"] for hit in collection.search.dense([1.0, 1.0], top_k=2)["results"]]
    ['2', '1']
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        username: str = ADMIN,
        password: str = ADMIN,
        verify: bool | str = False,
        *,
        path: str | os.PathLike[str] | None = None,
        database: Database | None = None,
        **options: Any,
    ) -> None:
        self._connection = Connection(host, username, password, verify, path, database, options)
        self._auth = Auth(self._connection, username, password)
        self._open = Registry()
        self.host = self._connection.described if self._connection.embedded else host.rstrip("/")
        self.base_url = f"{self.host}/vectordb"
        self.verify_ssl = verify

    @property
    def auth(self) -> Auth:
        """The session at the server."""
        return self._auth

    @property
    def collections(self) -> Collections:
        """Creates, finds and deletes collections; called, it returns all of them."""
        return Collections(self)

    @property
    def indexes(self) -> Indexes:
        """Creates, describes and deletes indexes."""
        return Indexes(self)

    @property
    def transactions(self) -> Transactions:
        """Begins and ends transactions."""
        return Transactions(self)

    @property
    def search(self) -> SearchModule:
        """Searches collections."""
        return SearchModule(self)

    @property
    def vectors(self) -> VectorsModule:
        """Reads and deletes single vectors."""
        return VectorsModule(self)

    @property
    def versions(self) -> VersionsModule:
        """Names, lists and restores states of collections."""
        return VersionsModule(self)

    def create_collection(
        self,
        name: str,
        dimension: int = 1024,
        description: str | None = None,
        dense_vector: dict[str, Any] | None = None,
        sparse_vector: dict[str, Any] | None = None,
        tf_idf_options: dict[str, Any] | None = None,
        config: dict[str, Any] | None = None,
        store_raw_text: bool = False,
        metadata_schema: dict[str, Any] | None = None,
    ) -> Collection:
        """Create a collection, see ``Collections.create``."""
        return self.collections.create(
            name,
            dimension,
            description,
            dense_vector,
            sparse_vector,
            tf_idf_options,
            config,
            store_raw_text,
            metadata_schema,
        )

    def get_collection(self, name: str) -> Collection:
        """Return a collection; raises ``NotFoundError``."""
        return self.collections.get(name)

    def list_collections(self) -> list[dict[str, Any]]:
        """Return what the server says of each collection: its name and description at least."""
        answer: dict[str, Any] = self._connection.call("list_collections")
        found: list[dict[str, Any]] = answer["collections"]
        return found

    def close(self) -> None:
        """Abort the transactions that are open, then close what was opened; a second call does nothing."""
        if not self._connection.closed:
            for transaction in self._open.all():
                transaction._discard()
        self._connection.close()

    def _get_headers(self) -> dict[str, str]:
        """Return the headers of a request, as programs expect that send some of their own."""
        return self.auth.get_headers()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = " closed" if self._connection.closed else ""
        return f"<{type(self).__name__} {self._connection.described}{state}>"
