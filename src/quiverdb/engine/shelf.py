"""The shelf of a database: its snapshot files, by name.

Full snapshots lie in ``snapshots/``, those of a collection in a folder of its name there, those of a shard in
``shards/<number>`` below that. A file is written under a name of its own and then renamed; ``<name>.checksum``
beside it holds its SHA-256. Snapshots stay when their collection is deleted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from quiverdb.engine.storage.archive import file_sha256
from quiverdb.engine.storage.files import storage_errors
from quiverdb.engine.storage.home import Home
from quiverdb.engine.storage.manifest import sync_folder
from quiverdb.engine.validate import BACKEND, check_name
from quiverdb.errors import InvalidInputError, NotFoundError, UnsupportedError
from quiverdb.model.snapshot import Snapshot

__all__ = ["Shelf", "check_sha256"]

_SUFFIX = ".snapshot"
_UNFINISHED = ".new"
_CHECKSUM = ".checksum"


class Shelf:
    """Keep the snapshots of a database; ``peer`` is a part of the names of new ones."""

    def __init__(self, home: Home, peer: Callable[[], int]) -> None:
        self._home = home
        self._peer = peer

    def _place(self, collection: str | None, shard: int | None) -> Path:
        place = self._home.path / "snapshots"
        if collection is not None:
            place /= collection
        return place if shard is None else place / "shards" / str(shard)

    def put(self, collection: str | None, shard: int | None, write: Callable[[Path], str]) -> Snapshot:
        """Let ``write`` make a snapshot and return its SHA-256, and put it on the shelf."""
        place = self._place(collection, shard)
        with storage_errors(place):
            place.mkdir(parents=True, exist_ok=True)
            path, unfinished = self._reserve(place, collection, shard)
            try:
                checksum = write(unfinished)
                path.with_name(path.name + _CHECKSUM).write_text(checksum)
                unfinished.replace(path)
                sync_folder(place)
            finally:
                unfinished.unlink(missing_ok=True)
            return _describe(path)

    def _reserve(self, place: Path, collection: str | None, shard: int | None) -> tuple[Path, Path]:
        """Return the name of a new snapshot and that of the file until it is finished."""
        start = "full-snapshot" if collection is None else collection
        middle = "" if collection is None else f"-{self._peer()}" if shard is None else f"-shard-{shard}"
        moment = time.time()
        while True:
            stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d-%H-%M-%S")
            path = place / f"{start}{middle}-{stamp}{_SUFFIX}"
            unfinished = path.with_name(path.name + _UNFINISHED)
            with suppress(FileExistsError):
                os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL, 0o644))
                if not path.exists():
                    return path, unfinished
                unfinished.unlink()
            moment += 1  # names count seconds, and this one is taken

    def remove_unfinished(self) -> None:
        """Delete what a crash left half written."""
        for path in self._place(None, None).rglob(f"*{_SUFFIX}.*"):
            finished = path.with_suffix("").exists()
            if path.is_file() and (path.suffix == _UNFINISHED or (path.suffix == _CHECKSUM and not finished)):
                path.unlink(missing_ok=True)

    def list(self, collection: str | None, shard: int | None) -> list[Snapshot]:
        """Describe the snapshots, by name."""
        place = self._place(collection, shard)
        found = []
        with storage_errors(place):
            for path in sorted(place.glob(f"*{_SUFFIX}")):
                with suppress(FileNotFoundError):  # deleted meanwhile
                    if path.is_file():
                        found.append(_describe(path))
        return found

    def delete(self, collection: str | None, shard: int | None, name: str) -> None:
        """Delete a snapshot."""
        check_name(name, "snapshot")
        path = self._named(collection, shard, name)
        if path is None:
            raise NotFoundError(f"Snapshot {name} not found", kind="snapshot", name=name)
        with storage_errors(path):
            path.unlink()
            path.with_name(path.name + _CHECKSUM).unlink(missing_ok=True)
            sync_folder(path.parent)

    def locate(self, collection: str | None, shard: int | None, location: str | os.PathLike[str]) -> Path:
        """Return the file that a location means: a ``file://`` URL, a path, or the name of a snapshot on the shelf."""
        text = os.fspath(location) if isinstance(location, str | os.PathLike) else None
        if not isinstance(text, str) or not text or "\0" in text:
            raise InvalidInputError("a snapshot's location must be a URL, a path or a name", field="location")
        scheme = text.partition("://")[0].lower() if "://" in text else ""
        if scheme in ("http", "https"):
            raise UnsupportedError(
                f"Recovering from {scheme}://", BACKEND, "Download the snapshot and give the path of the file."
            )
        if scheme not in ("", "file"):
            raise InvalidInputError(f"a snapshot cannot be read from {scheme}://: give a path", field="location")
        if scheme:
            url = urlsplit(text)
            if url.netloc not in ("", "localhost"):
                raise InvalidInputError(f"{text!r} names the host {url.netloc!r}: write file:///…", field="location")
            path = Path(url2pathname(url.path) if os.name == "nt" else unquote(url.path))
        else:
            path = self._named(collection, shard, text) or Path(text).expanduser()
        if not path.is_file():
            raise NotFoundError(f"Snapshot {path} not found", kind="snapshot", name=str(path))
        return path

    def _named(self, collection: str | None, shard: int | None, name: str) -> Path | None:
        """Return the snapshot of a name; None if there is none, or the name leads elsewhere."""
        path = self._place(collection, shard) / name
        return path if Path(name).name == name and name.endswith(_SUFFIX) and path.is_file() else None


def _describe(path: Path) -> Snapshot:
    state = path.stat()
    checksum = None
    with suppress(OSError, UnicodeDecodeError):
        checksum = path.with_name(path.name + _CHECKSUM).read_text().strip()
    return Snapshot(path.name, state.st_mtime, state.st_size, checksum, str(path))


def check_sha256(path: Path, expected: str | None) -> None:
    """Raise ``InvalidInputError`` if a file does not have the checksum that is expected of it."""
    if expected is not None and (actual := file_sha256(path)) != str(expected).lower():
        raise InvalidInputError(
            f"Snapshot checksum mismatch: {path.name} has {actual}, not {expected}", field="checksum"
        )
