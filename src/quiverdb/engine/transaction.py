"""Staging of writes: what a request changes, worked out on top of a view before anything is written.

Operations apply in order, each seeing the ones before it. A touched point becomes a ``Draft``; at the end the
drafts tell which rows to add, to change in place, and to remove. A point whose vectors change gets a new offset;
a change of its payload, or the loss of a vector, leaves it where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.filter.evaluate import matches
from quiverdb.engine.payload import delete_keys, merge, overwrite
from quiverdb.engine.score.forms import Form, Stored
from quiverdb.engine.score.maxsim import Spans
from quiverdb.engine.shards import home_shard, writable_shards
from quiverdb.engine.validate import VectorSource, check_names, normal_payload, sources
from quiverdb.engine.view import View
from quiverdb.model.filter import Filter
from quiverdb.model.point import Payload, PointId, SparseVector
from quiverdb.model.write import (
    ClearPayload,
    Delete,
    DeletePayload,
    DeleteVectors,
    OverwritePayload,
    PointOperation,
    Selector,
    SetPayload,
    UpdateVectors,
    Upsert,
)

__all__ = ["Draft", "Transaction"]

Edit: TypeAlias = Callable[[Payload], Payload]


class Draft:
    """A touched point: where it was, and what is new about it."""

    __slots__ = ("deleted", "dropped", "id", "offset", "payload", "replaced", "shard", "vectors", "version")

    def __init__(self, id: PointId, offset: int | None, version: int, shard: int | None = None) -> None:
        self.id = id
        self.offset = offset
        self.version = version
        self.shard = shard
        """The number of the shard that the point goes to; None when it stays in its own."""
        self.payload: Payload | None = None
        """The new payload; None when it did not change."""
        self.vectors: dict[str, VectorSource] = {}
        self.dropped: frozenset[str] = frozenset()
        self.replaced = offset is None
        """Whether nothing of the point at ``offset`` is kept."""
        self.deleted = False

    @property
    def moved(self) -> bool:
        """Whether the point needs a new offset."""
        return self.replaced or bool(self.vectors)


class _Evaluated(msgspec.Struct):
    """What the evaluator asks of a point."""

    id: PointId
    payload: Payload
    vectors: frozenset[str]


class Transaction:
    """Collect the changes of one request.

    ``select`` answers filters from the indexes of the view. ``missing`` is the first id that an operation named
    and that does not exist, for operations that require it to.
    """

    def __init__(self, view: View, select: Callable[[Filter], BitMap]) -> None:
        self.view = view
        self.sequence = view.sequence
        self.drafts: dict[PointId, Draft] = {}
        self.missing: PointId | None = None
        self._select = select
        self._shards: frozenset[int] | None = None
        """The shards that the present operation sees; None for all points."""

    def apply(self, operation: PointOperation) -> int:
        """Stage one operation and return its id."""
        prepared = self._prepare(operation)
        self._shards = writable_shards(self.view.schema, operation.shard_keys)
        self.sequence += 1
        prepared()
        return self.sequence

    def drop(self, shard: int) -> None:
        """Stage that all points of a shard are removed."""
        self.sequence += 1
        for offset in self.view.in_shards((shard,)):
            self._touch(Draft(self.view.ids[offset], offset, self.sequence)).deleted = True

    def _prepare(self, operation: PointOperation) -> Callable[[], None]:
        match operation:
            case Upsert():
                return partial(self._upsert, operation, sources(self.view.schema, operation.points))
            case UpdateVectors():
                return partial(self._update_vectors, operation, sources(self.view.schema, operation.points))
            case DeleteVectors(selector, names):
                check_names(self.view.schema, names)
                return partial(self._delete_vectors, selector, names)
            case Delete(selector):
                return partial(self._delete, selector)
            case SetPayload(selector, payload, key):
                update = normal_payload(payload)
                merge({}, update, key)  # a bad key path must fail before anything is staged
                return partial(self._edit, selector, lambda old: merge(old, update, key))
            case OverwritePayload(selector, payload):
                whole = normal_payload(payload)
                return partial(self._edit, selector, lambda _: overwrite(whole), reads=False)
            case DeletePayload(selector, keys):
                delete_keys({}, keys)
                return partial(self._edit, selector, lambda old: delete_keys(old, keys))
            case ClearPayload(selector):
                return partial(self._edit, selector, lambda _: {}, reads=False)

    def _upsert(self, operation: Upsert, columns: Mapping[str, list[VectorSource | None]]) -> None:
        points, mode = operation.points, operation.mode
        home = home_shard(self._shards)
        last = {id: position for position, id in enumerate(points.ids)}
        for id, position in last.items():
            known = self._known(id)
            if known is None if mode == "update_only" else known is not None and mode == "insert_only":
                continue
            if known is not None and operation.filter is not None and not self._matches(operation.filter, known):
                continue
            payload = points.payloads[position] if points.payloads else None
            draft = Draft(id, self.view.offset(id), self.sequence, home)
            draft.replaced = True
            draft.payload = normal_payload(payload) if payload else {}
            for name, column in columns.items():
                if (source := column[position]) is not None:
                    draft.vectors[name] = source
            self.drafts[id] = draft

    def _update_vectors(self, operation: UpdateVectors, columns: Mapping[str, list[VectorSource | None]]) -> None:
        ids = operation.points.ids
        found = {id: known for id in ids if (known := self._known(id)) is not None}
        for id in ids:
            if id not in found:
                self._miss(id)
        if operation.filter is not None:
            found = {id: known for id, known in found.items() if self._matches(operation.filter, known)}
        for position, id in enumerate(ids):
            if id in found:
                draft = self._touch(found[id])
                for name, column in columns.items():
                    if (source := column[position]) is not None:
                        draft.vectors[name] = source
                        draft.dropped -= {name}

    def _delete_vectors(self, selector: Selector, names: tuple[str, ...]) -> None:
        for known in self._selected(selector):
            draft = self._touch(known)
            for name in names:
                draft.vectors.pop(name, None)
                draft.dropped |= {name}

    def _delete(self, selector: Selector) -> None:
        for known in self._selected(selector, required=False):
            self._touch(known).deleted = True

    def _edit(self, selector: Selector, edit: Edit, *, reads: bool = True) -> None:
        for known in self._selected(selector):
            draft = self._touch(known)
            draft.payload = edit(self._payload(draft) if reads else {})

    def _selected(self, selector: Selector, *, required: bool = True) -> Iterator[Draft]:
        if isinstance(selector, Filter):
            yield from self._filtered(selector)
            return
        for id in selector:
            known = self._known(id)
            if known is not None:
                yield known
            elif required:
                self._miss(id)

    def _filtered(self, filter: Filter) -> list[Draft]:
        touched = [draft for draft in self.drafts.values() if self._seen(draft) and self._matches(filter, draft)]
        found = self._select(filter) - BitMap(
            draft.offset for draft in self.drafts.values() if draft.offset is not None
        )
        if self._shards is not None:
            found &= self.view.in_shards(self._shards)
        return touched + [Draft(self.view.ids[offset], offset, self.sequence) for offset in found]

    def _known(self, id: PointId) -> Draft | None:
        """Return the point as of now: its draft, or a fresh one that is not staged yet; None if it is not seen."""
        draft = self.drafts.get(id)
        if draft is None:
            offset = self.view.offset(id)
            draft = None if offset is None else Draft(id, offset, self.sequence)
        return draft if draft is not None and self._seen(draft) else None

    def _seen(self, draft: Draft) -> bool:
        """Tell whether the present operation sees a point: it exists and is in one of the shards asked for."""
        return not draft.deleted and (self._shards is None or self.shard(draft) in self._shards)

    def _touch(self, draft: Draft) -> Draft:
        draft.version = self.sequence
        return self.drafts.setdefault(draft.id, draft)

    def _miss(self, id: PointId) -> None:
        if self.missing is None:
            self.missing = id

    def _payload(self, draft: Draft) -> Payload:
        if draft.payload is not None:
            return draft.payload
        return {} if draft.offset is None else self.view.payload(draft.offset)

    def _matches(self, filter: Filter, draft: Draft) -> bool:
        names = set(draft.vectors)
        if not draft.replaced and draft.offset is not None:
            names |= {name for name in self.view.schema.slots if draft.offset in self.view.with_vector(name)}
        point = _Evaluated(draft.id, self._payload(draft), frozenset(names - draft.dropped))
        return matches(filter, point, self.view.schema.fields)

    def dense_rows(self, name: str, moved: list[Draft], form: Form) -> list[Stored]:
        """Gather the stored form of one dense vector for the moved points, in parts that follow each other."""
        found = [draft.vectors.get(name) for draft in moved]
        whole = _leading_rows(found)
        if len(whole) == len(moved):
            return [whole]
        rows = np.zeros((len(moved) - len(whole), *form.shape), form.dtype)
        for place, (draft, source) in enumerate(zip(moved[len(whole) :], found[len(whole) :], strict=True)):
            if isinstance(source, tuple):
                rows[place] = source[0][source[1]]
            elif not draft.replaced and name not in draft.dropped and draft.offset is not None:
                rows[place] = self.view.stored(name)[draft.offset]
        return [whole, rows] if len(whole) else [rows]

    def inner_rows(self, name: str, moved: list[Draft], position: int) -> tuple[Spans, list[Stored]]:
        """Return the spans of the moved points, and the new rows, which will be appended from ``position`` on."""
        spans, new = np.zeros((len(moved), 2), np.int64), list[Stored]()
        for number, draft in enumerate(moved):
            source = draft.vectors.get(name)
            if isinstance(source, np.ndarray):
                spans[number] = position, len(source)
                position += len(source)
                new.append(source)
            elif not draft.replaced and name not in draft.dropped and draft.offset is not None:
                spans[number] = self.view.spans(name)[draft.offset]
        return spans, new

    def held(self, draft: Draft) -> int:
        """Return the bits of the vector slots that a draft has in the end."""
        slots = self.view.schema.slots
        bits = 0
        if not draft.replaced and draft.offset is not None:
            bits = int(self.view.rows["vectors"][draft.offset])
        for name in draft.vectors:
            bits |= 1 << slots[name]
        for name in draft.dropped:
            bits &= ~(1 << slots[name])
        return bits

    def shard(self, draft: Draft) -> int:
        """Return the number of the shard that a draft is in, in the end."""
        if draft.shard is not None:
            return draft.shard
        return 0 if draft.offset is None else self.view.shard(draft.offset)

    def sparse(self, draft: Draft) -> dict[int, SparseVector]:
        """Return the sparse vectors that a draft has in the end, by slot."""
        slots = self.view.schema.slots
        kept = {}
        if not draft.replaced and draft.offset is not None:
            bits = int(self.view.rows["vectors"][draft.offset])  # records may hold former vectors of a slot, too
            kept = {slot: vector for slot, vector in self.view.sparse(draft.offset).items() if bits >> slot & 1}
        for name, source in draft.vectors.items():
            if isinstance(source, SparseVector):
                kept[slots[name]] = source
        for name in draft.dropped:
            kept.pop(slots[name], None)
        return kept


def _leading_rows(found: list[VectorSource | None]) -> npt.NDArray[Any]:
    """Return the first rows without copying, as far as they follow each other in one array."""
    first = found[0] if found else None
    if not isinstance(first, tuple):
        return np.empty(0)
    (array, start), count = first, 0
    for source in found:
        if not isinstance(source, tuple) or source[0] is not array or source[1] != start + count:
            break
        count += 1
    return array[start : start + count]
