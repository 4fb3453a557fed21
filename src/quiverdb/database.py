"""The protocol between the dialects and whatever stores the data: the embedded engine or a remote cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from quiverdb.model.collection import CollectionInfo, CollectionPatch, CollectionSpec
from quiverdb.model.filter import Filter
from quiverdb.model.point import PointId
from quiverdb.model.query import (
    FacetQuery,
    GroupQuery,
    MatrixQuery,
    OrderBy,
    PayloadSelector,
    Query,
    VectorSelector,
)
from quiverdb.model.result import FacetHit, Group, Hit, Matrix, Page, Record, WriteResult
from quiverdb.model.shard import ShardKey, ShardSelector
from quiverdb.model.write import WriteOperation

__all__ = ["AliasChange", "Database", "ScrollRequest"]


class AliasChange(msgspec.Struct, frozen=True):
    """Point ``alias`` to ``collection``, or remove it (``collection=None``).

    ``rename`` takes over the collection of another alias and removes that one.
    """

    alias: str
    collection: str | None = None
    rename: str | None = None


class ScrollRequest(msgspec.Struct, frozen=True):
    """Ask for a page of points: by id from ``offset`` on, or ordered by a payload value."""

    filter: Filter | None = None
    limit: int = 10
    offset: PointId | None = None
    order_by: OrderBy | None = None
    with_payload: PayloadSelector = True
    with_vectors: VectorSelector = False
    shard_keys: ShardSelector | None = None


class Database(Protocol):
    """Store collections of points and answer queries over them.

    Methods are synchronous and may be called from any thread. Where a collection is named, an alias serves too.
    A method raises ``NotFoundError`` for an unknown collection, ``InvalidInputError`` for a wrong request,
    ``UnsupportedError`` for a feature that this database lacks, and ``ClosedError`` after ``close``; where the
    collection sets limits, ``LimitError`` for a request that exceeds them and ``RateLimitedError`` for one too many.
    """

    def create_collection(self, name: str, spec: CollectionSpec) -> None:
        """Create an empty collection; ``AlreadyExistsError`` if the name is taken."""

    def update_collection(self, name: str, patch: CollectionPatch) -> None:
        """Change settings of a collection."""

    def delete_collection(self, name: str) -> bool:
        """Delete a collection, its data and its aliases; tell whether it existed."""

    def collection_names(self) -> list[str]:
        """List the collections, sorted."""

    def has_collection(self, name: str) -> bool:
        """Tell whether a collection or alias has this name."""

    def info(self, name: str) -> CollectionInfo:
        """Report the state of a collection."""

    def create_shard_key(self, name: str, key: ShardKey) -> None:
        """Add a shard to a collection with custom sharding; points are stored under its key from then on."""

    def delete_shard_key(self, name: str, key: ShardKey) -> None:
        """Drop a shard and its points."""

    def shard_keys(self, name: str) -> list[ShardKey]:
        """List the shard keys of a collection, in order of their creation."""

    def update_aliases(self, changes: Sequence[AliasChange]) -> None:
        """Apply all changes, in order, or none."""

    def aliases(self) -> Mapping[str, str]:
        """Map every alias to its collection."""

    def write(self, name: str, operations: Sequence[WriteOperation], *, wait: bool = True) -> list[WriteResult]:
        """Apply the operations in order, all or none; with ``wait``, synced to the disk on return."""

    def query(self, name: str, queries: Sequence[Query]) -> list[list[Hit]]:
        """Answer each query."""

    def query_groups(self, name: str, query: GroupQuery) -> list[Group]:
        """Answer a query with its hits grouped by a payload value."""

    def matrix(self, name: str, query: MatrixQuery) -> Matrix:
        """Compare a random sample of points with each other."""

    def scroll(self, name: str, request: ScrollRequest) -> Page:
        """Return a page of points."""

    def retrieve(
        self,
        name: str,
        ids: Sequence[PointId],
        with_payload: PayloadSelector = True,
        with_vectors: VectorSelector = False,
        *,
        shard_keys: ShardSelector | None = None,
    ) -> list[Record]:
        """Return the points with these ids that exist, in the order asked."""

    def count(
        self,
        name: str,
        filter: Filter | None = None,
        *,
        exact: bool = True,
        shard_keys: ShardSelector | None = None,
    ) -> int:
        """Count the points that a filter lets through."""

    def facet(self, name: str, query: FacetQuery) -> list[FacetHit]:
        """Count points by the values of a payload key, most frequent first."""

    def check_timeout(self, name: str, seconds: float) -> None:
        """Raise ``LimitError`` if a collection allows no request to take so long."""

    def close(self) -> None:
        """Finish background work and release files and locks; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
