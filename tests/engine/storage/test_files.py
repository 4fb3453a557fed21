"""Append-only files: what is appended stays, what is not committed goes."""

from __future__ import annotations

import numpy as np
import pytest

from quiverdb.engine.storage.files import AppendFile, DiskFile, MemoryFile
from quiverdb.errors import ClosedError, CorruptionError


@pytest.fixture(params=["disk", "memory"])
def file(request, tmp_path) -> AppendFile:
    return MemoryFile() if request.param == "memory" else DiskFile(tmp_path / "bytes")


def test_views_keep_what_they_showed(file):
    file.append(b"abc")
    before = file.view()
    for _ in range(3000):
        file.append(b"defg")
    assert bytes(before) == b"abc"
    assert bytes(file.view()) == b"abc" + b"defg" * 3000


def test_extend_appends_zeros_as_append_would(tmp_path):
    appended, extended = DiskFile(tmp_path / "a"), DiskFile(tmp_path / "b")
    appended.append(b"x" + bytes(70_000))
    extended.append(b"x")
    extended.extend(70_000)
    assert appended.state == extended.state
    assert bytes(appended.view()) == bytes(extended.view())


def test_rewind_takes_back(file):
    file.append(b"kept")
    state = file.state
    file.append(b"gone")
    file.rewind(state)
    assert bytes(file.view()) == b"kept"
    file.append(b"more")
    assert bytes(file.view()) == b"keptmore"


def test_rewind_to_nothing_leaves_an_empty_view(file):
    state = file.state
    file.append(b"gone")
    assert bytes(file.view()) == b"gone"
    file.rewind(state)
    assert bytes(file.view()) == b""
    file.append(b"next")
    assert bytes(file.view()) == b"next"


def test_views_cannot_be_written(file):
    file.append(np.arange(10, dtype="f4").data)
    with pytest.raises(ValueError, match="read-only"):
        file.view()[0] = 1


def test_a_closed_file_says_so(file):
    file.append(b"abc")
    file.close()
    with pytest.raises(ClosedError):
        file.view()


def test_open_cuts_off_what_was_not_committed(tmp_path):
    path = tmp_path / "bytes"
    file = DiskFile(path)
    file.append(b"committed")
    state = file.state
    file.append(b" and not")
    file.close()
    again = DiskFile(path, state)
    again.verify()
    assert bytes(again.view()) == b"committed"
    assert path.stat().st_size == len(b"committed")


def test_missing_bytes_are_corruption(tmp_path):
    path = tmp_path / "bytes"
    file = DiskFile(path)
    file.append(b"committed")
    state = file.state
    file.close()
    path.write_bytes(b"comm")
    with pytest.raises(CorruptionError, match="4 of 9 bytes"):
        DiskFile(path, state)
    path.unlink()
    with pytest.raises(CorruptionError, match="missing"):
        DiskFile(path, state)


def test_any_flipped_bit_is_found(tmp_path):
    path = tmp_path / "bytes"
    data = np.random.default_rng(0).bytes(1000)
    file = DiskFile(path)
    file.append(data[:300])
    file.append(data[300:])
    state = file.state
    file.close()
    for position in range(0, 1000, 97):
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(CorruptionError, match="damaged"):
            DiskFile(path, state).verify()
