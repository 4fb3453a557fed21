"""Snapshots: what collections hold at one moment, written to an archive, and made into collections again.

An image is taken under the writer lock, which takes no longer than to look at what there is: the files only grow,
so their bytes up to the committed sizes stay what they are, a view keeps its rows, and a published graph never
changes. All writing is done without the lock. The rows are written to an SQLite file of their own, so that an
archive holds the folder of a collection as one that was closed cleanly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Self

import msgspec

from quiverdb.engine.collection import Collection
from quiverdb.engine.index.hnsw import Graph
from quiverdb.engine.opening import ROWS, open_collection
from quiverdb.engine.segment import Segment, graph_file, unsaved
from quiverdb.engine.storage.archive import ArchiveReader, ArchiveWriter
from quiverdb.engine.storage.files import Bytes, corruption, storage_errors
from quiverdb.engine.storage.home import Home
from quiverdb.engine.storage.rows import Commit, GraphState, RowStore, SegmentState
from quiverdb.engine.validate import check_name, check_spec
from quiverdb.engine.view import View, to_array
from quiverdb.errors import CorruptionError, FormatError, InvalidInputError, NotFoundError, UnsupportedError
from quiverdb.model.collection import CollectionSpec

__all__ = ["Image", "blamed_on", "check_same_vectors", "in_memory", "open_image", "write_images"]


class Image:
    """Hold what a collection has at this moment, until it is closed."""

    def __init__(self, collection: Collection) -> None:
        with collection.writer:
            segment = collection.segment
            self.view: View = collection.view
            self.folder = segment.folder
            self.epoch = segment.epoch
            self.state: SegmentState = segment.state()
            self.files: dict[str, Bytes] = {name: file.view()[: file.size] for name, file in segment.files().items()}
            self.graphs = dict(segment.graphs)
            self._open = ExitStack()
            self._graph_files = {name: self._opened(state) for name, (_, state) in self.graphs.items() if state.file}

    def _opened(self, state: GraphState) -> BinaryIO:
        """Open the file of a graph: its name may go away as soon as the lock does."""
        path = (self.folder or Path()) / state.file
        with storage_errors(path):
            return self._open.enter_context(path.open("rb"))

    def write(self, archive: ArchiveWriter, part: str, scratch: Path) -> None:
        """Append the files of the collection to an archive."""
        files = {name: self._add_file(archive, part, name) for name in self.files}
        graphs = {name: self._add_graph(archive, part, name, scratch) for name in self.graphs}
        offsets = to_array(self.view.live)
        rows = scratch / ROWS
        store = RowStore(rows)
        try:
            store.commit(
                Commit(
                    msgspec.structs.replace(self.state, files=files, graphs=graphs),
                    offsets=offsets,
                    ids=[self.view.ids[offset] for offset in offsets.tolist()],
                    rows=self.view.rows[offsets],
                    schema=self.view.schema,
                ),
                sync=False,
            )
        finally:
            store.close()
        _add_from(archive, f"{part}/{ROWS}", rows)

    def _add_file(self, archive: ArchiveWriter, part: str, name: str) -> tuple[int, int]:
        content = self.files[name]
        file = f"{name}.{self.epoch}"
        crc = archive.add(f"{part}/{file}", content, len(content))
        if self.folder is not None and self.state.files[name] != (len(content), crc):
            raise corruption(self.folder / file)
        return len(content), crc

    def _add_graph(self, archive: ArchiveWriter, part: str, name: str, scratch: Path) -> GraphState:
        graph, state = self.graphs[name]
        if name in self._graph_files:
            file = self._graph_files[name]
            archive.add(f"{part}/{state.file}", file, os.fstat(file.fileno()).st_size)
            return state
        path = scratch / graph_file(self.view.schema.slots[name], graph, self.epoch)
        crc = graph.save(path)
        _add_from(archive, f"{part}/{path.name}", path)
        return msgspec.structs.replace(state, file=path.name, crc=crc)

    def close(self) -> None:
        """Release the files."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def _add_from(archive: ArchiveWriter, member: str, path: Path) -> None:
    """Move a file to an archive."""
    with path.open("rb") as file:
        archive.add(member, file, path.stat().st_size)
    path.unlink()


def write_images(
    path: Path,
    kind: Literal["collection", "full"],
    images: Mapping[str, Image],
    aliases: Mapping[str, str],
    home: Home,
) -> str:
    """Write images of collections, by name, to an archive, and return its SHA-256."""
    parts = {name: str(number) for number, name in enumerate(images)}
    with ArchiveWriter(path) as archive:
        for name, image in images.items():
            with home.scratch_folder() as scratch:
                image.write(archive, parts[name], scratch)
        return archive.finish(kind, parts, aliases)


@contextmanager
def blamed_on(path: Path) -> Iterator[None]:
    """Turn errors about bytes into ``InvalidInputError``: a snapshot is what a request brings."""
    try:
        yield
    except (InvalidInputError, UnsupportedError, NotFoundError):
        raise
    except (CorruptionError, FormatError, LookupError, ValueError, TypeError, OverflowError) as error:
        reason = str(error).replace(str(path), path.name)  # whoever asks over a wire learns of no folders
        said = reason if isinstance(error, FormatError) else f"snapshot {path.name} is damaged"
        raise InvalidInputError(f"{said}: nothing was changed ({reason})", field="location") from error


def open_image(
    archive: ArchiveReader,
    part: str,
    name: str,
    folder: Path,
    *,
    find: Callable[[str], Collection],
    notify: Callable[[], None],
) -> Collection:
    """Unpack a part of an archive into ``folder`` and open it as a collection; whatever is damaged is an error."""
    check_name(name, "collection")
    archive.unpack(part, folder)
    collection = open_collection(name, folder, find=find, notify=notify)
    try:
        check_spec(collection.view.schema.spec)
    except BaseException:
        collection.close()
        raise
    return collection


def in_memory(collection: Collection, *, find: Callable[[str], Collection], notify: Callable[[], None]) -> Collection:
    """Copy a collection from the disk to memory, and close it."""
    old = collection.segment
    new = Segment.create(None, old.schema, old.epoch)
    copies = new.files()
    for name, file in old.files().items():
        if file.size:
            copies[name].append(file.view().data)
    new.sequence, new.count, new.live, new.garbage = old.sequence, old.count, old.live, old.garbage
    new.rows, new.ids, new.by_id = old.rows, old.ids, old.by_id
    new.index_rows()
    for name, (_, state) in old.graphs.items():
        graph = Graph.open((old.folder or Path()) / state.file, state.recipe, state.trained, load=True)
        new.graphs[name] = graph, unsaved(graph)
    collection.close()
    return Collection(collection.name, new, None, find=find, notify=notify)


def check_same_vectors(name: str, present: CollectionSpec, recovered: CollectionSpec) -> None:
    """Refuse a snapshot whose points would not fit the collection that it is to replace, as Qdrant does."""
    if _kinds(present) != _kinds(recovered):
        raise InvalidInputError(
            f"the snapshot's vectors are not those of collection {name!r}: recover it under another name, "
            "or delete the collection first",
            field="location",
        )


def _kinds(spec: CollectionSpec) -> tuple[object, ...]:
    dense = {name: (vector.size, vector.distance, vector.multivector) for name, vector in spec.vectors.items()}
    return dense, set(spec.sparse_vectors), spec.sharding_method or "auto"
