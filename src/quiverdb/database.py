"""The protocol between the dialects and whatever stores the data: the embedded engine or a remote cluster."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

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
from quiverdb.model.snapshot import Snapshot
from quiverdb.model.work import WorkReport
from quiverdb.model.write import WriteOperation

__all__ = ["AliasChange", "Database", "OnePerDatabase", "ScrollRequest", "pages"]

T = TypeVar("T")


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

    def spec(self, name: str) -> CollectionSpec:
        """Return the settings of a collection; what ``info`` counts besides takes its time."""

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

    def work(self, name: str) -> WorkReport:
        """Report the background work on a collection: under way, waiting, and done."""

    def peer(self) -> int:
        """Return the number that this database goes by among the nodes of a cluster; it stays the same."""

    def create_snapshot(
        self, collection: str | None = None, *, shard: int | None = None, wait: bool = True
    ) -> Snapshot | None:
        """Write a snapshot of a collection, of one shard of it, or of everything.

        It holds what was committed when the call began; writes go on meanwhile. Without ``wait`` it is written in
        the background and None returned.
        """

    def snapshots(self, collection: str | None = None, *, shard: int | None = None) -> list[Snapshot]:
        """List the snapshots of a collection, of a shard, or of everything."""

    def delete_snapshot(self, collection: str | None, name: str, *, shard: int | None = None) -> None:
        """Delete a snapshot."""

    def recover_snapshot(
        self,
        collection: str | None,
        location: str | os.PathLike[str],
        *,
        shard: int | None = None,
        checksum: str | None = None,
        wait: bool = True,
    ) -> None:
        """Make a collection what a snapshot holds, or everything (``collection=None``) what a full one holds.

        A collection that does not exist is created; what there was before is replaced at once or, if anything is
        wrong with the snapshot, left as it is. The location is the name of a snapshot of this database, a path, or a
        ``file://`` URL; ``checksum`` is the SHA-256 that the file must have. Without ``wait`` it is done in the
        background.
        """

    def close(self) -> None:
        """Finish background work and release files and locks; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def pages(database: Database, name: str, request: ScrollRequest) -> Iterator[list[Record]]:
    """Return the points that a request asks for and all that follow, a page at a time, by id."""
    while True:
        page = database.scroll(name, request)
        if page.records:
            yield page.records
        if page.next is None:
            return
        request = msgspec.structs.replace(request, offset=page.next)


class OnePerDatabase(Generic[T]):
    """Give all who use a database in this process the same object, as long as one of them keeps it.

    The object must hold the database, so that the place of one that is gone is never taken for it.
    """

    def __init__(self, make: Callable[[Database], T]) -> None:
        self._make = make
        self._made: weakref.WeakValueDictionary[int, T] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def of(self, database: Database) -> T:
        """Return the object of a database, made if there is none."""
        with self._lock:
            found = self._made.get(id(database))
            if found is None:
                found = self._made[id(database)] = self._make(database)
            return found
