"""Creating and opening collections: what is committed is checked, everything else is removed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from quiverdb.engine.collection import Collection
from quiverdb.engine.index.hnsw import Graph, checksum
from quiverdb.engine.segment import Segment
from quiverdb.engine.settings import placement, resident
from quiverdb.engine.storage.files import DiskFile, corruption, storage_errors
from quiverdb.engine.storage.rows import Commit, RowStore, Schema, SegmentState

__all__ = ["ROWS", "create_collection", "open_collection"]

_log = logging.getLogger("quiverdb")
ROWS = "rows.sqlite"
_VERIFIED_BYTES = 1 << 30
"""Checksums are compared on open up to this size; reading more would make opening slow."""


def create_collection(
    name: str,
    folder: Path | None,
    schema: Schema,
    *,
    find: Callable[[str], Collection],
    notify: Callable[[], None],
) -> Collection:
    """Create an empty collection, in a new ``folder`` or in memory."""
    if folder is None:
        return Collection(name, Segment.create(None, schema), None, find=find, notify=notify)
    with storage_errors(folder):
        folder.mkdir()
    store = segment = None
    try:
        store = RowStore(folder / ROWS)
        segment = Segment.create(folder, schema)
        store.commit(Commit(segment.state(), schema=schema), sync=True)
    except BaseException:
        for opened in (segment, store):
            if opened is not None:
                opened.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Collection(name, segment, store, find=find, notify=notify)


def open_collection(
    name: str,
    folder: Path,
    *,
    find: Callable[[str], Collection],
    notify: Callable[[], None],
) -> Collection:
    """Open a collection as of its last commit; raises ``CorruptionError`` when its bytes are damaged."""
    if not (folder / ROWS).exists():
        raise corruption(folder / ROWS, "is missing")
    store = RowStore(folder / ROWS)
    segment = None
    try:
        schema, state = store.read_meta()
        segment = Segment.open(folder, schema, state, store.read_points(state))
        _verify(segment)
        _open_graphs(segment, state)
        _prefetch(segment)
        segment.load_fields()
        _remove_leftovers(folder, segment)
    except BaseException:
        if segment is not None:
            segment.close()
        store.close()
        raise
    return Collection(name, segment, store, find=find, notify=notify)


def _verify(segment: Segment) -> None:
    files = segment.files().values()
    if sum(file.size for file in files) <= _VERIFIED_BYTES:
        for file in files:
            if isinstance(file, DiskFile):
                file.verify()


def _open_graphs(segment: Segment, state: SegmentState) -> None:
    """Open the published graphs; one that is lost or damaged will be built again."""
    for name, graph in state.graphs.items():
        path = (segment.folder or Path()) / graph.file
        if name not in segment.vectors or not path.exists():
            continue
        try:
            if path.stat().st_size <= _VERIFIED_BYTES and checksum(path) != graph.crc:
                raise ValueError("its checksum is another")
            load = resident(segment.schema.spec, segment.schema.spec.vectors[name])
            opened = Graph.open(path, graph.recipe, graph.trained, load=load)
            if opened.covers != graph.covers:
                raise ValueError("it covers other points than it should")
            segment.graphs[name] = opened, graph
        except (OSError, RuntimeError, ValueError) as error:
            _log.warning("%s is damaged (%s) and will be built again", path, error)


def _prefetch(segment: Segment) -> None:
    for name, file in segment.vectors.items():
        if placement(segment.schema.spec.vectors[name]) == "pinned":
            file.prefetch()


def _remove_leftovers(folder: Path, segment: Segment) -> None:
    """Delete files that no commit names: of an epoch or a graph that a crash cut short, or that were replaced."""
    known = {segment.path(name).name for name in (*segment.files(), "fields")}
    known |= {state.file for _, state in segment.graphs.values()}
    for file in folder.iterdir():
        if file.name not in known and not file.name.startswith(ROWS):
            file.unlink(missing_ok=True)
