"""The manifest and the writer lock."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from quiverdb.engine.storage.lock import WriterLock
from quiverdb.engine.storage.manifest import FORMAT, Manifest, read_manifest, write_manifest
from quiverdb.errors import CorruptionError, FormatError, LockedError

MANIFEST = Manifest({"docs": "0123", 'a "b" ü': "4567"}, {"alias": "docs"})


def test_reads_back(tmp_path):
    assert read_manifest(tmp_path) is None
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST


def test_every_flipped_byte_is_found(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    path = tmp_path / "manifest.json"
    data = path.read_bytes()
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises((CorruptionError, FormatError)):
            read_manifest(tmp_path)


def test_another_format_is_named(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    path = tmp_path / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"format":%d' % FORMAT, b'"format":99'))
    with pytest.raises(FormatError, match="99") as caught:
        read_manifest(tmp_path)
    assert (caught.value.found, caught.value.supported) == (99, FORMAT)


def test_the_lock_names_its_owner(tmp_path):
    lock = WriterLock(tmp_path)
    code = (
        "from pathlib import Path; from quiverdb.engine.storage.lock import WriterLock;"
        f"WriterLock(Path({str(tmp_path)!r}))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "LockedError" in other.stderr
    assert f"pid {os.getpid()}" in other.stderr
    lock.release()
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_lock_of_a_dead_process_is_free(tmp_path):
    code = (
        "import os; from pathlib import Path; from quiverdb.engine.storage.lock import WriterLock;"
        f"WriterLock(Path({str(tmp_path)!r})); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    WriterLock(tmp_path).release()


def test_a_second_lock_fails_with_fields(tmp_path):
    lock = WriterLock(tmp_path)
    with pytest.raises(LockedError) as caught:
        WriterLock(tmp_path)
    assert str(os.getpid()) in caught.value.owner
    assert caught.value.path == str(tmp_path)
    lock.release()
