"""The writer lock of a database folder: one process writes, and others learn who it is."""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import filelock
import msgspec

from quiverdb.engine.storage.files import storage_error
from quiverdb.errors import LockedError

__all__ = ["WriterLock"]


class WriterLock:
    """Hold the lock of a folder until ``release``; raises ``LockedError`` naming the process that holds it."""

    def __init__(self, folder: Path) -> None:
        self._owner = folder / "owner.json"
        self._lock = filelock.FileLock(folder / ".lock", timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            owner = self._read_owner()
            raise LockedError(
                f"{folder} is open for writing in another process ({owner}): close it there, or use another folder",
                path=str(folder),
                owner=owner,
            ) from None
        except OSError as error:
            raise storage_error(error, folder) from error
        try:
            self._owner.write_bytes(
                msgspec.json.encode(
                    {
                        "pid": os.getpid(),
                        "host": socket.gethostname(),
                        "program": Path(sys.argv[0] or sys.executable).name,
                        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
                    }
                )
            )
        except OSError as error:
            self._lock.release()
            raise storage_error(error, self._owner) from error

    def _read_owner(self) -> str:
        try:
            owner = msgspec.json.decode(self._owner.read_bytes(), type=dict[str, str | int])
        except (OSError, msgspec.MsgspecError):
            return "unknown"
        return "pid {pid} on {host}, {program}, since {since}".format_map(owner)

    def release(self) -> None:
        """Let others write."""
        with suppress(OSError):  # it only describes who holds the lock
            self._owner.unlink(missing_ok=True)
        self._lock.release()

    def forget(self) -> None:
        """Drop the lock in a forked child: it belongs to the parent, whose hold on it stays."""
        descriptor = getattr(self._lock, "_context", None)
        handle = getattr(descriptor, "lock_file_fd", None)
        if handle is not None:
            os.close(handle)
