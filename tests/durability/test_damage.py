"""Damaged folders: whatever befalls a file, there are the right answers or a clear error, and nothing else is lost."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from inspector import Inspector

import facts
from quiverdb.errors import CorruptionError, FormatError, StorageError
from quiverdb.qdrant import QdrantClient, models

FLIPS = 12


@dataclass
class Sample:
    """An undamaged folder, and a process that judges copies of it."""

    folder: Path
    inspector: Inspector
    scratch: Path
    refusals: int = 0

    @property
    def files(self) -> list[Path]:
        """All files, by their place in the folder; the lock is empty and says nothing."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return sorted(path for path in found if (self.folder / path).stat().st_size)

    def copy(self) -> Path:
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.copytree(self.folder, self.scratch)
        return self.scratch

    def verdict(self, file: Path, data: bytes | None) -> str | None:
        """Put other bytes into a file, or remove it; tell what is wrong with what comes of it, if anything."""
        target = self.copy() / file
        good = target.read_bytes()
        if data is None:
            target.unlink()
        else:
            target.write_bytes(data)
        answer = self.inspector.ask(self.scratch)
        if answer == ["same"]:
            return None
        if answer[0] != "error":
            return f"{answer}"
        if not answer[2]:
            return f"not one of our errors: {answer}"
        self.refusals += 1
        if self.refusals % 3:  # one in three says enough, and takes as long as the damage itself
            return None
        target.write_bytes(good)
        again = self.inspector.ask(self.scratch)
        return None if again == ["same"] else f"after {answer[1:]} and putting the file back: {again}"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    base = tmp_path_factory.mktemp("damage")
    with_client(base / "folder")
    expected = base / "facts"
    expected.write_bytes(pickle.dumps(facts.of_folder(base / "folder")))
    inspector = Inspector(expected)
    made = Sample(base / "folder", inspector, base / "scratch")
    made.copy()
    assert inspector.ask(made.scratch) == ["same"]
    yield made
    inspector.close()


def with_client(folder: Path) -> None:
    """Fill a folder and close it when the background work is done."""
    client = QdrantClient(path=str(folder))
    facts.fill(client)
    deadline = time.monotonic() + 30
    while (info := client.get_collection(facts.MAIN)).status != models.CollectionStatus.GREEN:
        assert time.monotonic() < deadline, info
        time.sleep(0.01)
    assert info.indexed_vectors_count
    client.close()


def failures(sample: Sample, damages: Iterator[tuple[Path, str, bytes | None]]) -> list[str]:
    return [
        f"{file}, {about}: {wrong}"
        for file, about, data in damages
        if (wrong := sample.verdict(file, data)) is not None
    ]


def test_flipped_bits(sample: Sample) -> None:
    random = Random(5)

    def damages() -> Iterator[tuple[Path, str, bytes]]:
        for file in sample.files:
            good = (sample.folder / file).read_bytes()
            places = {*range(4), 18, 24, 28, 56, 100, len(good) - 1}
            places |= {random.randrange(len(good)) for _ in range(FLIPS)}
            for place in sorted(place for place in places if place < len(good)):
                bad = bytearray(good)
                bad[place] ^= 1 << random.randrange(8)
                yield file, f"byte {place} of {len(good)}: {good[place]:#x} -> {bad[place]:#x}", bytes(bad)

    found = failures(sample, damages())
    assert not found, "\n".join([f"{len(found)} cases", *found[:20]])


def test_overwritten_blocks(sample: Sample) -> None:
    """Blocks of zeros or of other bytes, as a failing disk or a bad copy leaves them."""
    random = Random(6)

    def damages() -> Iterator[tuple[Path, str, bytes]]:
        for file in sample.files:
            good = (sample.folder / file).read_bytes()
            for _ in range(4):
                start, length = random.randrange(len(good)), random.choice([16, 512, 4096])
                for fill in (bytes(length), random.randbytes(length)):
                    bad = good[:start] + fill[: len(good) - start] + good[start + length :]
                    yield file, f"{length} bytes at {start} of {len(good)}", bad

    found = failures(sample, damages())
    assert not found, "\n".join([f"{len(found)} cases", *found[:20]])


def test_truncated_files(sample: Sample) -> None:
    def damages() -> Iterator[tuple[Path, str, bytes]]:
        for file in sample.files:
            good = (sample.folder / file).read_bytes()
            for size in sorted({0, 1, len(good) // 3, len(good) // 2, len(good) - 100, len(good) - 1}):
                if 0 <= size < len(good):
                    yield file, f"cut to {size} of {len(good)} bytes", good[:size]

    found = failures(sample, damages())
    assert not found, "\n".join([f"{len(found)} cases", *found[:20]])


def test_missing_and_longer_files(sample: Sample) -> None:
    def damages() -> Iterator[tuple[Path, str, bytes | None]]:
        for file in sample.files:
            good = (sample.folder / file).read_bytes()
            yield file, "removed", None
            yield file, "zeros appended", good + bytes(1000)
            yield file, "appended to itself", good + good[-500:]

    found = failures(sample, damages())
    assert not found, "\n".join([f"{len(found)} cases", *found[:20]])


def test_errors_name_the_damaged_file(sample: Sample) -> None:
    """The largest file is certainly needed."""
    file = max(sample.files, key=lambda path: (sample.folder / path).stat().st_size)
    target = sample.copy() / file
    target.write_bytes(target.read_bytes()[:100])
    with pytest.raises(CorruptionError) as caught:
        facts.of_folder(sample.scratch)
    assert Path(caught.value.path).name == file.name
    assert file.name in str(caught.value)


def numbers(value: Any) -> int | None:
    """The version number in a manifest, whatever it is called."""
    return next((key for key in ("format", "version", "format_version") if isinstance(value.get(key), int)), None)


@pytest.mark.parametrize("step", [1, -1, 100])
def test_folder_of_another_version(sample: Sample, step: int) -> None:
    """Newer and older folders are refused, and left as they are."""
    folder = sample.copy()
    changed = 0
    for path in folder.glob("*.json"):
        content = json.loads(path.read_bytes())
        if (key := numbers(content)) is not None:
            path.write_text(json.dumps(content | {key: content[key] + step}))
            version, changed = content[key], changed + 1
    assert changed == 1, "no version number was found"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(FormatError) as caught:
        QdrantClient(path=str(folder))
    assert (caught.value.found, caught.value.supported) == (version + step, version)
    assert str(version + step) in str(caught.value)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    """Foreign files survive: a database is made beside them, or refused."""
    keep = {tmp_path / "notes.txt": b"keep me", tmp_path / "collections" / "mine" / "data.bin": b"me too"}
    for path, data in keep.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with contextlib.suppress(StorageError):
        QdrantClient(path=str(tmp_path)).close()
    assert {path: path.read_bytes() if path.exists() else None for path in keep} == keep


def test_path_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"not a folder")
    with pytest.raises(StorageError):
        QdrantClient(path=str(path))
    assert path.read_bytes() == b"not a folder"
