"""Rows in SQLite: the commit authority of a collection.

One transaction commits a batch: the rows it adds, changes and removes, the sizes and checksums of the
append-only files it wrote to, and the settings. What is not in a committed transaction does not exist.
Every row carries a check value, the number of rows is recorded, and ``meta`` values carry a CRC, so that a
damaged file is told from a good one on open.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from quiverdb.engine.index.codes import Recipe
from quiverdb.engine.storage.files import corruption
from quiverdb.errors import StorageError
from quiverdb.model.collection import CollectionSpec, FieldIndex
from quiverdb.model.point import PointId

__all__ = ["ROW", "Commit", "GraphState", "RowStore", "Schema", "SegmentState"]

ROW = np.dtype(
    [
        ("position", "<i8"),
        ("version", "<i8"),
        ("vectors", "<i8"),
        ("payload", "<u4"),
        ("extra", "<u4"),
        ("shard", "<u4"),
    ]
)
"""Where a point's record starts, its version, a bit per vector slot it has, the lengths of the record's parts, and
the number of its shard."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS points(
    offset INTEGER PRIMARY KEY, id NOT NULL, row BLOB NOT NULL, checked INTEGER NOT NULL);
"""
_UNCHANGED = "nothing was changed; free some space and try again"
_REASONS = {
    "SQLITE_FULL": f"cannot be written, no space left: {_UNCHANGED}",
    "SQLITE_IOERR": f"cannot be written, no space left or the disk fails: {_UNCHANGED}",
    "SQLITE_CANTOPEN": "cannot be opened: check its permissions",
    "SQLITE_READONLY": "may not be written: check its permissions",
    "SQLITE_PERM": "may not be written: check its permissions",
    "SQLITE_BUSY": "is in use by another program: close that and try again",
    "SQLITE_LOCKED": "is in use by another program: close that and try again",
    "SQLITE_NOMEM": "cannot be read, memory is used up: nothing was changed",
}
"""What is said of an SQLite error; any other means damage."""
_U64 = 1 << 64
_READ_AT_ONCE = 4096
"""Rows fetched at once: a whole table as objects of Python would take twice the memory that is kept."""
_T = TypeVar("_T")


class Schema(msgspec.Struct, frozen=True):
    """Keep a collection's settings, the slot of every named vector, the declared payload indexes, and the shards.

    Slots number the vectors. They are given out in turn, and that of a dropped vector again once its turn has come:
    ``next_slot`` counts on past the last slot. Shard keys are numbered for good; points of a collection without them
    are in shard 0.
    """

    spec: CollectionSpec
    slots: dict[str, int]
    next_slot: int
    fields: dict[str, FieldIndex]
    created_at: float
    shards: dict[int | str, int] = {}
    next_shard: int = 1


class GraphState(msgspec.Struct, frozen=True):
    """Name the file of a published graph, the number of offsets it covers, its checksum, and how it was built.

    ``trained`` is the number of rows that its codes were made for.
    """

    file: str
    covers: int
    crc: int
    recipe: Recipe | None = None
    trained: int = 0


class SegmentState(msgspec.Struct, frozen=True):
    """Record what the files of a collection hold as of the last committed operation."""

    sequence: int = -1
    epoch: int = 0
    count: int = 0
    live: int = 0
    files: dict[str, tuple[int, int]] = {}
    graphs: dict[str, GraphState] = {}


class Commit(msgspec.Struct):
    """Gather what one transaction writes: rows by offset (new or changed), removed offsets, state and settings."""

    state: SegmentState
    offsets: npt.NDArray[np.int64] = msgspec.field(default_factory=lambda: np.empty(0, np.int64))
    ids: Sequence[PointId] = ()
    rows: npt.NDArray[Any] = msgspec.field(default_factory=lambda: np.empty(0, ROW))
    removed: Sequence[int] = ()
    schema: Schema | None = None
    replace_all: bool = False


class RowStore:
    """Keep the rows of one collection in the SQLite file at ``path``. One thread at a time may use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA wal_autocheckpoint=2000")
            self._db.executescript(_TABLES)
        self._synced: bool | None = None

    def commit(self, commit: Commit, *, sync: bool) -> None:
        """Apply a commit as one transaction; with ``sync``, on disk when this returns."""
        with self._errors():
            if sync is not self._synced:
                self._db.execute(f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}")
                self._synced = sync
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._write(commit)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _write(self, commit: Commit) -> None:
        if commit.replace_all:
            self._db.execute("DELETE FROM points")
        if len(commit.removed):
            self._db.executemany("DELETE FROM points WHERE offset = ?", ((offset,) for offset in commit.removed))
        if len(commit.offsets):
            packed = commit.rows.tobytes()
            self._db.executemany(
                "INSERT OR REPLACE INTO points(offset, id, row, checked) VALUES (?, ?, ?, ?)",
                zip(
                    commit.offsets.tolist(),
                    map(_stored_id, commit.ids),
                    (packed[start : start + ROW.itemsize] for start in range(0, len(packed), ROW.itemsize)),
                    _checks(commit.offsets, commit.ids, commit.rows).tolist(),
                    strict=True,
                ),
            )
        self._put("state", commit.state)
        if commit.schema is not None:
            self._put("schema", commit.schema)

    def _put(self, key: str, value: object) -> None:
        blob = msgspec.msgpack.encode(value)
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", (key, blob, zlib.crc32(blob)))

    def read_meta(self) -> tuple[Schema, SegmentState]:
        """Return settings and state as committed."""
        return self._get("schema", Schema), self._get("state", SegmentState)

    def _get(self, key: str, kind: type[_T]) -> _T:
        with self._errors():
            row = self._db.execute("SELECT value, crc FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None or zlib.crc32(row[0]) != row[1]:
            raise corruption(self.path)
        try:
            return msgspec.msgpack.decode(row[0], type=kind)
        except msgspec.MsgspecError as error:
            raise corruption(self.path) from error

    def read_points(self, state: SegmentState) -> tuple[npt.NDArray[np.int64], list[PointId], npt.NDArray[Any]]:
        """Return offsets (ascending), ids and rows of all points; ``CorruptionError`` if any is damaged."""
        ids: list[PointId] = []
        parts = [(np.empty(0, np.int64), np.empty(0, ROW))]
        with self._errors():
            cursor = self._db.execute("SELECT offset, id, row, checked FROM points ORDER BY offset")
            while found := cursor.fetchmany(_READ_AT_ONCE):
                offsets, some, rows = self._unpacked(found)
                ids += some
                parts.append((offsets, rows))
        if len(ids) != state.live:
            raise corruption(self.path)
        offsets, rows = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return offsets, ids, rows

    def _unpacked(self, found: list[Any]) -> tuple[npt.NDArray[np.int64], list[PointId], npt.NDArray[Any]]:
        try:
            offsets = np.array([point[0] for point in found], np.int64)
            ids: list[PointId] = [id if isinstance(id, str) or id >= 0 else id + _U64 for _, id, _, _ in found]
            rows = np.frombuffer(b"".join([point[2] for point in found]), ROW)
            checks = np.array([point[3] for point in found], np.int64)
            if len(rows) != len(found):
                raise corruption(self.path)
        except (TypeError, ValueError, OverflowError) as error:
            raise corruption(self.path) from error
        if not np.array_equal(checks, _checks(offsets, ids, rows)):
            raise corruption(self.path)
        return offsets, ids, rows

    def flush(self) -> None:
        """Fold the write-ahead log into the file; everything committed is on the disk when this returns."""
        with self._errors():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Fold the write-ahead log into the file and release it."""
        with self._errors():
            self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            for start, reason in _REASONS.items():
                if name.startswith(start):
                    raise StorageError(f"{self.path} {reason}", path=str(self.path)) from error
            if isinstance(error, sqlite3.ProgrammingError):
                raise StorageError(f"{self.path}: {error}", path=str(self.path)) from error
            raise corruption(self.path) from error


def _stored_id(id: PointId) -> PointId:
    """SQLite integers are signed: the upper half of the unsigned ids is stored as negative numbers."""
    return id if isinstance(id, str) or id < _U64 >> 1 else id - _U64


def _checks(offsets: npt.NDArray[np.int64], ids: Sequence[PointId], rows: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Fold the columns of each row into a check value."""
    hashed = [zlib.crc32(id.encode()) if isinstance(id, str) else id for id in ids]
    check = offsets.astype(np.uint64)
    for column in (np.array(hashed, np.uint64), *(rows[name].astype(np.uint64) for name in ROW.names or ())):
        check = (check ^ column) * np.uint64(0x9E3779B97F4A7C15)
        check ^= check >> np.uint64(29)
    return (check >> np.uint64(1)).astype(np.int64)
