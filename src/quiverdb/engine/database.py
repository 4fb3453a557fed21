"""The embedded database: collections in a folder or in memory, behind the ``Database`` protocol."""

from __future__ import annotations

import os
import random
import re
import shutil
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from quiverdb.database import AliasChange, ScrollRequest
from quiverdb.engine import opening
from quiverdb.engine.background import Background
from quiverdb.engine.collection import Collection
from quiverdb.engine.optimizer import Optimizer
from quiverdb.engine.schema import new_schema
from quiverdb.engine.shelf import Shelf, check_sha256
from quiverdb.engine.snapshot import Image, blamed_on, check_same_vectors, in_memory, open_image, write_images
from quiverdb.engine.storage.archive import ArchiveReader, open_archive
from quiverdb.engine.storage.files import storage_errors
from quiverdb.engine.storage.home import COLLECTIONS, Home
from quiverdb.engine.storage.lock import WriterLock
from quiverdb.engine.storage.manifest import Manifest, read_manifest, sync_folder, write_manifest
from quiverdb.engine.validate import check_name, check_spec
from quiverdb.errors import AlreadyExistsError, ClosedError, CorruptionError, InvalidInputError, NotFoundError
from quiverdb.model.collection import CollectionInfo, CollectionPatch, CollectionSpec
from quiverdb.model.filter import Filter
from quiverdb.model.point import PointId
from quiverdb.model.query import FacetQuery, GroupQuery, MatrixQuery, PayloadSelector, Query, VectorSelector
from quiverdb.model.result import FacetHit, Group, Hit, Matrix, Page, Record, WriteResult
from quiverdb.model.shard import ShardKey, ShardSelector
from quiverdb.model.snapshot import Snapshot
from quiverdb.model.work import WorkReport
from quiverdb.model.write import WriteOperation

__all__ = ["EngineDatabase"]

_T = TypeVar("_T")

MEMORY = ":memory:"
_OWN = re.compile("[0-9a-f]{32}")

_shared: dict[Path, EngineDatabase] = {}
_bookkeeping = threading.RLock()
"""Held for moments only: a garbage collection may close a forgotten database in the midst of anything."""
_guards: dict[Path, AbstractContextManager[Any]] = {}


def _guard(folder: Path | None) -> AbstractContextManager[Any]:
    """Return the lock under which a folder is opened and closed; databases in memory have nothing to guard."""
    if folder is None:
        return nullcontext()
    with _bookkeeping:
        return _guards.setdefault(folder, threading.RLock())


