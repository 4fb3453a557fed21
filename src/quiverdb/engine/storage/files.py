"""Append-only byte files, on disk or in memory.

Bytes once appended never change. What lies past the committed size after a crash is cut off on open, and a
running CRC-32 over the committed bytes tells damage on open.
"""

from __future__ import annotations

import errno
import mmap
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from quiverdb.errors import ClosedError, CorruptionError, StorageError

__all__ = [
    "AppendFile",
    "Bytes",
    "DiskFile",
    "FileState",
    "MemoryFile",
    "corruption",
    "storage_error",
    "storage_errors",
]

Bytes: TypeAlias = npt.NDArray[np.uint8]
FileState: TypeAlias = tuple[int, int]
"""Committed size in bytes, and the CRC-32 of these bytes."""

_PIECE = 1 << 18
_CHUNK = 1 << 24


def storage_error(error: OSError, path: str | os.PathLike[str]) -> StorageError:
    """Turn an operating system error into one that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(
            f"no space left to write {path}: nothing was changed; free some space and try again", path=str(path)
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"{path} may not be written: check its permissions", path=str(path))
    return StorageError(f"{path}: {error.strerror or error}", path=str(path))


@contextmanager
def storage_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the operating system errors of a block into ``storage_error``; those that were turned already pass."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(error, path) from error


def corruption(path: str | os.PathLike[str], what: str = "has damaged bytes") -> CorruptionError:
    """Return the error for a file whose bytes are not those that were written."""
    return CorruptionError(f"{path} {what}: restore the folder from a snapshot or backup", path=str(path))


class AppendFile(Protocol):
    """Hold bytes that only grow."""

    size: int

    @property
    def state(self) -> FileState:
        """Return size and checksum, to be committed with the rows."""

    def append(self, data: bytes | memoryview) -> int:
        """Append bytes and return where they start; on failure nothing is appended."""

    def extend(self, count: int) -> None:
        """Append ``count`` zero bytes."""

    def rewind(self, state: FileState) -> None:
        """Forget what was appended after ``state``."""

    def view(self) -> Bytes:
        """Return all bytes as a read-only array that later appends leave alone."""

    def gather(self, places: npt.NDArray[np.int64], length: int) -> Bytes:
        """Return copies of the rows of ``length`` bytes with these numbers, shape (n, length), and keep no pages."""

    def prefetch(self) -> None:
        """Let the operating system read the file ahead."""

    def release(self) -> None:
        """Give back the pages of the view; they are read again when touched."""

    def sync(self) -> None:
        """Wait until all bytes have reached the disk."""

    def close(self) -> None:
        """Release the file."""


class DiskFile:
    """Hold bytes in a file, read through a memory map.

    Opening cuts off what lies past ``state`` and raises ``CorruptionError`` when bytes are missing; ``verify``
    compares the checksum. ``state=None`` creates an empty file.
    """

    def __init__(self, path: Path, state: FileState | None = None) -> None:
        self.path = path
        self._fd = -1
        self._closing = threading.Lock()
        self._view: Bytes = np.empty(0, np.uint8)
        self._map: mmap.mmap | None = None
        self._reader: _Reader | None = None
        flags = os.O_RDWR | os.O_CLOEXEC | getattr(os, "O_BINARY", 0)
        if state is None:
            flags |= os.O_CREAT | os.O_TRUNC
        try:
            self._fd = os.open(path, flags, 0o644)
        except FileNotFoundError:
            raise corruption(path, "is missing") from None
        except OSError as error:
            raise storage_error(error, path) from error
        self.size, self._crc = state or (0, 0)
        actual = os.fstat(self._fd).st_size
        if actual < self.size:
            self.close()
            raise corruption(path, f"has {actual} of {self.size} bytes")
        if actual > self.size:
            os.ftruncate(self._fd, self.size)

    @property
    def state(self) -> FileState:
        return self.size, self._crc

    def verify(self) -> None:
        """Read the file once and raise ``CorruptionError`` if its checksum is not the committed one."""
        crc, position = 0, 0
        buffer = bytearray(min(_CHUNK, self.size))
        while position < self.size:
            got = os.preadv(self._fd, [memoryview(buffer)[: self.size - position]], position)
            if not got:
                break
            crc = zlib.crc32(memoryview(buffer)[:got], crc)
            position += got
        if crc != self._crc:
            raise corruption(self.path)

    def append(self, data: bytes | memoryview) -> int:
        start = self.size
        buffer = memoryview(data).cast("B")
        crc = self._crc
        try:
            position = 0
            while position < len(buffer):
                # In pieces that the processor's cache still holds when they are summed up.
                written = os.pwrite(self._fd, buffer[position : position + _PIECE], start + position)
                crc = zlib.crc32(buffer[position : position + written], crc)
                position += written
        except OSError as error:
            if self._fd < 0:
                raise _closed() from error
            os.ftruncate(self._fd, start)
            raise storage_error(error, self.path) from error
        self.size, self._crc = start + len(buffer), crc
        return start

    def extend(self, count: int) -> None:
        zeros = bytes(min(count, _CHUNK))
        crc, left = self._crc, count
        while left:
            crc = zlib.crc32(zeros[:left] if left < len(zeros) else zeros, crc)
            left -= min(left, len(zeros))
        with storage_errors(self.path):
            os.ftruncate(self._fd, self.size + count)
        self.size, self._crc = self.size + count, crc

    def rewind(self, state: FileState) -> None:
        with storage_errors(self.path):
            os.ftruncate(self._fd, state[0])
        self.size, self._crc = state

    def view(self) -> Bytes:
        view = self._view
        if self._fd >= 0 and len(view) == self.size:
            return view
        with self._closing:
            if self._fd < 0:
                raise _closed()
            if not self.size:
                return self._view[:0]  # nothing can be mapped
            if len(self._view) != self.size:
                self._map = mmap.mmap(self._fd, self.size, access=mmap.ACCESS_READ)
                self._view = np.frombuffer(self._map, np.uint8)
            return self._view

    def gather(self, places: npt.NDArray[np.int64], length: int) -> Bytes:
        rows = np.empty((len(places), length), np.uint8)
        with self._closing:
            if self._fd < 0:
                raise _closed()
            reader = self._reader
            if reader is None:
                reader = self._reader = _Reader(os.dup(self._fd))
        descriptor, read = reader.descriptor, os.preadv
        for row, place in zip(rows, places.tolist(), strict=True):
            if read(descriptor, (row.data,), place * length) != length:
                raise corruption(self.path, "ends early")
        return rows

    def prefetch(self) -> None:
        self.view()
        mapped = self._map
        if mapped is not None and hasattr(mmap, "MADV_WILLNEED"):
            mapped.madvise(mmap.MADV_WILLNEED)

    def release(self) -> None:
        mapped = self._map  # read once: closing may take it away
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)

    def sync(self) -> None:
        with storage_errors(self.path):
            _datasync(self._fd)

    def close(self) -> None:
        with self._closing:
            descriptor, self._fd = self._fd, -1
            if descriptor >= 0:
                os.close(descriptor)
            self._view, self._map, self._reader = np.empty(0, np.uint8), None, None

    def __del__(self) -> None:
        self.close()


class _Reader:
    """A descriptor that stays open until the last reader is done with it, so that closing cannot pull it away."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


