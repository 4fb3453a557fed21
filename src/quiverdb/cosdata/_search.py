"""Searches: the module, and the same for one collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from quiverdb.cosdata._arguments import Numbers, SparseTerms, VersionLike, given, listed, mapping, pairs, version_id
from quiverdb.cosdata._binding import of_collection
from quiverdb.cosdata._records import Batches, Results
from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.operations import OPERATIONS

if TYPE_CHECKING:
    from quiverdb.cosdata._client import Client
    from quiverdb.cosdata._collections import Collection

__all__ = ["Search", "SearchModule"]


class SearchModule:
    """Search collections.

    All searches return at most ``top_k`` vectors, the best first, as ``{"results": [...]}``; those of a batch as
    ``{"responses": [{"results": [...]}, ...]}``. Scores are what the metric of the index says. With
    ``return_raw_text`` texts come with them that the collection stores. With ``version`` that state is searched
    instead of the present one.

    They raise ``NotFoundError`` for an unknown collection or version, and if the index is missing that they need, and
    ``ValidationError`` for a query that does not fit.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.collections.create("docs", dimension=2)
    ...     index = client.indexes.create("docs", distance_metric="dot_product")
    ...     with client.transactions.create() as txn:
    ...         _ = txn.upsert("docs", [{"id": 1, "values": [1.0, 0.0]}, {"id": 2, "values": [0.0, 3.0]}])
    ...     print(client.search.query("docs", vector=[1.0, 1.0], nn_count=1)["results"])
    [{'id': '2', 'document_id': None, 'score': 3.0, 'text': None}]
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def query(
        self,
        collection_name: str,
        vector: Numbers,
        nn_count: int = 5,
        *,
        filter: Mapping[str, Any] | None = None,
        return_raw_text: bool = False,
        version: VersionLike | None = None,
    ) -> Results:
        """Find the vectors nearest to one, see ``dense``."""
        return self.dense(collection_name, vector, nn_count, return_raw_text, filter=filter, version=version)

    def query_sparse(
        self,
        collection_name: str,
        vector: SparseTerms,
        nn_count: int = 5,
        *,
        return_raw_text: bool = False,
        version: VersionLike | None = None,
    ) -> Results:
        """Find the vectors nearest to a sparse one, see ``sparse``."""
        return self.sparse(collection_name, vector, nn_count, return_raw_text=return_raw_text, version=version)

    def dense(
        self,
        collection_name: str,
        query_vector: Numbers,
        top_k: int = 10,
        return_raw_text: bool = False,
        *,
        filter: Mapping[str, Any] | None = None,
        version: VersionLike | None = None,
    ) -> Results:
        """Find the vectors nearest to one by the dense index.

        A filter is ``{"Is": P}``, ``{"And": [P, ...]}`` or ``{"Or": [P, ...]}``, where P is
        ``{"field_name": ..., "field_value": ..., "operator": "Equal"}`` or ``"NotEqual"``, on fields of the
        collection's metadata schema.
        """
        return self._find(
            "search_dense",
            collection_name,
            version,
            query_vector=query_vector,
            top_k=top_k,
            return_raw_text=return_raw_text,
            **given(filter=filter),
        )

    def batch_dense(
        self,
        collection_name: str,
        queries: Iterable[Mapping[str, Any] | Numbers],
        top_k: int = 10,
        return_raw_text: bool = False,
        *,
        version: VersionLike | None = None,
    ) -> Batches:
        """Find the vectors nearest to each of several: ``{"vector": ..., "filter": ...}``, or numbers alone."""
        return self._find_each(
            "batch_search_dense",
            collection_name,
            version,
            queries=[_dense_query(number, query) for number, query in enumerate(listed(queries, "queries"))],
            top_k=top_k,
            return_raw_text=return_raw_text,
        )

    def sparse(
        self,
        collection_name: str,
        query_terms: SparseTerms,
        top_k: int = 10,
        early_terminate_threshold: float = 0.0,
        return_raw_text: bool = False,
        *,
        version: VersionLike | None = None,
    ) -> Results:
        """Find the vectors with the largest dot product, by the sparse index.

        Terms are pairs ``[index, value]``, mappings with ``index`` and ``value``, or one of values by index.
        """
        return self._find(
            "search_sparse",
            collection_name,
            version,
            query_terms=pairs(query_terms),
            top_k=top_k,
            early_terminate_threshold=early_terminate_threshold,
            return_raw_text=return_raw_text,
        )

    def batch_sparse(
        self,
        collection_name: str,
        query_terms_list: Iterable[SparseTerms],
        top_k: int = 10,
        early_terminate_threshold: float = 0.0,
        return_raw_text: bool = False,
        *,
        version: VersionLike | None = None,
    ) -> Batches:
        """Search for several sparse vectors, see ``sparse``."""
        return self._find_each(
            "batch_search_sparse",
            collection_name,
            version,
            query_terms_list=[pairs(terms) for terms in listed(query_terms_list, "the terms of queries")],
            top_k=top_k,
            early_terminate_threshold=early_terminate_threshold,
            return_raw_text=return_raw_text,
        )

    def text(
        self,
        collection_name: str,
        query_text: str,
        top_k: int = 10,
        return_raw_text: bool = False,
        *,
        version: VersionLike | None = None,
    ) -> Results:
        """Find texts by their words, ranked by BM25."""
        return self._find(
            "search_text", collection_name, version, query=query_text, top_k=top_k, return_raw_text=return_raw_text
        )

    def batch_text(
        self,
        collection_name: str,
        query_texts: Iterable[str],
        top_k: int = 10,
        return_raw_text: bool = False,
        *,
        version: VersionLike | None = None,
    ) -> Batches:
        """Search for several texts, see ``text``."""
        return self._find_each(
            "batch_search_text",
            collection_name,
            version,
            queries=listed(query_texts, "texts"),
            top_k=top_k,
            return_raw_text=return_raw_text,
        )

    def batch_tf_idf_search(
        self, collection_name: str, queries: Iterable[str], top_k: int = 10, return_raw_text: bool = False
    ) -> Batches:
        """Search for several texts, see ``text``."""
        return self.batch_text(collection_name, queries, top_k, return_raw_text)

    def hybrid(
        self,
        collection_name: str,
        query_vector: Numbers | None = None,
        query_terms: SparseTerms | None = None,
        query_text: str | None = None,
        top_k: int = 10,
        fusion_constant_k: float = 60.0,
        return_raw_text: bool = False,
        *,
        sparse_early_terminate_threshold: float | None = None,
        version: VersionLike | None = None,
    ) -> Results:
        """Search in two ways, given by two of a vector, sparse terms and a text, and fuse the rankings.

        The score is the sum of ``1 / (rank + fusion_constant_k)`` with ranks from 0.
        """
        parts = given(
            query_vector=query_vector,
            query_terms=None if query_terms is None else pairs(query_terms),
            query_text=query_text,
            sparse_early_terminate_threshold=sparse_early_terminate_threshold,
        )
        shown = {"top_k": top_k, "fusion_constant_k": fusion_constant_k, "return_raw_text": return_raw_text}
        return self._find("search_hybrid", collection_name, version, **parts, **shown)

    def hybrid_search(self, collection_name: str, queries: Mapping[str, Any]) -> Results:
        """Search in two ways, see ``hybrid``; ``queries`` holds its arguments."""
        return self._find("search_hybrid", collection_name, None, **_hybrid_query(queries))

    def batch_hybrid(
        self,
        collection_name: str,
        queries: Iterable[Mapping[str, Any]],
        top_k: int = 10,
        fusion_constant_k: float = 60.0,
        return_raw_text: bool = False,
        *,
        version: VersionLike | None = None,
    ) -> Batches:
        """Search in two ways several times, see ``hybrid``; a query holds its first arguments."""
        return self._find_each(
            "batch_search_hybrid",
            collection_name,
            version,
            queries=[_hybrid_query(query) for query in listed(queries, "queries")],
            top_k=top_k,
            fusion_constant_k=fusion_constant_k,
            return_raw_text=return_raw_text,
        )

    def _find(self, operation: str, collection_name: str, version: VersionLike | None, **arguments: Any) -> Results:
        found: Results = self._ask(operation, collection_name, version, **arguments)
        return found

    def _find_each(
        self, operation: str, collection_name: str, version: VersionLike | None, **arguments: Any
    ) -> Batches:
        found: Batches = self._ask(operation, collection_name, version, **arguments)
        return found

    def _ask(self, operation: str, collection_name: str, version: VersionLike | None, **arguments: Any) -> Any:
        if version is not None:
            arguments["version"] = version_id(version)
        return self.client._connection.call(operation, collection=collection_name, **arguments)


