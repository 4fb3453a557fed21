"""What a reader sees: the points of a collection as of one committed operation.

A view never changes. Bytes and rows past its ``count`` may exist already and are not part of it; rows that a
later write changes in place are copied first. Readers therefore take no lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.index.bitmaps import Mask, members
from quiverdb.engine.index.hnsw import Graph, Selector
from quiverdb.engine.score.distance import Offsets
from quiverdb.engine.score.forms import Form, Rows, Stored, row_bytes
from quiverdb.engine.score.maxsim import Spans
from quiverdb.engine.settings import placement
from quiverdb.engine.storage.files import AppendFile
from quiverdb.engine.storage.rows import Schema
from quiverdb.model.point import FloatArray, Payload, PointId, SparseVector, VectorValue
from quiverdb.model.shard import ShardKey

__all__ = ["SPAN_BYTES", "Domain", "SparseColumn", "View", "decode_sparse", "encode_sparse", "to_array"]

SPAN_BYTES = 16
_BATCH = 4096
_READ_SINGLY = 512
"""Up to so many rows of a cold vector are read one by one; more are cheaper to take from the map."""
_decode = msgspec.msgpack.Decoder().decode
_decode_extra = msgspec.msgpack.Decoder(dict[int, bytes]).decode


class Domain:
    """A set of offsets that a vector search may return, in the forms that the searches need."""

    def __init__(self, offsets: BitMap) -> None:
        self.offsets = offsets
        self.size = len(offsets)
        self._array: Offsets | None = None
        self._selector: tuple[int, Selector | None] | None = None
        self._mask: Mask | None = None

    @property
    def array(self) -> Offsets:
        """The offsets in ascending order."""
        if self._array is None:
            self._array = to_array(self.offsets)
        return self._array

    def selector(self, covers: int) -> Selector | None:
        """Return what restricts a graph over ``covers`` offsets to this set; None when it holds all of them."""
        found = self._selector  # read once: searches on another graph may replace it at any time
        if found is None or found[0] != covers:
            whole = self.offsets.range_cardinality(0, covers) == covers
            found = self._selector = covers, None if whole else Selector(_bits(self.offsets, covers))
        return found[1]

    def mask(self, size: int) -> Mask:
        """Return marks for the first ``size`` offsets, at least."""
        found = self._mask
        if found is None or len(found) < size:
            found = self._mask = _mask(self.offsets, size)
        return found

    def tail(self, start: int) -> Offsets:
        """Return the offsets from ``start`` on."""
        if self.size == 0 or self.offsets.max() < start:
            return np.empty(0, np.int64)
        return to_array(self.offsets & BitMap(range(start, self.offsets.max() + 1)))


class SparseColumn(NamedTuple):
    """Hold the sparse vectors at some offsets end to end: how many entries each has, and all entries."""

    offsets: npt.NDArray[np.uint32]
    sizes: npt.NDArray[np.int64]
    indices: npt.NDArray[np.uint32]
    values: FloatArray


class View:
    """Show the points of a collection at one moment; fills the ``Rows`` protocol."""

    def __init__(
        self,
        *,
        schema: Schema,
        stamp: tuple[int, int],
        live: BitMap,
        ids: list[PointId],
        by_id: Mapping[PointId, int],
        rows: npt.NDArray[Any],
        count: int,
        records: AppendFile,
        vectors: Mapping[str, AppendFile],
        spans: Mapping[str, AppendFile],
        having: Mapping[str, BitMap],
        shards: Mapping[int, BitMap],
        graphs: Mapping[str, Graph],
        forms: Mapping[str, Form],
    ) -> None:
        self.schema = schema
        self.everything = Domain(live)
        """All points."""
        self.stamp = stamp
        """Epoch and last operation; the indexes answer for a view of their own stamp only."""
        self.live = live
        self.ids = ids
        self.by_id = by_id
        self.rows = rows
        self.count = count
        self.records = records
        self.graphs = graphs
        self.vectors = vectors
        self._spans = spans
        self._having = having
        self.forms = forms
        self._shards = shards
        self._parts: dict[tuple[int, ...], View] = {}
        self.shards: tuple[int, ...] | None = None
        """The shards whose points this view shows; None when it shows all points."""
        self._domains: dict[str, Domain] = {}
        self._arrays: dict[str, Stored] = {}
        self._bytes: memoryview | None = None
        self.field_points: dict[str, int] | None = None
        """How many points have a value in each declared payload index, once that was asked."""

    @property
    def sequence(self) -> int:
        """The id of the last operation."""
        return self.stamp[1]

    def id(self, offset: int) -> PointId:
        return self.ids[offset]

    def offset(self, id: PointId) -> int | None:
        found = self.by_id.get(id)
        return found if found is not None and found < self.count and found in self.live else None

    def _data(self) -> memoryview:
        data = self._bytes
        if data is None:
            data = self._bytes = self.records.view().data
        return data

    def record(self, offset: int) -> tuple[memoryview, memoryview]:
        """Return the encoded payload and the encoded variable-size vectors at ``offset``."""
        data = self._data()
        row = self.rows[offset]
        start = row["position"]
        middle = start + row["payload"]
        return data[start:middle], data[middle : middle + row["extra"]]

    def payload(self, offset: int) -> Payload:
        payload = self.record(offset)[0]
        return _decode(payload) if payload else {}

    def payloads(self, offsets: Iterable[int]) -> Iterator[Payload]:
        left = iter(offsets)
        while batch := list(islice(left, _BATCH)):
            yield from self.payload_list(batch)

    def payload_list(self, offsets: list[int]) -> list[Payload]:
        """Return the payloads at ``offsets`` at once."""
        data = self._data()
        rows = self.rows[offsets]
        starts, lengths = rows["position"].tolist(), rows["payload"].tolist()
        return [
            _decode(data[start : start + length]) if length else {}
            for start, length in zip(starts, lengths, strict=True)
        ]

    def sparse_column(self, name: str) -> SparseColumn:
        """Return all vectors of one name, end to end."""
        offsets = members(self.with_vector(name))
        slot, data, rows = self.schema.slots[name], self._data(), self.rows[offsets]
        starts = (rows["position"] + rows["payload"]).tolist()
        parts = [
            _decode_extra(data[start : start + length])[slot]
            for start, length in zip(starts, rows["extra"].tolist(), strict=True)
        ]
        sizes = np.array([len(part) for part in parts], np.int64) // 8
        words = np.frombuffer(b"".join(parts), "<u4")
        # Each vector has its indices first: half of the words, where the distance from its start is below its size.
        within = np.arange(len(words)) - np.repeat(2 * (np.cumsum(sizes) - sizes), 2 * sizes)
        first = within < np.repeat(sizes, 2 * sizes)
        return SparseColumn(offsets, sizes, words[first], words[~first].view("<f4"))

    def with_vector(self, name: str) -> BitMap:
        found = self._having.get(name)
        return self.live & found if found is not None else BitMap()

    def has(self, name: str, offsets: Offsets) -> npt.NDArray[np.bool_]:
        """Tell which of the points at ``offsets`` have the named vector."""
        return np.asarray(self.rows["vectors"][offsets] >> self.schema.slots[name] & 1, bool)

    def in_shards(self, numbers: Iterable[int]) -> BitMap:
        """Return the points of these shards."""
        return self.live & BitMap.union(BitMap(), *(self._shards.get(number, BitMap()) for number in numbers))

    def part(self, shards: tuple[int, ...] | None) -> View:
        """Return this view as if there were the points of these shards only; indexes are not built from it."""
        if shards is None:
            return self
        found = self._parts.get(shards)
        if found is None:
            found = copy(self)
            found.live, found.shards = self.in_shards(shards), shards
            found.everything = Domain(found.live)
            found._domains, found._parts = {}, {}
            self._parts[shards] = found
        return found

    def shard(self, offset: int) -> int:
        """Return the number of the shard that a point is in; 0 where there are none."""
        return int(self.rows["shard"][offset]) if self.schema.shards else 0

    def shard_keys(self, offsets: Offsets | list[int]) -> list[ShardKey | None]:
        """Return the key of the shard that each point is in; None where there are no shards."""
        if not self.schema.shards:
            return [None] * len(offsets)
        keys = {number: key for key, number in self.schema.shards.items()}
        return [keys.get(number) for number in self.rows["shard"][offsets].tolist()]

    def domain(self, name: str) -> Domain:
        """Return all points that have the named vector."""
        found = self._domains.get(name)
        if found is None:
            found = self._domains[name] = Domain(self.with_vector(name))
        return found

    def row_size(self, name: str) -> int:
        """Return the bytes that one stored dense vector takes."""
        return row_bytes(self.forms[name])

    def stored(self, name: str) -> Stored:
        """Return the dense vectors by offset as they are stored, zeros where a point has none.

        Those of multivectors are in the order in which they came; ``spans`` tells whose they are.
        """
        found = self._arrays.get(name)
        if found is None:
            form = self.forms[name]
            data = self.vectors[name].view()
            count = len(data) // row_bytes(form) if name in self._spans else self.count
            rows = data[: count * row_bytes(form)].view(form.dtype)
            found = self._arrays[name] = rows.reshape(count, *form.shape)
        return found

    def dense(self, name: str) -> Rows:
        """Return what ``stored`` does as queries are compared with it, shape (count, size)."""
        return self.forms[name].rows(self.stored(name))

    def stored_at(self, name: str, offsets: Offsets) -> Stored:
        """Return copies of the stored dense vectors at ``offsets``; of cold ones no pages are kept."""
        if placement(self.schema.spec.vectors[name]) != "cold":
            return np.asarray(self.stored(name)[offsets])
        if len(offsets) > _READ_SINGLY:
            found = np.asarray(self.stored(name)[offsets])
            self.rested(name)
            return found
        form = self.forms[name]
        data = self.vectors[name].gather(offsets, row_bytes(form))
        return data.view(form.dtype).reshape(len(offsets), *form.shape)

    def rested(self, name: str) -> None:
        """Give back the pages of a cold vector, after a scan."""
        if placement(self.schema.spec.vectors[name]) == "cold":
            self.vectors[name].release()

    def spans(self, name: str) -> Spans:
        """Return by offset where the rows of a multivector start and how many there are, shape (count, 2)."""
        return self._spans[name].view()[: self.count * SPAN_BYTES].view(np.int64).reshape(self.count, 2)

    def sparse(self, offset: int) -> dict[int, SparseVector]:
        """Return the sparse vectors at ``offset`` by slot."""
        extra = self.record(offset)[1]
        return {slot: decode_sparse(data) for slot, data in _decode_extra(extra).items()} if extra else {}

    def vector(self, name: str, offset: int) -> VectorValue | None:
        """Return one vector of a point, in float32."""
        slot = self.schema.slots[name]
        if not int(self.rows["vectors"][offset]) >> slot & 1:
            return None
        if name in self._spans:
            start, count = self.spans(name)[offset].tolist()
            return np.array(self.forms[name].decode(self.stored(name)[start : start + count]))
        if name in self.schema.spec.vectors:
            return np.array(self.forms[name].decode(self.stored_at(name, np.array([offset])))[0])
        return self.sparse(offset)[slot]


def to_array(offsets: BitMap) -> Offsets:
    """Return a bitmap's members, ascending."""
    return members(offsets).astype(np.int64)


def _bits(offsets: BitMap, count: int) -> npt.NDArray[np.uint8]:
    return np.packbits(_mask(offsets, count), bitorder="little")


def _mask(offsets: BitMap, count: int) -> Mask:
    mask = np.zeros(count, bool)
    marked = members(offsets)
    mask[marked[: np.searchsorted(marked, count)]] = True
    return mask


def encode_sparse(vector: SparseVector) -> bytes:
    """Store a sparse vector as its indices followed by its values."""
    return vector.indices.astype("<u4").tobytes() + vector.values.astype("<f4").tobytes()


def decode_sparse(data: bytes) -> SparseVector:
    """Read what ``encode_sparse`` wrote."""
    half = len(data) // 2
    return SparseVector(np.frombuffer(data, "<u4", half // 4), np.frombuffer(data, "<f4", half // 4, half))
