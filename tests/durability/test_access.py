"""Who may use a folder: locks, forks, and folders that may not be written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import facts
from quiverdb.errors import ClosedError, LockedError
from quiverdb.qdrant import QdrantClient, models

HOLD = """
import sys
from quiverdb.qdrant import QdrantClient
client = QdrantClient(path=sys.argv[1])
print("held", flush=True)
sys.stdin.read()
client.close()
"""

FORK = """
import os, sys, threading
from quiverdb.errors import ClosedError, LockedError
from quiverdb.qdrant import QdrantClient, models

path = sys.argv[1]
client = QdrantClient(path=path)
count = client.count("main").count
child = os.fork()
if child == 0:
    code = 1
    try:
        for call in (
            lambda: client.count("main"),
            lambda: client.upsert("other", [models.PointStruct(id=1, vector=[1.0, 1.0])]),
            lambda: client.query_points("main", [1.0] * 12, using="v"),
            lambda: client.create_collection("new", vectors_config=models.VectorParams(size=1, distance="Dot")),
        ):
            try:
                call()
            except ClosedError as error:
                assert "fork" in str(error), error
            else:
                raise AssertionError("a forked child used its parent's database")
        try:
            QdrantClient(path=path)
        except LockedError as error:
            assert str(os.getppid()) in str(error), error
        else:
            raise AssertionError("a forked child opened its parent's folder")
        client.close()
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert client.count("main").count == count
client.upsert("other", [models.PointStruct(id=77, vector=[7.0, 7.0])])

reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.read(reader, 1)   # the parent has closed the folder: it is free
    code = 1
    try:
        own = QdrantClient(path=path)
        assert own.retrieve("other", [77])[0].id == 77
        own.upsert("other", [models.PointStruct(id=78, vector=[7.0, 8.0])])
        own.close()
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)
client.close()
os.write(writer, b"x")
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
client = QdrantClient(path=path)
assert {point.id for point in client.retrieve("other", [77, 78])} == {77, 78}
client.close()
"""

READ_ONLY = """
import os, sys, tempfile
from quiverdb.errors import StorageError
from quiverdb.qdrant import QdrantClient

with tempfile.TemporaryDirectory() as other:   # import all modules while they may be read
    QdrantClient(path=other).close()
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    QdrantClient(path=sys.argv[1])
except StorageError as error:
    assert sys.argv[1] in str(error), error
    assert "permission" in str(error), error
else:
    raise AssertionError("a folder that may not be written was opened for writing")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    client = QdrantClient(path=str(tmp_path / "db"))
    facts.fill(client)
    client.close()
    return tmp_path / "db"


def run(code: str, path: Path) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the folder open."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate("")


def test_the_lock_names_its_owner(folder: Path) -> None:
    with holder(folder) as process:
        for _ in range(2):
            with pytest.raises(LockedError) as caught:
                QdrantClient(path=str(folder))
            assert str(process.pid) in str(caught.value)
            assert str(process.pid) in caught.value.owner
            assert Path(caught.value.path) == folder
    with QdrantClient(path=str(folder)) as client:
        assert client.count(facts.OTHER).count == 20


def test_a_dead_owner_holds_no_lock(folder: Path) -> None:
    with holder(folder) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with QdrantClient(path=str(folder)) as client:
        assert client.count(facts.OTHER).count == 20


def test_a_failed_open_leaves_no_lock(folder: Path) -> None:
    """After an error the folder can be opened once its cause is gone, in the same process."""
    largest = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    good = largest.read_bytes()
    largest.write_bytes(good[: len(good) // 2])
    for _ in range(3):
        with pytest.raises(OSError, match=largest.name):
            QdrantClient(path=str(folder))
    largest.write_bytes(good)
    with QdrantClient(path=str(folder)) as client:
        assert client.count(facts.OTHER).count == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_gets_a_clear_error(folder: Path) -> None:
    run(FORK, folder)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX ones")
def test_read_only_folder(folder: Path) -> None:
    before = facts.of_folder(folder)
    paths = [folder, *folder.rglob("*")]
    for parent in (folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    modes = {path: path.stat().st_mode for path in paths}
    try:
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        run(READ_ONLY, folder)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert not facts.difference(facts.of_folder(folder), before)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX ones")
def test_new_folder_where_nothing_may_be_written(tmp_path: Path) -> None:
    parent = tmp_path / "closed"
    parent.mkdir()
    tmp_path.chmod(0o755)
    parent.chmod(0o555)
    tmp_path.parent.chmod(0o755)
    run(READ_ONLY, parent / "db")
    assert not list(parent.iterdir())


def test_closed_client(folder: Path) -> None:
    client = QdrantClient(path=str(folder))
    client.close()
    client.close()
    calls = [
        lambda: client.count(facts.MAIN),
        lambda: client.get_collections(),
        lambda: client.scroll(facts.MAIN),
        lambda: client.upsert(facts.OTHER, [models.PointStruct(id=1, vector=[1.0, 1.0])]),
        lambda: client.delete_collection(facts.MAIN),
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()
