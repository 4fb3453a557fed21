"""One collection: its writer, its readers, and the switch from one view to the next.

Writes take turns. A write is staged on the present view, appended to the files, committed to the rows, and only
then installed: indexes and view change together under ``_state``. Readers take a view and go on without locks;
what they ask of the indexes must still belong to their view, or they start again on a newer one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import TypeVar
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec
import numpy as np
from pyroaring import BitMap

from quiverdb.database import ScrollRequest
from quiverdb.engine.batch import answer
from quiverdb.engine.executor import Executor
from quiverdb.engine.filter.compile import compile_filter
from quiverdb.engine.grouping import group_hits
from quiverdb.engine.index.frequencies import TermFrequencies
from quiverdb.engine.index.sparse import SparseIndex
from quiverdb.engine.matrix import compare
from quiverdb.engine.order import IdOrder, in_value_order
from quiverdb.engine.schema import change_schema, indexed, patched
from quiverdb.engine.score.distance import Offsets
from quiverdb.engine.segment import Change, Segment
from quiverdb.engine.shards import readable_shards, with_shard, without_shard
from quiverdb.engine.source import StaleViewError
from quiverdb.engine.storage.rows import Commit, RowStore, Schema
from quiverdb.engine.strict import strict_of
from quiverdb.engine.transaction import Transaction
from quiverdb.engine.validate import unknown_vector
from quiverdb.engine.view import Domain, View
from quiverdb.errors import ClosedError, InvalidInputError, NotFoundError, StorageError
from quiverdb.model.collection import (
    CollectionInfo,
    CollectionPatch,
    FieldIndexInfo,
    Status,
)
from quiverdb.model.filter import Filter
from quiverdb.model.point import FloatArray, PointId, VectorValue
from quiverdb.model.query import (
    FacetQuery,
    GroupQuery,
    Lookup,
    MatrixQuery,
    OrderBy,
    PayloadSelector,
    Query,
    Text,
    VectorSelector,
)
from quiverdb.model.result import FacetHit, Group, Hit, Matrix, Page, Record, WriteResult
from quiverdb.model.shard import ShardKey, ShardSelector
from quiverdb.model.write import (
    CreateFieldIndex,
    CreateVector,
    DeleteFieldIndex,
    DeleteVector,
    PointOperation,
    SchemaOperation,
    WriteOperation,
)

__all__ = ["Collection"]

_T = TypeVar("_T")
_ATTEMPTS = 4
_CACHED_FILTERS = 64
_SCHEMA_OPERATIONS = (CreateFieldIndex, DeleteFieldIndex, CreateVector, DeleteVector)
_encode = msgspec.msgpack.Encoder().encode


class Collection:
    """Hold one collection, on disk in ``folder`` or in memory.

    ``find`` returns another collection of the database by name, for lookups; ``notify`` wakes the optimizer.
    """

    def __init__(
        self,
        name: str,
        segment: Segment,
        store: RowStore | None,
        *,
        find: Callable[[str], Collection],
        notify: Callable[[], None],
    ) -> None:
        self.name = name
        self.error: str | None = None
        """What stopped the background work, if anything did."""
        self.last_write = time.monotonic()
        self.resting_until: dict[str, float] = {}
        """When the graph of a vector may be extended for a few points only."""
        self.flushed = True
        """Whether all commits are known to be on the disk."""
        self.segment = segment
        self.store = store
        self.writer = threading.RLock()
        """Held by whoever changes the segment: writers, and the optimizer when it publishes.

        A reader whose view went stale again and again holds it too, so that nothing changes under it.
        """
        self._state = threading.RLock()
        """Held to install a change or to ask the indexes, and never while asking another collection."""
        self._view = segment.view()
        self._strict = strict_of(segment.schema.spec)
        self._find = find
        self._notify = notify
        self._selected: dict[bytes, tuple[tuple[int, int], dict[str | None, Domain]]] = {}
        self._order = IdOrder()
        self._closed = False
        self._half_installed = False

    @property
    def view(self) -> View:
        """The present view."""
        self._require_open()
        return self._view

    @property
    def closed(self) -> bool:
        """Whether the collection was deleted, or its database closed."""
        return self._closed

    @property
    def segment_id(self) -> UUID:
        """What names the segment of this epoch, here and after the database was opened again."""
        return uuid5(NAMESPACE_OID, f"{self.name}/{self.segment.schema.created_at}/{self.segment.epoch}")

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError(f"collection {self.name!r} was deleted, or its database closed")
        if self._half_installed:
            raise StorageError(
                f"a write to {self.name!r} is on the disk but not in memory: close the database and open it again",
                path=self.name,
            )

    # Writing

    def write(self, operations: Sequence[WriteOperation], *, wait: bool) -> list[WriteResult]:
        """Apply operations in order, all or none; points that an operation named in vain are reported at the end."""
        points: list[PointOperation] = []
        for operation in operations:
            if not isinstance(operation, _SCHEMA_OPERATIONS):
                points.append(operation)
            elif len(operations) > 1:
                raise InvalidInputError("a change of the schema must be the only operation of its request")
            else:
                return [self._change_schema(operation, sync=wait)]
        with self.writer:
            if self._strict is not None:
                self._strict.write(self.view, points, self._found)
            transaction = Transaction(self.view, self._matching)
            sequences = [transaction.apply(operation) for operation in points]
            self._apply(transaction, sync=wait)
        self._notify()
        if transaction.missing is not None:
            raise NotFoundError(
                f"No point with id {transaction.missing} found", kind="point", name=str(transaction.missing)
            )
        return [WriteResult(sequence, "completed" if wait else "acknowledged") for sequence in sequences]

    def _apply(self, transaction: Transaction, *, sync: bool, schema: Schema | None = None) -> None:
        """Commit what a transaction changes, and with it the settings if they change, and show it to readers."""
        change = self.segment.all_or_nothing(lambda: self._store(transaction, schema, sync=sync))
        with self._state:
            try:
                self.segment.install(change)
                if schema is not None:
                    self.segment.adopt_schema(schema)
            except BaseException:
                self._half_installed = True
                raise
            self._view = self.segment.view()
        self.last_write = time.monotonic()

    def create_shard_key(self, key: ShardKey) -> None:
        """Add a shard."""
        with self.writer:
            self._replace_schema(with_shard(self.view.schema, key))

    def delete_shard_key(self, key: ShardKey) -> None:
        """Drop a shard and its points, both or neither."""
        with self.writer:
            view = self.view
            schema = without_shard(view.schema, key)
            transaction = Transaction(view, self._matching)
            transaction.drop(view.schema.shards[key])
            self._apply(transaction, sync=True, schema=schema)
        self._notify()

    def _change_schema(self, operation: SchemaOperation, *, sync: bool) -> WriteResult:
        with self.writer:
            segment, view = self.segment, self.view
            if self._strict is not None:
                self._strict.write(view, (operation,), self._found)
            schema = change_schema(view.schema, operation)
            sequence = view.sequence + 1
            added = {}
            commit = Commit(msgspec.structs.replace(segment.state(), sequence=sequence), schema=schema)
            if isinstance(operation, CreateVector):
                added = segment.prepare_vector(operation.name, schema)
                commit.state.files.update({name: file.state for name, file in added.items()})
                commit.offsets, commit.rows = segment.without_slot(schema.slots[operation.name])
                commit.ids = [segment.ids[offset] for offset in commit.offsets.tolist()]
            self._commit(commit, sync=sync)
            with self._state:
                segment.replace_rows(commit.offsets, commit.rows)
                segment.sequence = sequence
                segment.adapt(operation, schema, added)
                self._view = segment.view()
                self._selected.clear()
        self._notify()
        return WriteResult(sequence, "completed" if sync else "acknowledged")

    def update(self, patch: CollectionPatch) -> None:
        """Change settings."""
        with self.writer:
            self._replace_schema(patched(self.view.schema, patch))
        self._notify()

    def _replace_schema(self, schema: Schema) -> None:
        """Commit settings that need no change of the points, and show them to readers."""
        self._commit(Commit(self.segment.state(), schema=schema), sync=True)
        with self._state:
            self.segment.adopt_schema(schema)
            self._view = self.segment.view()
            self._strict = strict_of(schema.spec, self._strict)

    def _store(self, transaction: Transaction, schema: Schema | None, *, sync: bool) -> Change:
        change = self.segment.stage(transaction)
        commit = Commit(
            self.segment.state(change),
            offsets=np.concatenate([np.array(change.changed, np.int64), change.first + np.arange(len(change.ids))]),
            ids=change.changed_ids + change.ids,
            rows=np.concatenate([change.changed_rows, change.rows]),
            removed=change.removed,
            schema=schema,
        )
        self._commit(commit, sync=sync)
        return change

    def _commit(self, commit: Commit, *, sync: bool) -> None:
        if self.store is not None:
            self.store.commit(commit, sync=sync)
            self.flushed = False

    def _matching(self, filter: Filter) -> BitMap:
        return self.domain(self._view, None, filter).offsets

    def _found(self, filter: Filter) -> int:
        return len(self._matching(filter))

    # What the executor asks: see ``Source``

    @contextmanager
    def _indexes_of(self, view: View) -> Iterator[Segment]:
        """Hold the indexes still, which belong to ``_view``; ``view`` must be that one, or the part of some shards."""
        with self._state:
            if self._view.stamp != view.stamp:
                raise StaleViewError
            yield self.segment

    def domain(self, view: View, name: str | None, filter: Filter) -> Domain:
        try:
            key = _encode(filter if view.shards is None else (filter, view.shards))
        except OverflowError as error:
            raise InvalidInputError("integers in a filter must fit into 64 bits", field="filter") from error
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                "a filter holds half a character, which UTF-8 does not have", field="filter"
            ) from error
        found = self._selected.get(key)
        if found is None or found[0] != view.stamp:
            with self._indexes_of(view) as segment:
                allowed = compile_filter(filter, self._view, segment.fields)
                everywhere = Domain(allowed if view.shards is None else allowed & view.live)
                found = view.stamp, {None: everywhere}
                if len(self._selected) >= _CACHED_FILTERS:
                    del self._selected[next(iter(self._selected))]
                self._selected[key] = found
        domains = found[1]
        domain = domains.get(name)
        if domain is None and name is not None:
            domain = domains[name] = Domain(domains[None].offsets & view.with_vector(name))
        return domain or domains[None]

    def sparse_index(self, view: View, name: str) -> SparseIndex:
        with self._indexes_of(view) as segment:
            index = segment.sparse[name]
            if not index.built:
                index.extend(*self._view.sparse_column(name))
                index.built = True
            return index

    def scored(self, view: View, key: str, text: Text, allowed: Domain, k: int) -> tuple[Offsets, FloatArray]:
        with self._indexes_of(view) as segment:
            index = segment.fields.words(key, self._view)
            frequencies = index.frequencies or TermFrequencies()
            tokens = index.scoring_tokens(text.text)
            offsets, scores = frequencies.search(tokens, allowed, view.everything, k, k1=text.k, b=text.b)
        return offsets.astype(np.int64), scores

    def vector(self, view: View, lookup: Lookup, name: str, id: PointId) -> VectorValue | None:
        if lookup.collection:
            return self._find(lookup.collection).stored_vector(name, id, lookup.shard_keys)
        with self._indexes_of(view):
            return _vector(self._view, name, id)

    def stored_vector(self, name: str, id: PointId, shard_keys: ShardSelector | None) -> VectorValue | None:
        """Return one vector of a point, None if it has none of this name."""
        with self._state:
            return _vector(self._part(shard_keys), name, id)

    def ordered(self, view: View, allowed: BitMap, order: OrderBy, k: int | None) -> tuple[Offsets, list[int | float]]:
        with self._indexes_of(view) as segment:
            values, offsets = segment.fields.range_values(order.key, self._view)
        return in_value_order(view, values, offsets, allowed, order, k)

    def by_id(self, view: View, allowed: BitMap, start: PointId | None, k: int) -> Offsets:
        with self._indexes_of(view):
            return self._order.page(view, allowed, start, k)

    # Reading

    def _read(self, read: Callable[[Executor], _T], shard_keys: ShardSelector | None) -> _T:
        for _ in range(_ATTEMPTS):
            try:
                return read(self._executor(shard_keys))
            except StaleViewError:
                continue
        with self.writer:  # not ``_state``, which collections that look up vectors in each other would wait for
            return read(self._executor(shard_keys))

    def _executor(self, shard_keys: ShardSelector | None) -> Executor:
        return Executor(self, self._part(shard_keys))

    def _part(self, shard_keys: ShardSelector | None) -> View:
        """Return the present view, of the shards asked for."""
        view = self.view
        return view if shard_keys is None else view.part(readable_shards(view.schema, shard_keys))

    def query(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """Answer each query; those that go to the same shards on the same state."""
        if self._strict is not None:
            self._strict.query(self.view.schema, queries)
        parts = [list(part) for _, part in groupby(queries, lambda query: query.shard_keys)]
        return [hits for part in parts for hits in self._hits(part)]

    def _hits(self, queries: Sequence[Query]) -> list[list[Hit]]:
        return self._read(lambda executor: answer(executor, queries), queries[0].shard_keys)

    def query_groups(self, query: GroupQuery) -> list[Group]:
        """Answer a query in groups."""
        if self._strict is not None:
            self._strict.query_groups(self.view.schema, query)
        lookup = self._find(query.lookup_collection) if query.lookup_collection else None
        groups = self._read(lambda executor: group_hits(executor, query), query.query.shard_keys)
        if lookup is None:
            return groups
        ids = {group.id: _as_point_id(group.id) for group in groups}
        records = lookup.retrieve(list(ids.values()), query.lookup_with_payload, query.lookup_with_vectors)
        found = {record.id: record for record in records}
        return [msgspec.structs.replace(group, lookup=found.get(ids[group.id])) for group in groups]

    def matrix(self, query: MatrixQuery) -> Matrix:
        """Compare a random sample of points with each other."""
        if self._strict is not None:
            self._strict.matrix(self.view.schema, query)
        return self._read(lambda executor: compare(executor, query), query.shard_keys)

    def scroll(self, request: ScrollRequest) -> Page:
        """Return a page of points."""
        if self._strict is not None:
            self._strict.scroll(self.view.schema, request)
        limit, shown = request.limit, (request.with_payload, request.with_vectors)

        def read(executor: Executor) -> Page:
            view = executor.view
            allowed = executor.allowed(request.filter).offsets
            if request.order_by is not None:
                found, values = self.ordered(view, allowed, request.order_by, limit)
                return Page(executor.records(found.tolist(), *shown, values), None)
            offsets = self.by_id(view, allowed, request.offset, limit + 1).tolist()
            following = view.ids[offsets[limit]] if len(offsets) > limit else None
            return Page(executor.records(offsets[:limit], *shown), following)

        return self._read(read, request.shard_keys)

    def retrieve(
        self,
        ids: Sequence[PointId],
        with_payload: PayloadSelector,
        with_vectors: VectorSelector,
        shard_keys: ShardSelector | None = None,
    ) -> list[Record]:
        """Return the points that exist, each once, in the order asked."""
        if self._strict is not None:
            self._strict.retrieve(len(ids))
        with self._state:
            view = self._part(shard_keys)
            found = [view.offset(id) for id in dict.fromkeys(ids)]
        offsets = [offset for offset in found if offset is not None]
        return Executor(self, view).records(offsets, with_payload, with_vectors)

    def count(self, filter: Filter | None, shard_keys: ShardSelector | None, *, exact: bool) -> int:
        """Count points."""
        if self._strict is not None:
            self._strict.count(self.view.schema, filter, exact=exact)
        return self._read(lambda executor: executor.allowed(filter).size, shard_keys)

    def facet(self, query: FacetQuery) -> list[FacetHit]:
        """Count points by payload value."""
        if self._strict is not None:
            self._strict.facet(self.view.schema, query)

        def read(executor: Executor) -> list[FacetHit]:
            view = executor.view
            allowed = executor.allowed(query.filter).offsets
            with self._indexes_of(view) as segment:
                counts = segment.fields.facet(query.key, self._view, allowed)
            return [FacetHit(value, count) for value, count in counts[: query.limit]]

        return self._read(read, query.shard_keys)

    def check_timeout(self, seconds: float) -> None:
        """Refuse a deadline that the limits do not allow."""
        if self._strict is not None:
            self._strict.timeout(seconds)

    def info(self, *, working: bool) -> CollectionInfo:
        """Report the state; ``working`` tells whether background work is due or under way."""
        with self._state:
            view = self.view
            if view.field_points is None:
                view.field_points = {key: self.segment.fields.points(key, view) for key in view.schema.fields}
        schema = {key: FieldIndexInfo(index, view.field_points[key]) for key, index in view.schema.fields.items()}
        status = Status.RED if self.error else Status.YELLOW if working else Status.GREEN
        return CollectionInfo(
            status=status,
            points_count=len(view.live),
            indexed_vectors_count=sum(indexed(view, name) for name in view.graphs),
            segments_count=1,
            spec=view.schema.spec,
            payload_schema=schema,
            created_at=view.schema.created_at,
            error=self.error,
        )

    # For the optimizer, which holds ``writer``

    def publish(self, commit: Commit, install: Callable[[], None]) -> None:
        """Commit what background work has made and show it to readers."""
        self._require_open()
        self._commit(commit, sync=True)
        with self._state:
            install()
            self._view = self.segment.view()

    def swap(self, commit: Commit, segment: Segment) -> None:
        """Commit a compacted segment and put it in the place of the present one."""
        self._require_open()
        self._commit(commit, sync=True)
        with self._state:
            self.segment = segment
            self._view = segment.view()
            self._order = IdOrder()
            self._selected.clear()

    def flush(self) -> None:
        """Bring all commits to the disk, also those that nobody waited for."""
        with self.writer:
            self._require_open()
            if self.store is not None:
                self.store.flush()
            self.flushed = True

    def close(self) -> None:
        """Release the files; queries under way finish on their memory maps."""
        with self.writer, self._state:
            if self._closed:
                return
            self._closed = True
            try:
                if self.store is not None:
                    self.store.close()
                with suppress(OSError):  # they are built again when they are missing
                    self.segment.save_fields()
            finally:
                self.segment.close()


def _vector(view: View, name: str, id: PointId) -> VectorValue | None:
    if name not in view.schema.slots:
        raise unknown_vector(view.schema, name)
    offset = view.offset(id)
    if offset is None:
        raise NotFoundError(f"No point with id {id} found", kind="point", name=str(id))
    return view.vector(name, offset)


def _as_point_id(value: int | str) -> PointId:
    """Bring a UUID into the spelling that ids have; other values name no point or are ids already."""
    try:
        return str(UUID(value)) if isinstance(value, str) else value
    except ValueError:
        return value