class Search:
    """Search one collection, with the methods of ``SearchModule``.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.create_collection("docs", tf_idf_options={"enabled": True}, store_raw_text=True)
    ...     index = collection.create_tf_idf_index("words")
    ...     _ = collection.stream_upsert([{"id": "a", "text": "a red fox"}, {"id": "b", "text": "two blue birds"}])
    ...     [hit["text"] for hit in collection.search.text("foxes", return_raw_text=True)["results"]]
    ['a red fox']
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    @property
    def _module(self) -> SearchModule:
        return SearchModule(self.collection.client)

    query = of_collection(SearchModule.query)
    query_sparse = of_collection(SearchModule.query_sparse)
    dense = of_collection(SearchModule.dense)
    batch_dense = of_collection(SearchModule.batch_dense)
    sparse = of_collection(SearchModule.sparse)
    batch_sparse = of_collection(SearchModule.batch_sparse)
    text = of_collection(SearchModule.text)
    batch_text = of_collection(SearchModule.batch_text)
    batch_tf_idf_search = of_collection(SearchModule.batch_tf_idf_search)
    hybrid = of_collection(SearchModule.hybrid)
    hybrid_search = of_collection(SearchModule.hybrid_search)
    batch_hybrid = of_collection(SearchModule.batch_hybrid)


def _dense_query(number: int, query: Mapping[str, Any] | Numbers) -> Mapping[str, Any]:
    if not isinstance(query, Mapping):
        return {"vector": query}
    if "vector" not in query:
        raise ValidationError(f"query {number} has no 'vector': a query is {{'vector': [...], 'filter': ...}}")
    return query


_HYBRID = (*OPERATIONS["search_hybrid"].body,)


def _hybrid_query(query: Mapping[str, Any]) -> dict[str, Any]:
    query = mapping(query, "a hybrid search")
    unknown = [name for name in query if name not in _HYBRID]
    if unknown:
        raise ValidationError(f"a hybrid search takes {', '.join(_HYBRID)}, not {', '.join(map(str, unknown))}")
    terms = query.get("query_terms")
    return {**query, "query_terms": pairs(terms)} if isinstance(terms, Mapping) else dict(query)
