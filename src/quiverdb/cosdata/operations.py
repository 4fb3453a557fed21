"""The operations of a Cosdata server: one row each says how it travels over HTTP, and how its errors look.

The arguments of an operation are what its path holds in braces, its query and the fields of its body, by these names.
Its result is the plain data of the answer: JSON in the shape that all clients of Cosdata read, or ``None`` where the
answer is empty. The same row serves both ends, and ``quiverdb.cosdata.service`` carries operations out without either.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias

import msgspec

__all__ = ["LEGACY_PATHS", "OPERATIONS", "Arguments", "Backend", "Operation"]

Method: TypeAlias = Literal["GET", "HEAD", "PUT", "POST", "DELETE"]
Access: TypeAlias = Literal["read", "write", "manage"]
Arguments: TypeAlias = dict[str, Any]


class Backend(Protocol):
    """Carry out operations: the service of this process, or a server elsewhere. Safe for threads."""

    def call(self, operation: str, arguments: Arguments) -> Any:
        """Return the result of an operation; raises the errors of ``quiverdb.cosdata.errors``.

        Arguments are plain data, in which numpy arrays may stand for lists of numbers.
        """

    def close(self) -> None:
        """Release connections and files; a second call does nothing."""


class Operation(msgspec.Struct, frozen=True):
    """Say how an operation travels.

    >>> OPERATIONS["commit"].path
    '/vectordb/collections/{collection}/transactions/{transaction_id}/commit'
    """

    name: str
    method: Method
    path: str
    """Arguments stand in braces."""
    body: tuple[str, ...] = ()
    """Arguments that are fields of the JSON body; those that are not given are left out."""
    query: tuple[str, ...] = ()
    whole: str = ""
    """The argument that is the body itself."""
    status: int = 200
    """Of the answer to an operation that was carried out."""
    empty: bool = False
    """Whether that answer has no body."""
    json_errors: bool = False
    """Whether errors are JSON; otherwise they are a plain sentence."""
    access: Access = "read"
    repeatable: bool = False
    """Whether asking twice does no harm."""
    extension: bool = False
    """Whether only QuiverDB answers it: other servers answer 404 without a body."""


_ROOT = "/vectordb"
_COLLECTION = f"{_ROOT}/collections/{{collection}}"
_TRANSACTION = f"{_COLLECTION}/transactions/{{transaction_id}}"
_CREATION = (
    "name",
    "description",
    "dense_vector",
    "sparse_vector",
    "tf_idf_options",
    "config",
    "metadata_schema",
    "store_raw_text",
)
_SHOWN = ("top_k", "return_raw_text", "version")
_HYBRID = ("query_vector", "query_terms", "query_text", "sparse_early_terminate_threshold", "fusion_constant_k")


def _search(name: str, route: str, body: tuple[str, ...], *, extension: bool = False) -> Operation:
    path = f"{_COLLECTION}/search/{route}"
    fields = (*body, *_SHOWN)
    return Operation(name, "POST", path, fields, json_errors=True, repeatable=True, extension=extension)


def _get(name: str, path: str, query: tuple[str, ...] = (), **other: Any) -> Operation:
    return Operation(name, "GET", path, query=query, repeatable=True, **other)


def _index(name: str, route: str, body: tuple[str, ...]) -> Operation:
    path = f"{_COLLECTION}/indexes/{route}"
    return Operation(name, "POST", path, ("name", *body), status=201, json_errors=True, access="manage")


_ROWS = (
    Operation("create_session", "POST", "/auth/create-session", ("username", "password"), repeatable=True),
    # Collections
    Operation("create_collection", "POST", f"{_ROOT}/collections", _CREATION, status=201, access="manage"),
    _get("list_collections", f"{_ROOT}/collections"),
    _get("loaded_collections", f"{_ROOT}/collections/loaded"),
    _get("get_collection", _COLLECTION),
    Operation("delete_collection", "DELETE", _COLLECTION, status=204, empty=True, access="manage"),
    Operation("load_collection", "POST", f"{_COLLECTION}/load", repeatable=True),
    Operation("unload_collection", "POST", f"{_COLLECTION}/unload", repeatable=True),
    _get("indexing_status", f"{_COLLECTION}/indexing_status"),
    # Indexes
    _index("create_dense_index", "dense", ("distance_metric_type", "quantization", "index")),
    _index("create_sparse_index", "sparse", ("quantization", "sample_threshold")),
    _index("create_tf_idf_index", "tf-idf", ("sample_threshold", "k1", "b")),
    _get("list_indexes", f"{_COLLECTION}/indexes", json_errors=True),
    Operation(
        "delete_index",
        "DELETE",
        f"{_COLLECTION}/indexes/{{index_type}}",
        status=204,
        empty=True,
        json_errors=True,
        access="manage",
    ),
    # Transactions
    Operation("create_transaction", "POST", f"{_COLLECTION}/transactions", access="write"),
    Operation("upsert_in_transaction", "POST", f"{_TRANSACTION}/upsert", ("vectors",), empty=True, access="write"),
    Operation("add_to_transaction", "POST", f"{_TRANSACTION}/vectors", whole="vector", empty=True, access="write"),
    Operation(
        "delete_in_transaction", "DELETE", f"{_TRANSACTION}/vectors/{{id}}", status=204, empty=True, access="write"
    ),
    Operation("commit", "POST", f"{_TRANSACTION}/commit", status=204, empty=True, access="write"),
    Operation("abort", "POST", f"{_TRANSACTION}/abort", status=204, empty=True, access="write"),
    _get("transaction_status", f"{_TRANSACTION}/status"),
    Operation(
        "commit_together",
        "POST",
        f"{_ROOT}/transactions/commit",
        ("transactions",),
        status=204,
        empty=True,
        access="write",
        extension=True,
    ),
    # Streaming
    Operation("stream_upsert", "POST", f"{_COLLECTION}/streaming/upsert", ("vectors",), empty=True, access="write"),
    Operation(
        "stream_delete", "DELETE", f"{_COLLECTION}/streaming/vectors/{{id}}", status=204, empty=True, access="write"
    ),
    # Vectors
    _get("get_vector", f"{_COLLECTION}/vectors/{{id}}", ("version",)),
    _get("find_vectors", f"{_COLLECTION}/vectors", ("document_id", "version")),
    Operation("vector_exists", "HEAD", f"{_COLLECTION}/vectors/{{id}}", repeatable=True),
    _get("vector_neighbors", f"{_COLLECTION}/vectors/{{id}}/neighbors"),
    # Versions
    _get("list_versions", f"{_COLLECTION}/versions"),
    _get("current_version", f"{_COLLECTION}/versions/current"),
    _get("get_version", f"{_COLLECTION}/versions/{{version}}", extension=True),
    Operation(
        "create_version",
        "POST",
        f"{_COLLECTION}/versions",
        ("description",),
        status=201,
        access="write",
        extension=True,
    ),
    Operation(
        "set_current_version", "PUT", f"{_COLLECTION}/versions/current", ("version",), access="write", extension=True
    ),
    Operation(
        "delete_version",
        "DELETE",
        f"{_COLLECTION}/versions/{{version}}",
        status=204,
        empty=True,
        access="write",
        extension=True,
    ),
    # Search
    _search("search_dense", "dense", ("query_vector", "filter")),
    _search("batch_search_dense", "batch-dense", ("queries",)),
    _search("search_sparse", "sparse", ("query_terms", "early_terminate_threshold")),
    _search("batch_search_sparse", "batch-sparse", ("query_terms_list", "early_terminate_threshold")),
    _search("search_text", "tf-idf", ("query",)),
    _search("batch_search_text", "batch-tf-idf", ("queries",)),
    _search("search_hybrid", "hybrid", _HYBRID),
    _search("batch_search_hybrid", "batch-hybrid", ("queries", "fusion_constant_k")),
)

OPERATIONS: dict[str, Operation] = {row.name: row for row in _ROWS}

LEGACY_PATHS: dict[tuple[Method, str], tuple[str, dict[str, str]]] = {
    ("POST", f"{_COLLECTION}/search/batch-text"): ("batch_search_text", {"query_texts": "queries"}),
}
"""Routes of former releases: the operation that each stands for, and what fields of its body are called now."""
