"""Archives: the files of one or more collections in a tar, followed by a list of them with their checksums.

An archive is read as something that anybody may have made: before a byte is unpacked, its members must be plain
files without holes and with the names and sizes that the list gives, and what is unpacked must have the checksums
that it gives.
Vectors hardly shrink when compressed, and compressing them takes longer than all the rest; so nothing is.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

import msgspec
import numpy as np

from quiverdb.engine.storage.files import Bytes, corruption, storage_errors
from quiverdb.engine.storage.manifest import seal, sync_folder, unseal

__all__ = ["ArchiveReader", "ArchiveWriter", "Contents", "file_sha256", "open_archive"]

_LIST = "contents.json"
_MEMBER = re.compile(r"([0-9a-z]{1,32})/([a-z][0-9a-z-]*\.[0-9a-z]+)")
_CHUNK = 1 << 20
_TAR_MAGIC = slice(257, 262), b"ustar"
_LONGEST_LIST = 1 << 28


class Contents(msgspec.Struct, frozen=True):
    """List what an archive holds.

    ``collections`` gives the part of the archive in which each collection lies, ``files`` the size and CRC-32 of
    each member, ``<part>/<name>``.
    """

    kind: Literal["collection", "full"]
    collections: dict[str, str]
    aliases: dict[str, str]
    files: dict[str, tuple[int, int]]


class _Counted(io.RawIOBase):
    """Hand on the bytes of a source, and fold them into a CRC-32."""

    def __init__(self, source: Bytes | BinaryIO) -> None:
        self._source = source
        self._position = 0
        self.crc = 0

    def read(self, size: int = -1) -> bytes:
        if isinstance(self._source, np.ndarray):
            part = self._source[self._position : self._position + size].tobytes()
            self._position += len(part)
        else:
            part = self._source.read(size)
        self.crc = zlib.crc32(part, self.crc)
        return part


class _Hashed(io.RawIOBase):
    """Write to a file, and fold what is written into a SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.sha256.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()


class ArchiveWriter:
    """Write an archive to the file ``path``; unless ``finish`` was called, nothing of it is left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, tuple[int, int]] = {}
        with storage_errors(path):
            self._file = path.open("wb")
        self._out = _Hashed(self._file)
        self._tar = tarfile.TarFile(fileobj=self._out, mode="w", copybufsize=_CHUNK)
        self._finished = False

    def add(self, member: str, source: Bytes | BinaryIO, size: int) -> int:
        """Append ``size`` bytes under a name, and return their CRC-32."""
        described = tarfile.TarInfo(member)
        described.size = size
        counted = _Counted(source)
        with storage_errors(self.path):
            self._tar.addfile(described, counted)
        self._files[member] = size, counted.crc
        return counted.crc

    def finish(self, kind: Literal["collection", "full"], parts: dict[str, str], aliases: Mapping[str, str]) -> str:
        """Append the list, wait for the disk, and return the SHA-256 of the whole file."""
        data = seal(Contents(kind, parts, dict(aliases), self._files))
        described = tarfile.TarInfo(_LIST)
        described.size = len(data)
        with storage_errors(self.path):
            self._tar.addfile(described, io.BytesIO(data))
            self._tar.close()
            self._file.flush()
            os.fsync(self._file.fileno())
        self._finished = True
        return self._out.sha256.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if not self._finished:
            self.path.unlink(missing_ok=True)


class ArchiveReader:
    """Read an archive whose members have been checked against its list."""

    def __init__(self, path: Path, tar: tarfile.TarFile, contents: Contents) -> None:
        self.path = path
        self.contents = contents
        self._tar = tar

    def unpack(self, part: str, folder: Path) -> None:
        """Write the files of a part into ``folder``; on disk when this returns."""
        with storage_errors(folder), _read_errors(self.path):
            for member, expected in self.contents.files.items():
                if member.startswith(f"{part}/") and self._copy(member, folder) != expected:
                    raise corruption(self.path)
            sync_folder(folder)

    def _copy(self, member: str, folder: Path) -> tuple[int, int]:
        size, crc = 0, 0
        source = self._tar.extractfile(member) or io.BytesIO()
        with source, (folder / member.rpartition("/")[2]).open("xb") as target:
            while block := source.read(_CHUNK):
                target.write(block)
                size, crc = size + len(block), zlib.crc32(block, crc)
            target.flush()
            os.fsync(target.fileno())
        return size, crc


@contextmanager
def open_archive(path: Path) -> Iterator[ArchiveReader]:
    """Open an archive; raises ``CorruptionError`` when it is none or damaged, ``FormatError`` for another format."""
    with storage_errors(path), path.open("rb") as file:
        if file.read(512)[_TAR_MAGIC[0]] != _TAR_MAGIC[1]:
            raise corruption(path, "is not a snapshot")
        file.seek(0)
        with _read_errors(path):
            tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        with tar:
            with _read_errors(path):
                contents = _checked(tar, path)
            yield ArchiveReader(path, tar, contents)


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Turn what is raised about the bytes of a tar into ``CorruptionError``."""
    try:
        yield
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise corruption(path) from error


def _checked(tar: tarfile.TarFile, path: Path) -> Contents:
    """Read the list and compare the members with it."""
    members = tar.getmembers()
    for member in members:
        if (
            member.type != tarfile.REGTYPE
            or member.issparse()
            or not (member.name == _LIST or _MEMBER.fullmatch(member.name))
        ):
            raise corruption(path, f"holds {member.name!r}, which does not belong in a snapshot")
    sizes = {member.name: member.size for member in members}
    longest = sizes.pop(_LIST, 0)
    listed = tar.extractfile(_LIST) if 0 < longest < _LONGEST_LIST else None
    if listed is None:
        raise corruption(path, "is cut short, or not a snapshot")
    contents = unseal(listed.read(), Contents, path)
    parts = contents.collections.values()
    if (
        len(members) != len(sizes) + 1
        or sizes != {name: size for name, (size, _) in contents.files.items()}
        or {name.partition("/")[0] for name in sizes} != set(parts)
        or len(set(parts)) != len(parts)
        or not set(contents.aliases.values()) <= contents.collections.keys()
        or contents.aliases.keys() & contents.collections.keys()
        or (contents.kind == "collection" and len(parts) != 1)
    ):
        raise corruption(path, "does not hold what it lists")
    return contents


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with storage_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