_datasync = getattr(os, "fdatasync", os.fsync)


class MemoryFile:
    """Hold bytes in a growing array; views keep the array that they were taken from."""

    def __init__(self) -> None:
        self.size = 0
        self._data: Bytes = np.empty(1 << 12, np.uint8)
        self._closed = False

    @property
    def state(self) -> FileState:
        return self.size, 0

    def append(self, data: bytes | memoryview) -> int:
        start = self.size
        self._reserve(memoryview(data).nbytes)
        self._data[start : self.size] = np.frombuffer(data, np.uint8)
        return start

    def extend(self, count: int) -> None:
        start = self.size
        self._reserve(count)
        self._data[start : self.size] = 0

    def _reserve(self, count: int) -> None:
        self.size += count
        if self.size > len(self._data):
            grown = np.empty(max(self.size, 2 * len(self._data)), np.uint8)
            grown[: self.size - count] = self._data[: self.size - count]
            self._data = grown

    def rewind(self, state: FileState) -> None:
        self.size = state[0]

    def view(self) -> Bytes:
        view = self._data[: self.size]
        if self._closed:
            raise _closed()
        view.flags.writeable = False
        return view

    def gather(self, places: npt.NDArray[np.int64], length: int) -> Bytes:
        return self.view().reshape(-1, length)[places]

    def prefetch(self) -> None:
        """Do nothing: it is in memory."""

    def release(self) -> None:
        """Do nothing: there is no copy elsewhere."""

    def sync(self) -> None:
        """Do nothing: memory has no disk."""

    def close(self) -> None:
        self._closed = True
        self._data = np.empty(0, np.uint8)


def _closed() -> ClosedError:
    return ClosedError("the database was closed while it was in use: open it again")
