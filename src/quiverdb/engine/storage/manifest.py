"""The manifest of a database folder: its format, its collections with their folders, its aliases.

It is replaced as a whole by rename, so that it is either the old or the new one after a crash. Folders that it
does not name hold nothing.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from quiverdb.engine.storage.files import corruption, storage_error, storage_errors
from quiverdb.errors import FormatError

__all__ = ["FORMAT", "Manifest", "read_manifest", "seal", "sync_folder", "unseal", "write_manifest"]

FORMAT = 2
_NAME = "manifest.json"
_T = TypeVar("_T")


class Manifest(msgspec.Struct, frozen=True):
    """List the collections by name with the folder of each, and the aliases with the collection of each.

    ``peer`` is the number that the database goes by among the nodes of a cluster; 0 when none was given out yet.
    """

    collections: dict[str, str] = {}
    aliases: dict[str, str] = {}
    peer: int = 0


class _Envelope(msgspec.Struct):
    format: int
    crc: int
    content: msgspec.Raw = msgspec.Raw(b"{}")


def seal(content: object) -> bytes:
    """Encode content as JSON with its check value and the number of the format."""
    data = msgspec.json.encode(content)
    return msgspec.json.encode(_Envelope(format=FORMAT, crc=zlib.crc32(data), content=msgspec.Raw(data)))


def unseal(data: bytes, kind: type[_T], path: Path) -> _T:
    """Decode what ``seal`` has made; raises ``FormatError`` or ``CorruptionError`` naming ``path``."""
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
        if envelope.format != FORMAT:
            raise FormatError(
                f"{path} has format {envelope.format}; this release reads format {FORMAT}: "
                "open it with the release that wrote it",
                path=str(path),
                found=envelope.format,
                supported=FORMAT,
            )
        if zlib.crc32(bytes(envelope.content)) != envelope.crc:
            raise corruption(path)
        return msgspec.json.decode(envelope.content, type=kind)
    except msgspec.MsgspecError as error:
        raise corruption(path) from error


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a folder; None when it has none yet."""
    path = folder / _NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, path) from error
    return unseal(data, Manifest, path)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a folder, on disk when this returns."""
    path = folder / _NAME
    fresh = path.with_suffix(".new")
    with storage_errors(path):
        with fresh.open("wb") as file:
            file.write(seal(manifest))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system needs that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
