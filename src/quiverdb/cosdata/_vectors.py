"""Single vectors: the module, and the same for one collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quiverdb.cosdata._arguments import VectorId, VersionLike, version_id
from quiverdb.cosdata._arguments import vector_id as as_text
from quiverdb.cosdata._binding import of_collection
from quiverdb.cosdata._records import Neighbor, Vector

if TYPE_CHECKING:
    from quiverdb.cosdata._client import Client
    from quiverdb.cosdata._collections import Collection

__all__ = ["Vectors", "VectorsModule"]


class VectorsModule:
    """Read and delete single vectors. An id may be a number: ``1`` and ``"1"`` are the same.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.collections.create("docs", dimension=2)
    ...     with client.transactions.create() as txn:
    ...         _ = txn.upsert("docs", [{"id": 1, "values": [1.0, 0.5], "metadata": {"n": 7}}])
    ...     print(client.vectors.fetch("docs", "1")["metadata"])
    {'n': 7}
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, collection_name: str, vector_id: VectorId, *, version: VersionLike | None = None) -> Vector:
        """Return a vector as it is, or as it was in a version; raises ``NotFoundError``."""
        data = self.client._connection.call(
            "get_vector", collection=collection_name, id=as_text(vector_id), **_at(version)
        )
        return Vector.of(data)

    fetch = get

    def get_by_document_id(
        self, collection_name: str, document_id: str, *, version: VersionLike | None = None
    ) -> list[Vector]:
        """Return the vectors of a document, now or in a version."""
        found = self.client._connection.call(
            "find_vectors", collection=collection_name, document_id=document_id, **_at(version)
        )
        return [Vector.of(data) for data in found]

    def exists(self, collection_name: str, vector_id: VectorId) -> bool:
        """Tell whether there is a vector of this id."""
        there: bool = self.client._connection.call("vector_exists", collection=collection_name, id=as_text(vector_id))
        return there

    def neighbors(self, collection_name: str, vector_id: VectorId) -> list[Neighbor]:
        """Return the vectors nearest to a stored one, which is not among them; raises ``NotFoundError``."""
        found: list[Neighbor] = self.client._connection.call(
            "vector_neighbors", collection=collection_name, id=as_text(vector_id)
        )
        return found

    def delete(self, collection_name: str, vector_id: VectorId) -> None:
        """Delete a vector at once; nothing happens if there is none of this id."""
        self.client._connection.call("stream_delete", collection=collection_name, id=as_text(vector_id))


class Vectors:
    """Read and delete single vectors of one collection, with the methods of ``VectorsModule``.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.create_collection("docs", dimension=2)
    ...     _ = collection.stream_upsert({"id": "a", "dense_values": [1.0, 0.5]})
    ...     collection.vectors.get("a").dense_values, collection.vectors.exists("b")
    ([1.0, 0.5], False)
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    @property
    def _module(self) -> VectorsModule:
        return VectorsModule(self.collection.client)

    get = of_collection(VectorsModule.get)
    fetch = of_collection(VectorsModule.get)
    get_by_document_id = of_collection(VectorsModule.get_by_document_id)
    exists = of_collection(VectorsModule.exists)
    neighbors = of_collection(VectorsModule.neighbors)
    delete = of_collection(VectorsModule.delete)


def _at(version: VersionLike | None) -> dict[str, str | int]:
    return {} if version is None else {"version": version_id(version)}
