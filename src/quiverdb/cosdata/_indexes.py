"""Indexes: the module that makes and finds them, and the index as an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from quiverdb.cosdata._arguments import VectorId
from quiverdb.cosdata._records import Record, Results, Vector
from quiverdb.cosdata._transactions import Transaction
from quiverdb.cosdata._twins import within
from quiverdb.cosdata.errors import NotFoundError, ValidationError

if TYPE_CHECKING:
    from quiverdb.cosdata._client import Client
    from quiverdb.cosdata._collections import Collection

__all__ = ["Index", "Indexes"]

_SEARCHES = {
    "dense": ("search_dense", "query_vector"),
    "sparse": ("search_sparse", "query_terms"),
    "tf_idf": ("search_text", "query"),
}
"""The search that each type of index serves, and what a query is called there."""


class Index(Record):
    """An index of a collection: its settings as items and attributes, what can be done as methods.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     index = client.create_collection("docs", dimension=3).create_index(ef_search=100)
    ...     print(index.name, index.index_type, index["index"]["properties"]["ef_search"])
    docs_index dense 100
    """

    name: str
    index_type: str

    def __init__(self, collection: Collection, name: str, index_type: str = "dense", **settings: Any) -> None:
        super().__init__(name=name, index_type=index_type, collection_name=collection.name, **settings)
        self.collection = collection

    def query(self, vector: Any, nn_count: int = 5, return_raw_text: bool = False) -> Results:
        """Search by this index: with a vector, with the terms of a sparse vector, or with a text."""
        operation, query = _SEARCHES[self.index_type]
        arguments = {"collection": self.collection.name, query: vector, "top_k": nn_count}
        found: Results = self.collection.client._connection.call(
            operation, **arguments, return_raw_text=return_raw_text
        )
        return found

    def fetch_vector(self, vector_id: VectorId) -> Vector:
        """Return a stored vector; raises ``NotFoundError``."""
        return self.collection.vectors.get(vector_id)

    def create_transaction(self) -> Transaction:
        """Begin a transaction of the collection, see ``Collection.create_transaction``."""
        return Transaction(self.collection)

    def transaction(self, callback: Callable[[Transaction], Any] | None = None) -> Any:
        """Begin a transaction for a ``with`` block, or return what ``callback`` returns that is given one.

        It is committed in the end, and aborted if the block or function fails.
        """
        changes = Transaction(self.collection)
        return changes if callback is None else within(changes, callback)

    def delete(self) -> None:
        """Delete the index; the vectors stay."""
        self.collection.client.indexes.delete(self.collection.name, self.index_type)


class Indexes:
    """Create, describe and delete indexes: a collection has one of each type at most.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.collections.create("docs", dimension=3)
    ...     index = client.indexes.create("docs", distance_metric="euclidean")
    ...     [found["type"] for found in client.indexes.get("docs")["indexes"]]
    ['dense']
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def create(
        self,
        collection_name: str,
        distance_metric: str = "cosine",
        num_layers: int = 10,
        max_cache_size: int = 1000,
        ef_construction: int = 128,
        ef_search: int = 64,
        neighbors_count: int = 32,
        level_0_neighbors_count: int = 64,
        *,
        name: str | None = None,
        quantization: Mapping[str, Any] | None = None,
    ) -> Index:
        """Create the dense index of a collection; vectors that are there already are covered.

        ``distance_metric`` is ``cosine``, ``euclidean``, ``dot_product`` or ``hamming``. ``quantization`` is
        ``{"type": "auto", "properties": {"sample_threshold": ...}}`` or
        ``{"type": "scalar", "properties": {"data_type": ..., "range": {"min": ..., "max": ...}}}``.

        Raises ``ConflictError`` if there is a dense index, and ``NotFoundError`` for an unknown collection.
        """
        return self._create(
            "dense",
            collection_name,
            name or f"{collection_name}_index",
            distance_metric_type=distance_metric,
            quantization=quantization or {"type": "auto", "properties": {"sample_threshold": 100}},
            index={
                "type": "hnsw",
                "properties": {
                    "num_layers": num_layers,
                    "max_cache_size": max_cache_size,
                    "ef_construction": ef_construction,
                    "ef_search": ef_search,
                    "neighbors_count": neighbors_count,
                    "level_0_neighbors_count": level_0_neighbors_count,
                },
            },
        )

    def create_dense(
        self,
        collection_name: str,
        name: str,
        distance_metric: str = "cosine",
        quantization_type: str = "auto",
        sample_threshold: int = 100,
        num_layers: int = 7,
        max_cache_size: int = 1000,
        ef_construction: int = 512,
        ef_search: int = 256,
        neighbors_count: int = 32,
        level_0_neighbors_count: int = 64,
    ) -> Index:
        """Create the dense index of a collection, see ``create``."""
        return self.create(
            collection_name,
            distance_metric,
            num_layers,
            max_cache_size,
            ef_construction,
            ef_search,
            neighbors_count,
            level_0_neighbors_count,
            name=name,
            quantization={"type": quantization_type, "properties": {"sample_threshold": sample_threshold}},
        )

    def create_sparse(
        self, collection_name: str, name: str, quantization: int = 64, sample_threshold: int = 1000
    ) -> Index:
        """Create the sparse index of a collection; scores are exact whatever ``quantization`` is."""
        return self._create(
            "sparse", collection_name, name, quantization=quantization, sample_threshold=sample_threshold
        )

    def create_tf_idf(
        self, collection_name: str, name: str, sample_threshold: int = 1000, k1: float = 1.2, b: float = 0.75
    ) -> Index:
        """Create the index of texts, which are ranked by BM25 with these parameters."""
        return self._create("tf_idf", collection_name, name, sample_threshold=sample_threshold, k1=k1, b=b)

    def _create(self, index_type: str, collection_name: str, name: str, **settings: Any) -> Index:
        self.client._connection.call(f"create_{index_type}_index", collection=collection_name, name=name, **settings)
        return Index(self._collection(collection_name), name, index_type, **settings)

    def get(self, collection_name: str) -> dict[str, Any]:
        """Return the collection's name, and in ``indexes`` what is known of each of its indexes."""
        answer: dict[str, Any] = self.client._connection.call("list_indexes", collection=collection_name)
        return answer

    def find(self, collection_name: str, name: str, index_type: str | None = None) -> Index:
        """Return an index by its name; raises ``NotFoundError``.

        Servers that keep no names are understood if the name has the type in it, or is what ``create_index`` gives
        the dense index; otherwise say the type.
        """
        answer = self.get(collection_name)
        found = [entry for entry in answer["indexes"] if _is_meant(entry, collection_name, name, index_type)]
        if len(found) != 1:
            there = ", ".join(f"{entry.get('name')!r} ({entry['type']})" for entry in answer["indexes"]) or "none"
            message = f"no index of collection {collection_name!r} is called {name!r}: there are {there}"
            raise NotFoundError(message)
        entry = {key: value for key, value in found[0].items() if key not in ("type", "name", "collection_name")}
        return Index(self._collection(collection_name), name, found[0]["type"], **entry)

    def delete(self, collection_name: str, index_type: str | None = None) -> None:
        """Delete an index, of type ``dense``, ``sparse`` or ``tf_idf``; the vectors stay.

        The type may be left out where there is one index only. Raises ``NotFoundError`` if there is none.
        """
        if index_type is None:
            answer = self.get(collection_name)
            index_type = _only([entry["type"] for entry in answer["indexes"]], collection_name)
        self.client._connection.call("delete_index", collection=collection_name, index_type=index_type)

    def _collection(self, collection_name: str) -> Collection:
        from quiverdb.cosdata._collections import Collection

        return Collection(self.client, collection_name)


def _is_meant(entry: Mapping[str, Any], collection_name: str, name: str, index_type: str | None) -> bool:
    """Tell whether an index is the one of this name; servers that keep no names say that of the collection."""
    if index_type is not None:
        return bool(entry["type"] == index_type)
    known = entry.get("name")
    if known not in (None, collection_name):
        return bool(known == name)
    default = entry["type"] == "dense" and name in (known, f"{collection_name}_index")
    return default or entry["type"] in name


def _only(types: list[str], collection_name: str) -> str:
    if not types:
        raise NotFoundError(f"collection {collection_name!r} has no index that is known: give its index_type")
    if len(types) > 1:
        message = f"collection {collection_name!r} has several indexes: say by index_type which of {', '.join(types)}"
        raise ValidationError(message)
    return types[0]
