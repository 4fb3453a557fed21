"""Collections: the module that makes and finds them, and the collection as an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from quiverdb.cosdata._arguments import VectorId, VectorLike, VersionLike, also_called, given, mapping, sequence
from quiverdb.cosdata._batches import batches
from quiverdb.cosdata._indexes import Index
from quiverdb.cosdata._records import Neighbor, Record, Version
from quiverdb.cosdata._search import Search
from quiverdb.cosdata._transactions import Transaction
from quiverdb.cosdata._vectors import Vectors
from quiverdb.cosdata._versions import Versions
from quiverdb.cosdata.errors import NotFoundError

if TYPE_CHECKING:
    from quiverdb.cosdata._client import Client

__all__ = ["Collection", "Collections"]


class Collection(Record):
    """A collection of vectors: what is known of it as items and attributes, what can be done as methods.

    The items say how the collection was when it was created or found; ``get_info`` asks again.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.create_collection("docs", dimension=3, description="Texts")
    ...     print(collection.name, collection["dimension"], collection.get_info()["description"])
    docs 3 Texts
    """

    name: str
    description: str | None
    dimension: int | None
    dense_vector: dict[str, Any]
    sparse_vector: dict[str, Any]
    tf_idf_options: dict[str, Any]
    config: dict[str, Any]
    metadata_schema: dict[str, Any] | None
    store_raw_text: bool
    vectors_count: int

    def __init__(self, client: Client, name: str, info: Mapping[str, Any] | None = None) -> None:
        super().__init__({**(info or {}), "name": name})
        self.client = client

    @property
    def search(self) -> Search:
        """Searches this collection."""
        return Search(self)

    @property
    def vectors(self) -> Vectors:
        """Reads and deletes single vectors."""
        return Vectors(self)

    @property
    def versions(self) -> Versions:
        """Names, lists and restores states of this collection."""
        return Versions(self)

    def transaction(self, wait: bool = False) -> Transaction:
        """Begin a transaction for a ``with`` block: it is committed at the end, and aborted if the block fails.

        With ``wait`` the block ends when all is indexed, which takes time on servers that index in the background.
        """
        return Transaction(self, wait)

    def create_transaction(self) -> Transaction:
        """Begin a transaction, to be ended by its ``commit`` or ``abort``.

        Raises ``ConflictError`` while another one is open.
        """
        return Transaction(self)

    def create_index(
        self,
        distance_metric: str = "cosine",
        num_layers: int = 7,
        max_cache_size: int = 1000,
        ef_construction: int = 512,
        ef_search: int = 256,
        neighbors_count: int = 32,
        level_0_neighbors_count: int = 64,
        *,
        name: str | None = None,
        quantization: Mapping[str, Any] | None = None,
    ) -> Index:
        """Create the dense index, see ``Indexes.create``."""
        return self.client.indexes.create(
            self.name,
            distance_metric,
            num_layers,
            max_cache_size,
            ef_construction,
            ef_search,
            neighbors_count,
            level_0_neighbors_count,
            name=name,
            quantization=quantization,
        )

    def create_sparse_index(self, name: str, quantization: int = 64, sample_threshold: int = 1000) -> Index:
        """Create the sparse index, see ``Indexes.create_sparse``."""
        return self.client.indexes.create_sparse(self.name, name, quantization, sample_threshold)

    def create_tf_idf_index(self, name: str, sample_threshold: int = 1000, k1: float = 1.2, b: float = 0.75) -> Index:
        """Create the index of texts, see ``Indexes.create_tf_idf``."""
        return self.client.indexes.create_tf_idf(self.name, name, sample_threshold, k1, b)

    def get_index(self, name: str, index_type: str | None = None) -> Index:
        """Return an index by its name, see ``Indexes.find``."""
        return self.client.indexes.find(self.name, name, index_type)

    def get_info(self) -> dict[str, Any]:
        """Ask how the collection is now, and keep the answer as items."""
        info: dict[str, Any] = self.client._connection.call("get_collection", collection=self.name)
        self.update(info)
        return info

    def delete(self) -> None:
        """Delete the collection and all its vectors."""
        self.client.collections.delete(self.name)

    def load(self) -> None:
        """Let the server keep the collection at hand; searches work in any case."""
        self.client._connection.call("load_collection", collection=self.name)

    def unload(self) -> None:
        """Let the server no longer keep the collection at hand."""
        self.client._connection.call("unload_collection", collection=self.name)

    @classmethod
    def loaded(cls, client: Client) -> list[str]:
        """Return the names of the collections that a server keeps at hand."""
        return client.collections.loaded()

    def indexing_status(self) -> dict[str, Any]:
        """Return how many transactions and records are indexed."""
        status: dict[str, Any] = self.client._connection.call("indexing_status", collection=self.name)
        return status

    def stream_upsert(self, vectors: VectorLike | Iterable[VectorLike]) -> dict[str, Any]:
        """Store one or more vectors at once, without a transaction; return what the server answers.

        A server is sent more than 8 MB in parts, each of which is stored as a whole.
        """
        rows = sequence(vectors)
        parts = [rows] if self.client._connection.embedded else batches(rows, max(1, len(rows)))
        answer: dict[str, Any] | None = None
        for part in parts:
            answer = self.client._connection.call("stream_upsert", collection=self.name, vectors=part)
        return answer or {}

    def stream_delete(self, vector_id: VectorId) -> dict[str, Any]:
        """Delete a vector at once, without a transaction; nothing happens if there is none of this id."""
        self.vectors.delete(vector_id)
        return {}

    def neighbors(self, vector_id: VectorId) -> list[Neighbor]:
        """Return the vectors nearest to a stored one."""
        return self.vectors.neighbors(vector_id)

    def set_version(self, version: VersionLike) -> Version:
        """Make a version the present state again, see ``Versions.set_current``."""
        return self.versions.set_current(version)


CollectionList: TypeAlias = list[Collection]
Names: TypeAlias = list[str]


class Collections:
    """Create, find and delete collections; called, return all of them.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.collections.create(name="docs", dimension=3)
    ...     print([found["dimension"] for found in client.collections.list()])
    [3]
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def create(
        self,
        name: str,
        dimension: int = 1024,
        description: str | None = None,
        dense_vector: Mapping[str, Any] | None = None,
        sparse_vector: Mapping[str, Any] | None = None,
        tf_idf_options: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        store_raw_text: bool = False,
        metadata_schema: Mapping[str, Any] | None = None,
    ) -> Collection:
        """Create a collection.

        ``dense_vector``, ``sparse_vector`` and ``tf_idf_options`` say by ``{"enabled": ...}`` what vectors have;
        without them they have dense values of this dimension. ``store_raw_text`` keeps texts, so that they can be
        returned. ``metadata_schema`` declares the fields that filters may ask for:
        ``{"fields": [{"name": ..., "values": [...]}], "supported_conditions": [...]}``.

        Raises ``ConflictError`` if the name is taken, and ``ValidationError`` for wrong options.
        """
        dense = {"enabled": True, "dimension": dimension, **mapping(dense_vector or {}, "dense_vector")}
        known = {
            "name": name,
            "description": description,
            "dense_vector": dense,
            "sparse_vector": {"enabled": False, **mapping(sparse_vector or {}, "sparse_vector")},
            "tf_idf_options": {"enabled": False, **mapping(tf_idf_options or {}, "tf_idf_options")},
            "config": {"max_vectors": None, "replication_factor": None, **mapping(config or {}, "config")},
            "store_raw_text": store_raw_text,
        }
        self.client._connection.call("create_collection", **known, **given(metadata_schema=metadata_schema))
        here = {"metadata_schema": metadata_schema, "vectors_count": 0, "dimension": dense["dimension"]}
        return Collection(self.client, name, {**known, **here})

    @also_called(name="collection_name")
    def get(self, collection_name: str) -> Collection:
        """Return a collection; raises ``NotFoundError``."""
        info = self.client._connection.call("get_collection", collection=collection_name)
        return Collection(self.client, collection_name, info)

    def list(self) -> CollectionList:
        """Return all collections; servers that tell no more than names are asked for each of them."""
        collections: CollectionList = []
        for item in self.client.list_collections():
            if item.get("dimension") is not None:
                collections.append(Collection(self.client, item["name"], item))
                continue
            try:
                collections.append(self.get(item["name"]))
            except NotFoundError:  # deleted since
                continue
        return collections

    def __call__(self) -> CollectionList:
        """Return all collections."""
        return self.list()

    @also_called(name="collection_name")
    def delete(self, collection_name: str) -> None:
        """Delete a collection and all its vectors; raises ``NotFoundError``."""
        self.client._connection.call("delete_collection", collection=collection_name)

    @also_called(name="collection_name")
    def load(self, collection_name: str) -> Collection:
        """Let the server keep a collection at hand, and return it; searches work in any case."""
        info = self.client._connection.call("load_collection", collection=collection_name)
        return Collection(self.client, collection_name, info)

    @also_called(name="collection_name")
    def unload(self, collection_name: str) -> str:
        """Let the server no longer keep a collection at hand; return what it answers."""
        answer: str = self.client._connection.call("unload_collection", collection=collection_name)
        return answer

    def loaded(self) -> Names:
        """Return the names of the collections that the server keeps at hand."""
        names: Names = self.client._connection.call("loaded_collections")
        return names
