"""Snapshots that are damaged, or made by somebody else, are refused, and nothing is changed."""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import library
import msgspec
import pytest

from quiverdb.engine.database import EngineDatabase
from quiverdb.engine.storage.manifest import FORMAT
from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import QdrantClient
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

EXAMPLES = int(os.environ.get("QUIVERDB_EXAMPLES", "25"))
Members = dict[str, tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Path:
    with QdrantClient(path=tmp_path_factory.mktemp("source")) as client:
        library.fill(client, count=130)
        described = client._database.create_snapshot("library")
        copy = tmp_path_factory.mktemp("copy") / "good.snapshot"
        copy.write_bytes(Path(described.path).read_bytes())
    return copy


@pytest.fixture(scope="module")
def database(tmp_path_factory, snapshot):
    folder = tmp_path_factory.mktemp("target")
    with EngineDatabase.open(folder) as database:
        database.recover_snapshot("library", snapshot)
        yield database


def refused(database: EngineDatabase, path: Path, match: str = "damaged|snapshot") -> None:
    """Recover into a collection that exists and into one that does not: both are refused, and leave no trace."""
    files = everything(database.folder)
    for name in ("library", "new"):
        with pytest.raises(InvalidInputError, match=match) as caught:
            database.recover_snapshot(name, path)
        assert path.name in str(caught.value)
    assert database.collection_names() == ["library"]
    assert everything(database.folder) == files


def everything(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if "rows.sqlite-" not in path.name}


def members(path: Path) -> Members:
    with tarfile.open(path) as tar:
        return {member.name: (member, tar.extractfile(member).read()) for member in tar.getmembers()}


def written(path: Path, content: Members, extra: list[tuple[tarfile.TarInfo, bytes]] = []) -> Path:  # noqa: B006
    with tarfile.open(path, "w") as tar:
        for info, data in [*content.values(), *extra]:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def relisted(content: Members, change: Callable[[dict], None] = lambda listed: None) -> None:
    """Make the list fit the members again, as a forger would."""
    info, data = content.pop("contents.json")
    listed = msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(data)["content"]))
    listed["files"] = {name: (len(data), zlib.crc32(data)) for name, (_, data) in content.items()}
    change(listed)
    raw = msgspec.json.encode(listed)
    content["contents.json"] = (
        info,
        msgspec.json.encode({"format": FORMAT, "crc": zlib.crc32(raw), "content": msgspec.Raw(raw)}),
    )


def test_cut_files(tmp_path, snapshot, database):
    data = snapshot.read_bytes()
    random = Random(1)
    for length in (0, 1, 300, 511, 512, 513, 1024, len(data) // 2, *random.sample(range(len(data) - 11_000), 5)):
        path = tmp_path / f"{length}.snapshot"
        path.write_bytes(data[:length])
        refused(database, path)


def test_flipped_bits(tmp_path, snapshot, database):
    """Wherever a bit flips, it is noticed, or was in bytes that mean nothing."""
    data = snapshot.read_bytes()
    used = sorted(used_bytes(snapshot))
    random = Random(2)
    path = tmp_path / "flipped.snapshot"
    for position in random.sample(used, min(EXAMPLES, len(used))):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1 << random.randrange(8)]) + data[position + 1 :])
        refused(database, path)


def used_bytes(path: Path) -> set[int]:
    """The bytes of the members, and of the names and sizes in their headers."""
    found: set[int] = set()
    with tarfile.open(path) as tar:
        for member in tar.getmembers():
            found.update(range(member.offset_data, member.offset_data + member.size))
            found.update(range(member.offset, member.offset + len(member.name)))
            found.update(range(member.offset + 124, member.offset + 135))
    return found


def test_other_files(tmp_path, snapshot, database):
    for name, data in {"text": b"x" * 4000, "zip": b"PK\3\4" + bytes(4000), "zeros": bytes(10_240)}.items():
        path = tmp_path / name
        path.write_bytes(data)
        refused(database, path, "not a snapshot|damaged")
    foreign = tmp_path / "foreign.snapshot"
    with tarfile.open(foreign, "w") as tar:
        tar.add(snapshot, "0/segment.tar")
    refused(database, foreign)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.x",
        "/tmp/evil.x",
        "0/../../evil.x",
        "0//x.0",
        "0/.hidden.0",
        "0/a/b.0",
        "./0/x.0",
        "0/x",
        "x.0",
        "0\\x.0",
    ],
)
def test_members_that_lead_elsewhere(tmp_path, snapshot, database, name):
    content = members(snapshot)
    content[name] = tarfile.TarInfo(name), b"evil"
    relisted(content)
    refused(database, written(tmp_path / "forged.snapshot", content), "does not belong")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_members_that_are_no_files(tmp_path, snapshot, database, kind):
    info = tarfile.TarInfo("0/link.0")
    info.type, info.linkname = kind, "/etc/passwd"
    refused(database, written(tmp_path / "forged.snapshot", members(snapshot), [(info, b"")]), "does not belong")


