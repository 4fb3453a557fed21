"""The manifest of a database folder: its format, its collections with their folders, its aliases.

It is replaced as a whole by rename, so that it is either the old or the new one after a crash. Folders that it
does not name hold nothing.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import msgspec

from quiverdb.engine.storage.files import corruption, storage_error
from quiverdb.errors import FormatError

__all__ = ["FORMAT", "Manifest", "read_manifest", "sync_folder", "write_manifest"]

FORMAT = 2
_NAME = "manifest.json"


class Manifest(msgspec.Struct, frozen=True):
    """List the collections by name with the folder of each, and the aliases with the collection of each."""

    collections: dict[str, str] = {}
    aliases: dict[str, str] = {}


class _Envelope(msgspec.Struct):
    format: int
    crc: int
    content: msgspec.Raw = msgspec.Raw(b"{}")


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a folder; None when it has none yet."""
    path = folder / _NAME
    try:
        envelope = msgspec.json.decode(path.read_bytes(), type=_Envelope)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, path) from error
    except msgspec.MsgspecError as error:
        raise corruption(path) from error
    if envelope.format != FORMAT:
        raise FormatError(
            f"{folder} has folder format {envelope.format}; this release reads format {FORMAT}: "
            "open it with the release that wrote it",
            path=str(folder),
            found=envelope.format,
            supported=FORMAT,
        )
    if zlib.crc32(bytes(envelope.content)) != envelope.crc:
        raise corruption(path)
    return msgspec.json.decode(envelope.content, type=Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a folder, on disk when this returns."""
    content = msgspec.json.encode(manifest)
    data = msgspec.json.encode(_Envelope(format=FORMAT, crc=zlib.crc32(content), content=msgspec.Raw(content)))
    path = folder / _NAME
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, path) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system needs that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
