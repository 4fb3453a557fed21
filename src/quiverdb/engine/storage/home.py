"""The home of a database on the disk: its folder, or for one in memory a temporary folder made when needed."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quiverdb.engine.storage.files import storage_errors

__all__ = ["COLLECTIONS", "Home"]

COLLECTIONS = "collections"
"""The folder of the folders of collections. Those that the manifest does not name are removed on open."""


class Home:
    """Give out folders below ``folder``, or below a temporary one that ``close`` deletes."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._remover: weakref.finalize[[Path, int], Home] | None = None
        self._making = threading.Lock()

    @property
    def path(self) -> Path:
        """The folder."""
        with self._making:
            if self._folder is None:
                with storage_errors("a temporary folder"):
                    self._folder = Path(tempfile.mkdtemp(prefix="quiverdb-"))
                self._remover = weakref.finalize(self, _remove, self._folder, os.getpid())
            return self._folder

    def fresh_folder(self) -> Path:
        """Make a folder for a collection."""
        folder = self.path / COLLECTIONS / uuid.uuid4().hex
        with storage_errors(folder):
            folder.mkdir(parents=True)
        return folder

    @contextmanager
    def scratch_folder(self) -> Iterator[Path]:
        """Make a folder, and remove it when the block is left."""
        folder = self.fresh_folder()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Delete the folder if it is temporary."""
        if self._remover is not None:
            self._remover()


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child must leave it to its parent
        shutil.rmtree(folder, ignore_errors=True)