@pytest.mark.parametrize("version", ["0.1", "1.0"])
def test_members_with_holes(tmp_path, snapshot, database, version):
    """A few bytes that stand for terabytes of zeros."""
    content = members(snapshot)
    huge = 1 << 42
    info = tarfile.TarInfo("0/bomb.0")
    major, minor = version.split(".")
    info.pax_headers = {"GNU.sparse.major": major, "GNU.sparse.minor": minor, "GNU.sparse.name": "0/bomb.0"}
    if version == "0.1":
        info.pax_headers |= {"GNU.sparse.map": "0,512", "GNU.sparse.size": str(huge)}
    else:
        info.pax_headers["GNU.sparse.realsize"] = str(huge)
    content["0/bomb.0"] = info, b"1\n0\n512\n".ljust(1024, b"\0")
    relisted(content, lambda listed: listed["files"].update({"0/bomb.0": (huge, 0)}))
    refused(database, written(tmp_path / "bomb.snapshot", content), "does not belong")


def test_members_that_are_not_listed(tmp_path, snapshot, database):
    content = members(snapshot)
    stray = [(tarfile.TarInfo("0/stray.0"), b"x")]
    refused(database, written(tmp_path / "stray.snapshot", content, stray), "what it lists")
    twice = [(tarfile.TarInfo("0/records.0"), content["0/records.0"][1])]
    refused(database, written(tmp_path / "twice.snapshot", content, twice), "what it lists")
    del content["0/records.0"]
    refused(database, written(tmp_path / "less.snapshot", content), "what it lists")
    for number, change in enumerate(
        (
            {"collections": {}},
            {"collections": {"a": "0", "b": "0"}},
            {"collections": {"a": "1"}},
            {"aliases": {"x": "nothing"}},
            {"kind": "other"},
            {"files": {}},
        )
    ):
        content = members(snapshot)
        relisted(content, lambda listed, change=change: listed.update(change))
        refused(database, written(tmp_path / f"{number}.snapshot", content))


def test_another_format(tmp_path, snapshot, database):
    content = members(snapshot)
    info, data = content["contents.json"]
    content["contents.json"] = info, data.replace(b'"format":%d' % FORMAT, b'"format":99', 1)
    refused(database, written(tmp_path / "new.snapshot", content), "format 99")


def test_forged_rows(tmp_path, snapshot, database):
    """What the list and the checksums let through is still checked when it is opened."""
    for number, statement in enumerate(
        (
            "DELETE FROM points WHERE offset = 5",
            "UPDATE points SET offset = 100000 WHERE offset = 5",
            "UPDATE points SET id = 1.5 WHERE offset = 5",
            "UPDATE points SET row = x'00' WHERE offset = 5",
            "DELETE FROM meta WHERE key = 'schema'",
            "UPDATE meta SET value = x'80', crc = 1",
            "DROP TABLE points",
        )
    ):
        content = members(snapshot)
        rows = tmp_path / f"{number}.sqlite"
        rows.write_bytes(content["0/rows.sqlite"][1])
        connection = sqlite3.connect(rows)
        connection.execute(statement)
        connection.commit()
        connection.close()
        content["0/rows.sqlite"] = content["0/rows.sqlite"][0], rows.read_bytes()
        relisted(content)
        refused(database, written(tmp_path / f"{number}.snapshot", content))


def test_a_lost_graph_is_built_again(tmp_path, snapshot, database):
    content = {name: member for name, member in members(snapshot).items() if "graph" not in name}
    relisted(content)
    with EngineDatabase.open(":memory:") as copy:
        copy.recover_snapshot("library", written(tmp_path / "less.snapshot", content))
        client = QdrantClient(database=copy)
        library.settle(client)
        assert library.answers(client) == library.answers(QdrantClient(database=database))


def test_a_client_answers_as_a_server(tmp_path, snapshot):
    path = tmp_path / "cut.snapshot"
    path.write_bytes(snapshot.read_bytes()[:5000])
    with QdrantClient(":memory:") as client, pytest.raises(UnexpectedResponse) as caught:
        client.recover_snapshot("library", path.as_uri())
    assert caught.value.status_code == 400
