"""Compaction: copy what lives to new files and leave the space of dead points behind.

The copy, and its graphs, are made from a view while reads and writes go on. Then, under the writer lock, the
points that came or changed meanwhile are added, one transaction switches the rows to the new epoch, and the old
files are unlinked; views that still read them keep them open.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from quiverdb.engine.collection import Collection
from quiverdb.engine.index.hnsw import Graph
from quiverdb.engine.score.forms import raw, row_bytes
from quiverdb.engine.score.maxsim import runs
from quiverdb.engine.segment import Segment
from quiverdb.engine.settings import effective_hnsw, effective_optimizers, recipe_of, resident
from quiverdb.engine.storage.files import AppendFile
from quiverdb.engine.storage.manifest import sync_folder
from quiverdb.engine.storage.rows import Commit
from quiverdb.engine.view import View, to_array

__all__ = ["compact", "wasteful"]

_RECORD_GARBAGE = 1 << 24
_BATCH = 8192
_COPIED_BYTES = 1 << 24


def wasteful(segment: Segment) -> bool:
    """Tell whether enough points or record bytes are dead to make compaction worth while."""
    settings = effective_optimizers(segment.schema.spec)
    dead = segment.count - len(segment.live)
    if dead >= max(1, settings.vacuum_min_vector_number or 0) and dead > segment.count * (
        settings.deleted_threshold or 0.0
    ):
        return True
    return segment.garbage > _RECORD_GARBAGE and 2 * segment.garbage > segment.records.size


def compact(collection: Collection, stop: Callable[[], bool]) -> None:
    """Compact a collection, unless ``stop`` says to leave it or its schema changes meanwhile."""
    old, view = collection.segment, collection.view
    new = Segment.create(old.folder, old.schema, old.epoch + 1)
    kept = to_array(view.live)
    try:
        _copy(view, kept, new)
        graphs = _graphs(new, view, stop)
        if stop() or not _switch(collection, old, new, view, kept, graphs):
            _discard(new)
            return
    except BaseException:
        _discard(new)
        raise
    _discard(old)


def _copy(view: View, offsets: npt.NDArray[np.int64], new: Segment) -> None:
    """Append the points at ``offsets`` to the files and rows of ``new``."""
    rows = view.rows[offsets].copy()
    for start in range(0, len(offsets), _BATCH):
        chosen = offsets[start : start + _BATCH]
        for name, file in new.vectors.items():
            if name in new.spans:
                _copy_multivectors(view, name, chosen, file, new.spans[name])
            else:
                file.append(raw(view.stored(name)[chosen]))
        parts = [part for offset in chosen.tolist() for part in view.record(offset)]
        lengths = rows[["payload", "extra"]][start : start + _BATCH]
        sizes = lengths["payload"].astype(np.int64) + lengths["extra"]
        position = new.records.append(b"".join(parts))
        rows["position"][start : start + _BATCH] = position + np.cumsum(sizes) - sizes
    new.adopt([view.ids[offset] for offset in offsets.tolist()], rows)


def _copy_multivectors(
    view: View, name: str, chosen: npt.NDArray[np.int64], rows: AppendFile, spans: AppendFile
) -> None:
    """Append the rows that points have, and their new spans."""
    having = np.isin(chosen, to_array(view.with_vector(name)), assume_unique=True)
    old = np.where(having[:, None], view.spans(name)[chosen], 0)
    size = row_bytes(view.forms[name])
    counts = old[:, 1]
    starts = rows.size // size + np.cumsum(counts) - counts
    for _, members in runs(old[counts > 0], max(1, _COPIED_BYTES // size)):
        rows.append(raw(view.stored(name)[members]))
    spans.append(raw(np.stack([starts, counts], axis=1)))


def _graphs(new: Segment, view: View, stop: Callable[[], bool]) -> dict[str, Graph]:
    graphs = {}
    for name in view.graphs:
        spec = new.schema.spec.vectors[name]
        hnsw = effective_hnsw(new.schema.spec, spec)
        rows = new.view().dense(name)
        if len(rows) and hnsw.m:
            recipe = recipe_of(new.schema.spec, spec)
            graphs[name] = Graph.build(spec, recipe, rows, threads=hnsw.max_indexing_threads or 0, stop=stop)
    return graphs


def _switch(
    collection: Collection,
    old: Segment,
    new: Segment,
    view: View,
    kept: npt.NDArray[np.int64],
    graphs: dict[str, Graph],
) -> bool:
    """Bring ``new`` up to the present and put it in the place of ``old``; False when the schema has changed."""
    spec = new.schema.spec
    saved = {
        name: new.saved(new.schema.slots[name], graph, load=resident(spec, spec.vectors[name]))
        for name, graph in graphs.items()
    }
    with collection.writer:
        now = collection.view
        if collection.segment is not old or now.schema != view.schema:
            return False
        came = to_array(now.live - view.live)
        alive = np.isin(kept, to_array(now.live), assume_unique=True)
        changed = np.flatnonzero(alive & (view.rows[kept] != now.rows[kept]))
        _copy(now, came, new)
        _rewrite(now, kept[changed], changed, new)
        new.remove(np.flatnonzero(~alive).tolist())
        new.sequence = now.sequence
        new.graphs = saved
        new.index_rows()
        for file in new.files().values():
            file.sync()
        if new.folder is not None:
            sync_folder(new.folder)
        offsets = to_array(new.live)
        commit = Commit(
            state=new.state(),
            offsets=offsets,
            ids=[new.ids[offset] for offset in offsets.tolist()],
            rows=new.rows[offsets],
            replace_all=True,
        )
        collection.swap(commit, new)
    return True


def _rewrite(now: View, offsets: npt.NDArray[np.int64], places: npt.NDArray[np.int64], new: Segment) -> None:
    """Give points that are in ``new`` already the records that they have by now."""
    for offset, place in zip(offsets.tolist(), places.tolist(), strict=True):
        row = now.rows[offset].copy()
        row["position"] = new.records.append(b"".join(now.record(offset)))
        new.rows[place] = row


def _discard(segment: Segment) -> None:
    """Unlink the files of an epoch."""
    if segment.folder is None:
        return
    for file in segment.folder.glob(f"*.{segment.epoch}"):
        file.unlink(missing_ok=True)
