"""Running out of space: the request that fails changes nothing, and writing goes on when there is space again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import filler
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits on files are a POSIX feature")


def run(*arguments: str) -> str:
    command = [sys.executable, filler.__file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


@pytest.mark.parametrize("then", ["stay", "close"])
@pytest.mark.parametrize("limit", [5_000, 21_000, 70_000, 120_000])
def test_files_that_may_not_grow(limit: int, then: str, tmp_path: Path) -> None:
    message = run(str(tmp_path / "db"), "limit", str(limit), then)
    assert "space" in message
    assert str(tmp_path) in message


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(path)]
    mounts = shutil.which("mount") is not None and os.geteuid() == 0
    if not mounts or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.parametrize(("ballast", "then"), [(2_000_000, "stay"), (2_300_000, "stay"), (2_500_000, "close")])
def test_full_disk(ballast: int, then: str, small_disk: Path) -> None:
    """The room is made by deleting another file, as a person would."""
    (small_disk / "ballast").write_bytes(bytes(ballast))
    assert "space" in run(str(small_disk / "db"), "ballast", str(small_disk / "ballast"), then)


SNAPSHOTS = """
import resource, sys
from pathlib import Path
import library
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import StorageError
from quiverdb.qdrant import QdrantClient

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

folder, place, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with EngineDatabase.open(":memory:" if place == "memory" else folder) as database:
    client = QdrantClient(database=database)
    library.fill(client, count=130)
    good = database.create_snapshot("library")
    client.delete("library", [1])
    before = library.answers(client)
    files = {path for path in Path(good.path).parents[2].rglob("*") if "rows.sqlite-" not in path.name}
    for attempt, argument in ((database.create_snapshot, ()), (database.recover_snapshot, (good.path,))):
        limit(size)
        try:
            attempt("library", *argument)
        except StorageError as error:
            assert "space" in str(error), error
        else:
            raise AssertionError("it did not fail")
        limit(resource.RLIM_INFINITY)
        assert database.snapshots("library") == [good]
        assert library.answers(client) == before
        left = {path for path in Path(good.path).parents[2].rglob("*") if "rows.sqlite-" not in path.name}
        assert left == files, left ^ files
    database.recover_snapshot("library", good.path)
    assert client.count("library").count == before["counts"][0] + 1
"""


@pytest.mark.parametrize(("place", "limit"), [("memory", 3_000), ("disk", 3_000), ("disk", 9_000)])
def test_snapshots_without_space(place: str, limit: int, tmp_path: Path) -> None:
    support = str(Path(filler.__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([support, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", SNAPSHOTS, str(tmp_path / "db"), place, str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
