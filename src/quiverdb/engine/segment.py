"""The points of a collection: rows, records and vectors of one epoch, and how a transaction changes them.

Offsets number the points in the order of their arrival. Records (payload and sparse vectors) and dense vectors
lie in append-only files; compaction starts a new epoch with new files. Only the writer calls the methods here;
readers work on the ``View`` that ``view`` returns.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.index.fields import FieldIndexes
from quiverdb.engine.index.hnsw import Graph
from quiverdb.engine.index.sparse import SparseIndex
from quiverdb.engine.score.forms import form_of, raw, row_bytes
from quiverdb.engine.storage.files import AppendFile, DiskFile, FileState, MemoryFile
from quiverdb.engine.storage.manifest import sync_folder
from quiverdb.engine.storage.rows import ROW, GraphState, Schema, SegmentState
from quiverdb.engine.transaction import Draft, Transaction
from quiverdb.engine.validate import encode_payload
from quiverdb.engine.view import SPAN_BYTES, View, encode_sparse, to_array
from quiverdb.model.point import Payload, PointId, SparseVector
from quiverdb.model.write import (
    CreateFieldIndex,
    CreateVector,
    DeleteFieldIndex,
    DeleteVector,
    SchemaOperation,
)

__all__ = ["Change", "Segment", "graph_file", "unsaved"]

_T = TypeVar("_T")
_encode_extra = msgspec.msgpack.Encoder().encode


class Change(msgspec.Struct):
    """What a transaction adds at the end, changes in place and removes, ready to be committed and installed."""

    first: int
    ids: list[PointId]
    rows: npt.NDArray[Any]
    payloads: list[Payload]
    sparse: list[dict[int, SparseVector]]
    changed: list[int]
    changed_ids: list[PointId]
    changed_rows: npt.NDArray[Any]
    old_payloads: list[Payload | None]
    new_payloads: list[Payload | None]
    removed: list[int]
    sequence: int


def unsaved(graph: Graph) -> GraphState:
    """Return the state of a graph that has no file."""
    return GraphState("", graph.covers, 0, graph.recipe, graph.trained)


class Segment:
    """Hold the points of one epoch."""

    def __init__(self, folder: Path | None, schema: Schema, epoch: int = 0) -> None:
        self.folder = folder
        self.schema = schema
        self.epoch = epoch
        self.sequence = -1
        self.count = 0
        self.live = BitMap()
        self.garbage = 0
        """Bytes of the records that no live point refers to."""
        self.ids: list[PointId] = []
        self.by_id: dict[PointId, int] = {}
        self.rows: npt.NDArray[Any] = np.empty(16, ROW)
        self.graphs: dict[str, tuple[Graph, GraphState]] = {}
        self.fields = FieldIndexes(schema.fields)
        self.sparse = {name: SparseIndex(schema.slots[name], spec) for name, spec in schema.spec.sparse_vectors.items()}
        self.having: dict[str, BitMap] = {name: BitMap() for name in schema.slots}
        self.shards: dict[int, BitMap] = {}
        """The points of each shard, dead ones among them; empty where there are no shards to choose from."""
        self.records: AppendFile
        self.vectors: dict[str, AppendFile] = {}
        self.spans: dict[str, AppendFile] = {}
        """For every multivector, which rows of its file each point has."""

    @classmethod
    def create(cls, folder: Path | None, schema: Schema, epoch: int = 0) -> Segment:
        """Start an empty segment."""
        segment = cls(folder, schema, epoch)
        segment.records = segment._file("records", None)
        for name in schema.spec.vectors:
            segment._take(name, {file: segment._file(file, None) for file in segment.vector_files(name)})
        return segment

    @classmethod
    def open(
        cls,
        folder: Path,
        schema: Schema,
        state: SegmentState,
        points: tuple[npt.NDArray[np.int64], list[PointId], npt.NDArray[Any]],
    ) -> Segment:
        """Open what was committed."""
        segment = cls(folder, schema, state.epoch)
        segment.records = segment._file("records", state.files["records"])
        for name in schema.spec.vectors:
            files = segment.vector_files(name)
            segment._take(name, {file: segment._file(file, state.files[file]) for file in files})
        offsets, ids, rows = points
        segment.sequence, segment.count = state.sequence, state.count
        segment.rows = np.zeros(max(16, state.count), ROW)
        segment.rows[offsets] = rows
        segment.ids = [0] * state.count
        for offset, id in zip(offsets.tolist(), ids, strict=True):
            segment.ids[offset] = id
            segment.by_id[id] = offset
        segment.live = BitMap(array("I", offsets.astype(np.uint32).tobytes()))
        segment.index_rows()
        used = int(rows["payload"].sum(dtype=np.int64) + rows["extra"].sum(dtype=np.int64))
        segment.garbage = segment.records.size - used
        return segment

    def vector_files(self, name: str, schema: Schema | None = None) -> list[str]:
        """Return the names of the files that hold a dense vector: its rows and, of a multivector, the spans."""
        schema = schema or self.schema
        kinds = ["vectors", "spans"] if schema.spec.vectors[name].multivector else ["vectors"]
        return [f"{kind}-{schema.slots[name]}" for kind in kinds]

    def _take(self, name: str, files: Mapping[str, AppendFile]) -> None:
        self.vectors[name], *spans = files.values()
        if spans:
            self.spans[name] = spans[0]

    def path(self, file: str) -> Path:
        """Return where a file of this epoch lies on the disk."""
        return (self.folder or Path()) / f"{file}.{self.epoch}"

    def _file(self, file: str, state: FileState | None) -> AppendFile:
        return MemoryFile() if self.folder is None else DiskFile(self.path(file), state)

    def files(self) -> dict[str, AppendFile]:
        """Return the files by name."""
        found = {"records": self.records}
        for name, file in self.vectors.items():
            files = [file, self.spans[name]] if name in self.spans else [file]
            found |= zip(self.vector_files(name), files, strict=True)
        return found

    def view(self) -> View:
        """Return the present state for readers."""
        spec = self.schema.spec
        return View(
            schema=self.schema,
            stamp=(self.epoch, self.sequence),
            live=self.live,
            ids=self.ids,
            by_id=self.by_id,
            rows=self.rows,
            count=self.count,
            records=self.records,
            vectors=dict(self.vectors),
            spans=dict(self.spans),
            having=dict(self.having),
            shards=dict(self.shards),
            graphs={name: graph for name, (graph, _) in self.graphs.items()},
            forms={name: form_of(vector) for name, vector in spec.vectors.items()},
        )

    def state(self, change: Change | None = None) -> SegmentState:
        """Describe what the files hold, with ``change`` applied, for the commit."""
        added = len(change.ids) if change else 0
        removed = len(change.removed) if change else 0
        return SegmentState(
            sequence=change.sequence if change else self.sequence,
            epoch=self.epoch,
            count=self.count + added,
            live=len(self.live) + added - removed,
            files={name: file.state for name, file in self.files().items()},
            graphs={name: state for name, (_, state) in self.graphs.items() if state.file},
        )

    def stage(self, transaction: Transaction) -> Change:
        """Append what a transaction needs to the files, synced, and return the change to commit.

        To be called within ``all_or_nothing``, together with the commit.
        """
        drafts = list(transaction.drafts.values())
        kept = [draft for draft in drafts if not draft.deleted]
        moved = [draft for draft in kept if draft.moved]
        changed = [draft for draft in kept if not draft.moved and draft.offset is not None]
        gone = {draft.offset for draft in drafts if draft.deleted or draft.moved}
        view = transaction.view
        change = Change(
            first=self.count,
            ids=[draft.id for draft in moved],
            rows=np.empty(len(moved), ROW),
            payloads=[],
            sparse=[],
            changed=[draft.offset for draft in changed if draft.offset is not None],
            changed_ids=[draft.id for draft in changed],
            changed_rows=np.empty(len(changed), ROW),
            old_payloads=[],
            new_payloads=[draft.payload for draft in changed],
            removed=sorted(offset for offset in gone if offset is not None),
            sequence=transaction.sequence,
        )
        blobs: list[bytes] = []
        position = self.records.size
        for index, draft in enumerate(moved):
            payload, data = _payload_of(draft, view)
            vectors = transaction.sparse(draft) if self.sparse else {}
            extra = _extra(vectors)
            change.payloads.append(payload)
            change.sparse.append(vectors)
            change.rows[index] = _row(draft, transaction, position, data, extra)
            blobs += (data, extra)
            position += len(data) + len(extra)
        for index, draft in enumerate(changed):
            data, extra = self._rewritten(draft, transaction)
            change.old_payloads.append(None if draft.payload is None else view.payload(change.changed[index]))
            change.changed_rows[index] = _row(draft, transaction, position, data, extra)
            blobs += (data, extra)
            position += len(data) + len(extra)
        self._append(b"".join(blobs), transaction, moved)
        return change

    def _rewritten(self, draft: Draft, transaction: Transaction) -> tuple[bytes, bytes]:
        view, offset = transaction.view, draft.offset or 0
        data, extra = (bytes(part) for part in view.record(offset))
        if draft.payload is not None:
            data = encode_payload(draft.payload)
        if draft.dropped & self.sparse.keys():
            extra = _extra(transaction.sparse(draft))
        return data, extra

    def _append(self, records: bytes, transaction: Transaction, moved: list[Draft]) -> None:
        if records:
            self.records.append(records)
            self.records.sync()
        if not moved:
            return
        for name, file in self.vectors.items():
            form = transaction.view.forms[name]
            present = any(name in draft.vectors or not draft.replaced for draft in moved)
            by_offset = self.spans.get(name, file)
            if not present:
                by_offset.extend(len(moved) * (row_bytes(form) if by_offset is file else SPAN_BYTES))
            elif by_offset is file:
                for rows in transaction.dense_rows(name, moved, form):
                    file.append(raw(rows))
            else:
                spans, new = transaction.inner_rows(name, moved, file.size // row_bytes(form))
                by_offset.append(raw(spans))
                if new:
                    file.append(raw(np.concatenate(new)))
                    file.sync()
            by_offset.sync()

    def all_or_nothing(self, write: Callable[[], _T]) -> _T:
        """Return what ``write`` returns, and take back what it appended to the files if it fails."""
        before = [(file, file.state) for file in self.files().values()]
        try:
            return write()
        except BaseException:
            for file, state in before:
                if file.state != state:
                    file.rewind(state)
            raise

    def install(self, change: Change) -> None:
        """Make a committed change the present state."""
        added = len(change.ids)
        if self.count + added > len(self.rows):
            grown = np.zeros(max(self.count + added, 2 * len(self.rows)), ROW)
            grown[: self.count] = self.rows[: self.count]
            self.rows = grown
        elif change.changed:
            self.rows = self.rows.copy()
        left = self.rows[change.changed + change.removed]
        self.garbage += int(left["payload"].sum(dtype=np.int64) + left["extra"].sum(dtype=np.int64))
        self.rows[change.changed] = change.changed_rows
        self.rows[self.count : self.count + added] = change.rows
        live = self.live - BitMap(change.removed)
        for offset in change.removed:
            if self.by_id.get(self.ids[offset]) == offset:
                del self.by_id[self.ids[offset]]
        live.add_range(self.count, self.count + added)
        self.live = live
        self.ids.extend(change.ids)
        self.by_id.update(zip(change.ids, range(self.count, self.count + added), strict=True))
        self._install_vectors(change)
        self._install_shards(change)
        self._install_fields(change)
        self.count += added
        self.sequence = change.sequence

    def _install_vectors(self, change: Change) -> None:
        added = len(change.ids)
        for name, slot in self.schema.slots.items():
            having = self.having[name].copy()
            held = change.rows["vectors"] >> slot & 1 == 1
            if held.all():
                having.add_range(self.count, self.count + added)
            else:
                having.update((np.flatnonzero(held) + self.count).tolist())
            lost = change.changed_rows["vectors"] >> slot & 1 == 0
            having.difference_update(BitMap(np.array(change.changed, np.int64)[lost].tolist()))
            self.having[name] = having
        for index in self.sparse.values():
            index.insert(change.first, [vectors.get(index.slot) for vectors in change.sparse])

    def _install_shards(self, change: Change) -> None:
        """Note the shards of new points; a point that changes in place stays where it is."""
        if self.schema.shards:
            for number in np.unique(change.rows["shard"]).tolist():
                places = np.flatnonzero(change.rows["shard"] == number) + change.first
                self.shards[number] = self.shards.get(number, BitMap()) | BitMap(places.tolist())

    def _install_fields(self, change: Change) -> None:
        self.fields.insert(change.first, change.payloads)
        touched = [index for index, payload in enumerate(change.new_payloads) if payload is not None]
        if touched:
            self.fields.replace(
                [change.changed[index] for index in touched],
                [change.old_payloads[index] or {} for index in touched],
                [change.new_payloads[index] or {} for index in touched],
            )

    def prepare_vector(self, name: str, schema: Schema) -> dict[str, AppendFile]:
        """Make the files of a new dense vector, in which no point has one yet; none when it is sparse."""
        spec = schema.spec.vectors.get(name)
        if spec is None:
            return {}
        files = {file: self._file(file, None) for file in self.vector_files(name, schema)}
        by_offset = list(files.values())[-1]
        by_offset.extend(self.count * (SPAN_BYTES if spec.multivector else row_bytes(form_of(spec))))
        for file in files.values():
            file.sync()
        if self.folder is not None:
            sync_folder(self.folder)
        return files

    def without_slot(self, slot: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
        """Return the offsets of the points that had the former vector of a slot, and rows that do not say so."""
        offsets = to_array(self.live)
        offsets = offsets[self.rows["vectors"][offsets] >> slot & 1 == 1]
        rows = self.rows[offsets]
        rows["vectors"] &= ~(1 << slot)
        return offsets, rows

    def replace_rows(self, offsets: npt.NDArray[np.int64], rows: npt.NDArray[Any]) -> None:
        """Give points other rows; views that are open keep theirs."""
        if len(offsets):
            self.rows = self.rows.copy()
            self.rows[offsets] = rows

    def adapt(self, operation: SchemaOperation, schema: Schema, added: Mapping[str, AppendFile]) -> None:
        """Follow a committed change of the schema."""
        before, self.schema = self.schema, schema
        match operation:
            case CreateFieldIndex(key, index):
                self.fields.declare(key, index, self.view())
            case DeleteFieldIndex(key):
                self.fields.undeclare(key)
            case CreateVector(name):
                self.having[name] = BitMap()
                if added:
                    self._take(name, added)
                else:
                    self.sparse[name] = SparseIndex(self.schema.slots[name], self.schema.spec.sparse_vectors[name])
            case DeleteVector(name):
                self.having.pop(name)
                self.sparse.pop(name, None)
                self.vectors.pop(name, None)
                self.spans.pop(name, None)
                _, state = self.graphs.pop(name, (None, None))
                if self.folder is not None:
                    for file in self.vector_files(name, before) if name in before.spec.vectors else ():
                        self.path(file).unlink(missing_ok=True)
                    self.drop_graph(state)

    def adopt_schema(self, schema: Schema) -> None:
        """Follow a committed change of the settings that leaves vectors and payload indexes as they are."""
        self.schema = schema
        self.shards = {number: self.shards.get(number, BitMap()) for number in schema.shards.values()}

    def adopt(self, ids: list[PointId], rows: npt.NDArray[Any]) -> None:
        """Take over points whose bytes were copied to the files."""
        added = len(ids)
        self.rows = np.concatenate([self.rows[: self.count], rows])
        self.by_id.update(zip(ids, range(self.count, self.count + added), strict=True))
        self.ids.extend(ids)
        self.live.add_range(self.count, self.count + added)
        self.count += added

    def remove(self, offsets: list[int]) -> None:
        """Forget points that died while they were copied."""
        for offset in offsets:
            if self.by_id.get(self.ids[offset]) == offset:
                del self.by_id[self.ids[offset]]
        self.live -= BitMap(offsets)

    def index_rows(self) -> None:
        """Work out from the rows which points have which vectors and are in which shards."""
        offsets = to_array(self.live)
        held = self.rows["vectors"][offsets]
        for index in self.sparse.values():
            index.built = False
        for name, slot in self.schema.slots.items():
            self.having[name] = BitMap(offsets[held >> slot & 1 == 1].tolist())
        shards = self.rows["shard"][offsets]
        self.shards = {number: BitMap(offsets[shards == number].tolist()) for number in self.schema.shards.values()}

    def saved(self, slot: int, graph: Graph, *, load: bool) -> tuple[Graph, GraphState]:
        """Write a graph under a name of its own and map or ``load`` it; in memory it stays as it is."""
        state = unsaved(graph)
        if self.folder is None:
            return graph, state
        file = graph_file(slot, graph, self.epoch)
        crc = graph.save(self.folder / file)
        sync_folder(self.folder)
        opened = Graph.open(self.folder / file, graph.recipe, graph.trained, load=load)
        return opened, msgspec.structs.replace(state, file=file, crc=crc)

    def drop_graph(self, state: GraphState | None) -> None:
        """Delete the file of a graph, if it has one."""
        if self.folder is not None and state is not None and state.file:
            (self.folder / state.file).unlink(missing_ok=True)

    def save_fields(self) -> None:
        """Write the declared payload indexes, for an open that finds the same state."""
        if self.folder is not None and self.schema.fields:
            self.path("fields").write_bytes(self.sequence.to_bytes(8, "little", signed=True) + self.fields.dump())

    def load_fields(self) -> None:
        """Take over the payload indexes that were saved, if nothing was written since."""
        path = self.path("fields")
        if self.folder is not None and path.exists():
            data = path.read_bytes()
            path.unlink()  # it describes this moment only
            if int.from_bytes(data[:8], "little", signed=True) == self.sequence:
                self.fields.restore(data[8:])

    def close(self) -> None:
        """Release the files."""
        for file in self.files().values():
            file.close()


def _row(
    draft: Draft, transaction: Transaction, position: int, data: bytes, extra: bytes
) -> tuple[int, int, int, int, int, int]:
    """Return the row of a draft whose record starts at ``position``, in the order of ``ROW``."""
    return position, draft.version, transaction.held(draft), len(data), len(extra), transaction.shard(draft)


def graph_file(slot: int, graph: Graph, epoch: int) -> str:
    """Return the name of the file of a graph: another for each number of points and each recipe."""
    recipe = zlib.crc32(msgspec.msgpack.encode(graph.recipe))
    return f"graph-{slot}-{graph.covers}-{recipe:08x}.{epoch}"


def _payload_of(draft: Draft, view: View) -> tuple[Payload, bytes]:
    """Return a moved point's payload, and its encoding."""
    if draft.payload is not None:
        return draft.payload, encode_payload(draft.payload)
    offset = draft.offset or 0
    return view.payload(offset), bytes(view.record(offset)[0])


def _extra(vectors: Mapping[int, SparseVector]) -> bytes:
    if not vectors:
        return b""
    return _encode_extra({slot: encode_sparse(vector) for slot, vector in vectors.items()})
