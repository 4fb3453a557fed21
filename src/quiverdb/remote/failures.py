"""What a server refuses, and that it cannot be reached, as errors of the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeAlias

from quiverdb.errors import (
    AlreadyExistsError,
    Fault,
    InvalidInputError,
    LimitError,
    NotFoundError,
    QuiverError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    UnsupportedError,
)
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import retry_after

__all__ = ["error_of", "strange_answer"]

_PREFIX = re.compile("(?:Not found|Wrong input|Bad request|Rate limiting exceeded): ").match
_NAMES = re.compile(
    r"`(?P<quoted>[^`]*)`|'(?P<single>[^']*)'|\bid (?P<id>\S+)|\b(?:Snapshot|Alias|Shard) (?P<bare>\S+)"
)
_KINDS = ("collection", "alias", "snapshot", "shard key", "shard", "vector", "point")

_FAULTS: Mapping[Fault, str] = {
    "range": r"Validation error in JSON body: \[(.*)\]",
    "body": r"Format error in JSON body: (.*)",
    "query": r"Deserialize error in query parameters: (.*)",
    "path": r"Deserialize error in path parameters: (.*)",
}
"""What a server says about each kind of wrong request."""

_LIMITS: tuple[tuple[str, str], ...] = (
    (r'> \S+ for "limit"', "max_query_limit"),
    (r'> \S+ for "timeout"', "max_timeout"),
    (r'> \S+ for "hnsw_ef"', "search_max_hnsw_ef"),
    (r'> \S+ for "oversampling"', "search_max_oversampling"),
    (r'> \S+ for "search batch size"', "search_max_batchsize"),
    (r'> \S+ for "(?:upsert|update) limit"', "upsert_max_batchsize"),
    (r"Index required but not found", "unindexed_filtering_retrieve"),
    (r"Exact search disabled|vector indexing is disabled", "search_allow_exact"),
    (r"Max vector storage size limit", "max_collection_vector_size_bytes"),
    (r"Max payload storage size limit", "max_collection_payload_size_bytes"),
    (r"Max points count limit", "max_points_count"),
    (r"Filter condition limit reached", "filter_max_conditions"),
    (r"Condition size limit reached", "condition_max_size"),
    (r"has a limit of \d+ vectors", "multivector_config"),
    (r"has a limit of \d+ indices", "sparse_config"),
    (r"maximum number of payload indices", "max_payload_index_count"),
    (r"Resident memory usage", "max_resident_memory_percent"),
    (r"Substring matching is not allowed", "enabled"),
)
"""What a server says when a request exceeds a limit, and the setting that limits it."""


def error_of(error: ResponseError | TransportError, operation: str, url: str) -> QuiverError:
    """Return the error of the model for one that a caller of the server at ``url`` raised."""
    if isinstance(error, TransportError):
        return RemoteError(f"{url} gave no answer: {error}", status=None, url=url)
    message = _told(error)
    status = error.status
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return RemoteError(f"{url} failed: {message}", status=status, url=url)
    build = _BUILDERS.get(status, _invalid)
    return build(error, message, operation, url)


def strange_answer(operation: str, url: str) -> RemoteError:
    """Return the error for an answer that is not as the API describes it."""
    return RemoteError(f"{url} answered {operation} in a way that this release cannot read", status=None, url=url)


def _told(error: ResponseError) -> str:
    found = _PREFIX(error.message)
    return error.message[found.end() :] if found else error.message


_Builder: TypeAlias = Callable[[ResponseError, str, str, str], QuiverError]


def _invalid(_: ResponseError, message: str, operation: str, __: str) -> QuiverError:
    limit = next((limit for text, limit in _LIMITS if re.search(text, message)), None)
    if limit == "unindexed_filtering_retrieve" and operation in _UPDATES:
        limit = "unindexed_filtering_update"
    return _wrong(message) if limit is None else LimitError(message, limit=limit)


def _wrong(message: str) -> InvalidInputError:
    for fault, pattern in _FAULTS.items():
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return InvalidInputError(found[1], fault=fault)
    return InvalidInputError(message)


_UPDATES = frozenset((
    "upsert", "update_vectors", "delete_vectors", "delete", "set_payload", "overwrite_payload", "delete_payload",
    "clear_payload", "batch_update_points",
))  # fmt: skip


def _subject(message: str) -> tuple[str, str]:
    """Return the kind and the name of what a message is about."""
    lower = message.lower()
    places = [(lower.find(kind), kind) for kind in _KINDS if kind in lower]
    kind = min(places, key=lambda place: place[0])[1] if places else "resource"
    found = _NAMES.search(message)
    name = next(filter(None, found.groups()), "") if found else ""
    return kind.replace(" ", "_"), name


def _missing(error: ResponseError, message: str, operation: str, url: str) -> QuiverError:
    if not error.content.strip():
        return UnsupportedError(f"The operation {operation}", url, "It answers that it knows no such route.")
    kind, name = _subject(message)
    return NotFoundError(message, kind=kind, name=name)


def _taken(_: ResponseError, message: str, __: str, ___: str) -> QuiverError:
    kind, name = _subject(message)
    return AlreadyExistsError(message, kind=kind, name=name)


def _refused(error: ResponseError, message: str, operation: str, url: str) -> QuiverError:
    """Return the refusal, word by word; old servers forbid what exceeds a limit."""
    limited = _invalid(error, message, operation, url)
    is_json = error.content.lstrip().startswith(b"{")
    return limited if isinstance(limited, LimitError) else RefusedError(message, status=error.status, plain=not is_json)


def _limited(error: ResponseError, message: str, _: str, __: str) -> QuiverError:
    return RateLimitedError(message, retry_after=retry_after(error.headers))


def _unsupported(_: ResponseError, message: str, operation: str, url: str) -> QuiverError:
    return UnsupportedError(f"The operation {operation}", url, message)


_BUILDERS: Mapping[int, _Builder] = {
    HTTPStatus.UNAUTHORIZED: _refused,
    HTTPStatus.FORBIDDEN: _refused,
    HTTPStatus.NOT_FOUND: _missing,
    HTTPStatus.METHOD_NOT_ALLOWED: _unsupported,
    HTTPStatus.CONFLICT: _taken,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _refused,
    HTTPStatus.TOO_MANY_REQUESTS: _limited,
}
"""How errors are made, by status; any other status below 500 means a wrong request."""