class EngineDatabase:
    """Store collections in a folder, or in memory with the location ``":memory:"``.

    Within a process all that open one folder share one database; ``close`` gives up one share. After a fork the
    child must open the folder anew.

    >>> from quiverdb.model.collection import Distance, VectorSpec
    >>> with EngineDatabase.open(":memory:") as database:
    ...     database.create_collection("docs", CollectionSpec({"": VectorSpec(4, Distance.COSINE)}))
    ...     database.collection_names()
    ['docs']
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._mutex = threading.RLock()
        self._collections: dict[str, Collection] = {}
        self._aliases: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._shares = 1
        self._closed = False
        self._lock: WriterLock | None = None
        self._peer = random.randrange(1, 1 << 53)  # noqa: S311 (a name and no secret; JSON numbers are exact up to it)
        self._optimizer = Optimizer(lambda: list(self._collections.values()))
        self._background = Background()
        self._home = Home(folder)
        self._shelf = Shelf(self._home, self.peer)
        if folder is not None:
            self._load(folder)
        _alive.add(self)

    @classmethod
    def open(cls, location: str | os.PathLike[str]) -> EngineDatabase:
        """Open a folder, made if it is not there, or ``":memory:"``.

        Raises ``LockedError`` when another process has the folder open, ``FormatError`` for a folder of another
        version, ``CorruptionError`` for a damaged one.
        """
        if location == MEMORY:
            return cls(None)
        folder = Path(location).expanduser().resolve()
        with _guard(folder):
            with _bookkeeping:
                database = _shared.get(folder)
                if database is not None:
                    database._shares += 1
                    return database
            database = cls(folder)
            with _bookkeeping:
                _shared[folder] = database
            return database

    def _load(self, folder: Path) -> None:
        with storage_errors(folder):
            (folder / COLLECTIONS).mkdir(parents=True, exist_ok=True)
        self._lock = WriterLock(folder)
        try:
            manifest = read_manifest(folder)
            if manifest is None:
                self._require_empty(folder)
                manifest = Manifest()
            self._aliases, self._folders = dict(manifest.aliases), dict(manifest.collections)
            if manifest.peer:
                self._peer = manifest.peer
            else:
                self._write_manifest(self._folders, self._aliases)
            for name, part in self._folders.items():
                self._collections[name] = opening.open_collection(
                    name, folder / COLLECTIONS / part, find=self._find, notify=self._optimizer.notify
                )
            self._remove_orphans(folder)
            self._shelf.remove_unfinished()
        except BaseException:
            for collection in self._collections.values():
                collection.close()
            self._lock.release()
            raise
        if self._collections:
            self._optimizer.notify()

    def _require_empty(self, folder: Path) -> None:
        """Refuse a folder that has collections and no manifest: it is damaged, or of something else."""
        if any((folder / COLLECTIONS).iterdir()):
            path = folder / "manifest.json"
            raise CorruptionError(
                f"{path} is missing although there are collections: restore it from a backup, or use another folder",
                path=str(path),
            )

    def _remove_orphans(self, folder: Path) -> None:
        """Delete the folders of collections whose creation or deletion a crash cut short."""
        known = set(self._folders.values())
        for part in (folder / COLLECTIONS).iterdir():
            if part.name not in known and _OWN.fullmatch(part.name):
                shutil.rmtree(part, ignore_errors=True)

    def _find(self, name: str) -> Collection:
        if self._closed:
            raise ClosedError(f"the database {self._described} is closed: open it again")
        found = None
        if isinstance(name, str):
            found = self._collections.get(name) or self._collections.get(self._aliases.get(name, ""))
        if found is None:
            raise _missing(name)
        return found

    def _ask(self, name: str, ask: Callable[[Collection], _T]) -> _T:
        """Ask a collection, and the one in its place if it is deleted meanwhile: it is unregistered, then closed."""
        while True:
            try:
                return ask(self._find(name))
            except ClosedError:
                if self._closed:
                    raise  # otherwise another thread has deleted or replaced the collection meanwhile

    @property
    def _described(self) -> str:
        return MEMORY if self.folder is None else str(self.folder)

    def _write_manifest(self, folders: dict[str, str], aliases: dict[str, str]) -> None:
        if self.folder is not None:
            write_manifest(self.folder, Manifest(folders, aliases, self._peer))
        self._folders, self._aliases = folders, aliases

    def create_collection(self, name: str, spec: CollectionSpec) -> None:
        check_name(name, "collection")
        check_spec(spec)
        with self._mutex:
            self._require_open()
            if name in self._collections or name in self._aliases:
                raise AlreadyExistsError(f"Collection `{name}` already exists!", kind="collection", name=name)
            part = uuid.uuid4().hex
            folder = None if self.folder is None else self.folder / COLLECTIONS / part
            collection = opening.create_collection(
                name, folder, new_schema(spec, time.time()), find=self._find, notify=self._optimizer.notify
            )
            try:
                if folder is not None:
                    sync_folder(folder)
                    sync_folder(folder.parent)
                self._write_manifest({**self._folders, name: part}, self._aliases)
            except BaseException:
                collection.close()
                if folder is not None:
                    shutil.rmtree(folder, ignore_errors=True)
                raise
            self._collections[name] = collection

    def update_collection(self, name: str, patch: CollectionPatch) -> None:
        self._ask(name, lambda collection: collection.update(patch))

    def delete_collection(self, name: str) -> bool:
        with self._mutex:
            if not self.has_collection(name):
                return False
            name = self._aliases.get(name, name)
            collection = self._collections[name]
            folders = {key: part for key, part in self._folders.items() if key != name}
            aliases = {alias: target for alias, target in self._aliases.items() if target != name}
            part = self._folders.get(name)
            self._write_manifest(folders, aliases)
            del self._collections[name]
        self._discard(collection, part)
        return True

    def collection_names(self) -> list[str]:
        self._require_open()
        return sorted(self._collections)

    def has_collection(self, name: str) -> bool:
        self._require_open()
        return isinstance(name, str) and (name in self._collections or name in self._aliases)

    def info(self, name: str) -> CollectionInfo:
        return self._ask(name, lambda collection: collection.info(working=self._optimizer.working(collection)))

    def spec(self, name: str) -> CollectionSpec:
        return self._ask(name, lambda collection: collection.view.schema.spec)

    def create_shard_key(self, name: str, key: ShardKey) -> None:
        self._ask(name, lambda collection: collection.create_shard_key(key))

    def delete_shard_key(self, name: str, key: ShardKey) -> None:
        self._ask(name, lambda collection: collection.delete_shard_key(key))

    def shard_keys(self, name: str) -> list[ShardKey]:
        return self._ask(name, lambda collection: list(collection.view.schema.shards))

    def update_aliases(self, changes: Sequence[AliasChange]) -> None:
        with self._mutex:
            self._require_open()
            aliases = dict(self._aliases)
            for change in changes:
                self._apply_alias(aliases, change)
            self._write_manifest(self._folders, aliases)

    def _apply_alias(self, aliases: dict[str, str], change: AliasChange) -> None:
        if change.rename is not None:
            if change.rename not in aliases:
                raise NotFoundError(f"Alias {change.rename} does not exist!", kind="alias", name=change.rename)
            self._check_alias(change.alias)
            aliases[change.alias] = aliases.pop(change.rename)
        elif change.collection is None:
            if aliases.pop(change.alias, None) is None:
                raise NotFoundError(f"Alias {change.alias} does not exist!", kind="alias", name=change.alias)
        else:
            self._check_alias(change.alias)
            if change.collection not in self._collections:
                raise _missing(change.collection)
            aliases[change.alias] = change.collection

    def _check_alias(self, name: str) -> None:
        check_name(name, "alias")
        if name in self._collections:
            raise AlreadyExistsError(f"Collection `{name}` already exists!", kind="collection", name=name)

    def aliases(self) -> Mapping[str, str]:
        self._require_open()
        return dict(self._aliases)

    def write(self, name: str, operations: Sequence[WriteOperation], *, wait: bool = True) -> list[WriteResult]:
        return self._ask(name, lambda collection: collection.write(operations, wait=wait))

    def query(self, name: str, queries: Sequence[Query]) -> list[list[Hit]]:
        return self._ask(name, lambda collection: collection.query(queries))

    def query_groups(self, name: str, query: GroupQuery) -> list[Group]:
        return self._ask(name, lambda collection: collection.query_groups(query))

    def matrix(self, name: str, query: MatrixQuery) -> Matrix:
        return self._ask(name, lambda collection: collection.matrix(query))

    def scroll(self, name: str, request: ScrollRequest) -> Page:
        return self._ask(name, lambda collection: collection.scroll(request))

    def retrieve(
        self,
        name: str,
        ids: Sequence[PointId],
        with_payload: PayloadSelector = True,
        with_vectors: VectorSelector = False,
        *,
        shard_keys: ShardSelector | None = None,
    ) -> list[Record]:
        return self._ask(name, lambda collection: collection.retrieve(ids, with_payload, with_vectors, shard_keys))

    def count(
        self,
        name: str,
        filter: Filter | None = None,
        *,
        exact: bool = True,
        shard_keys: ShardSelector | None = None,
    ) -> int:
        return self._ask(name, lambda collection: collection.count(filter, shard_keys, exact=exact))

    def facet(self, name: str, query: FacetQuery) -> list[FacetHit]:
        return self._ask(name, lambda collection: collection.facet(query))

    def check_timeout(self, name: str, seconds: float) -> None:
        self._ask(name, lambda collection: collection.check_timeout(seconds))

    def work(self, name: str) -> WorkReport:
        return self._ask(name, self._optimizer.report)

    def peer(self) -> int:
        self._require_open()
        return self._peer

    # Snapshots

    def create_snapshot(
        self, collection: str | None = None, *, shard: int | None = None, wait: bool = True
    ) -> Snapshot | None:
        name = self._snapshot_owner(collection, shard)
        with self._mutex:
            chosen = self._collections if name is None else {name: self._find(name)}
            aliases = self._aliases if name is None else {}
            images = ExitStack()
            with images:
                taken = {key: images.enter_context(Image(value)) for key, value in chosen.items()}
                kept = images.pop_all()

        def write() -> Snapshot:
            kind: Literal["full", "collection"] = "full" if name is None else "collection"
            with kept:
                return self._shelf.put(name, shard, lambda path: write_images(path, kind, taken, aliases, self._home))

        if wait:
            return write()
        self._background.start(f"a snapshot of {name or 'everything'}", write)
        return None

    def snapshots(self, collection: str | None = None, *, shard: int | None = None) -> list[Snapshot]:
        return self._shelf.list(self._snapshot_owner(collection, shard), shard)

    def delete_snapshot(self, collection: str | None, name: str, *, shard: int | None = None) -> None:
        self._shelf.delete(self._snapshot_owner(collection, shard), shard, name)

    def recover_snapshot(
        self,
        collection: str | None,
        location: str | os.PathLike[str],
        *,
        shard: int | None = None,
        checksum: str | None = None,
        wait: bool = True,
    ) -> None:
        if shard is None and collection is not None and not self.has_collection(collection):
            check_name(collection, "collection")
            name: str | None = collection
        else:
            name = self._snapshot_owner(collection, shard)
        path = self._shelf.locate(name, shard, location)
        if wait:
            self._recover(name, path, checksum)
        else:
            self._background.start(f"recovery from {path}", lambda: self._recover(name, path, checksum))

    def _snapshot_owner(self, collection: str | None, shard: int | None) -> str | None:
        """Return the name of the collection whose snapshots are meant; None for those of everything."""
        self._require_open()
        if collection is None:
            return None
        name = self._find(collection).name
        if shard not in (None, 0):  # all points are in one shard, whatever keys they have
            raise NotFoundError(f"Shard {shard} not found", kind="shard", name=str(shard))
        return name

    def _recover(self, name: str | None, path: Path, checksum: str | None) -> None:
        check_sha256(path, checksum)
        with ExitStack() as undo:
            with blamed_on(path), open_archive(path) as archive:
                contents = archive.contents
                if (contents.kind == "full") != (name is None):
                    what = "a single collection" if name is None else "a whole database"
                    raise InvalidInputError(f"{path} is a snapshot of {what}", field="location")
                names = {key if name is None else name: part for key, part in contents.collections.items()}
                fresh = {key: self._unpack(archive, part, key, undo) for key, part in names.items()}
            self._replace(name, fresh, contents.aliases)
            undo.pop_all()

    def _unpack(self, archive: ArchiveReader, part: str, name: str, undo: ExitStack) -> tuple[Collection, str]:
        """Return a collection from an archive and the name of its folder; ``undo`` learns how to remove them."""
        folder = self._home.fresh_folder()
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        collection = open_image(archive, part, name, folder, find=self._find, notify=self._optimizer.notify)
        if self.folder is None:
            collection = in_memory(collection, find=self._find, notify=self._optimizer.notify)
            shutil.rmtree(folder, ignore_errors=True)
        undo.callback(collection.close)
        return collection, folder.name

    def _replace(self, name: str | None, fresh: dict[str, tuple[Collection, str]], aliases: dict[str, str]) -> None:
        """Put a collection in the place of the one of its name; without a name, all in the place of all."""
        collections = {key: collection for key, (collection, _) in fresh.items()}
        parts = {key: part for key, (_, part) in fresh.items()}
        with self._mutex:
            self._require_open()
            kept, kept_parts = ({}, {}) if name is None else (self._collections, self._folders)
            if name is not None:
                aliases = self._aliases
                if name in aliases:
                    raise AlreadyExistsError(f"Alias `{name}` already exists!", kind="alias", name=name)
                if name in kept:
                    check_same_vectors(name, kept[name].view.schema.spec, collections[name].view.schema.spec)
            old = [(key, value) for key, value in self._collections.items() if name in (None, key)]
            old_parts = self._folders
            if self.folder is not None:
                sync_folder(self.folder / COLLECTIONS)
            self._write_manifest({**kept_parts, **parts}, aliases)
            self._collections = {**kept, **collections}
        for key, collection in old:
            self._discard(collection, old_parts.get(key))
        self._optimizer.notify()

    def _discard(self, collection: Collection, part: str | None) -> None:
        """Close a collection that the manifest does not name any more, and delete its files."""
        collection.close()
        if self.folder is not None and part is not None:
            shutil.rmtree(self.folder / COLLECTIONS / part, ignore_errors=True)

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError(f"the database {self._described} is closed: open it again")

    def close(self) -> None:
        with _bookkeeping:
            self._shares -= 1
            if self._closed or self._shares != 0:
                return
            if self.folder is not None and _shared.get(self.folder) is self:
                del _shared[self.folder]
        with _guard(self.folder), ExitStack() as cleanup:
            self._background.finish()
            with self._mutex:
                self._closed = True
                collections = list(self._collections.values())
            if self._lock is not None:
                cleanup.callback(self._lock.release)
            cleanup.callback(self._home.close)
            for collection in collections:
                cleanup.callback(collection.close)
            self._optimizer.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._collections)} collections"
        return f"<EngineDatabase {self._described}: {state}>"


def _missing(name: str) -> NotFoundError:
    return NotFoundError(f"Collection `{name}` doesn't exist!", kind="collection", name=str(name))


_alive: weakref.WeakSet[EngineDatabase] = weakref.WeakSet()


def _after_fork() -> None:
    """Close every database in a forked child: threads and locks stayed with the parent."""
    global _bookkeeping
    _bookkeeping = threading.RLock()
    _guards.clear()
    _shared.clear()
    for database in list(_alive):
        database._closed = True
        if database._lock is not None:
            database._lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
