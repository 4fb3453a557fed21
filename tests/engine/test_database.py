"""The catalogue, opening and closing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from quiverdb.database import AliasChange, ScrollRequest
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import AlreadyExistsError, ClosedError, InvalidInputError, LockedError, NotFoundError
from quiverdb.model.collection import (
    CollectionPatch,
    CollectionSpec,
    Distance,
    HnswSpec,
    SparseVectorSpec,
    VectorPatch,
    VectorSpec,
)
from quiverdb.model.filter import Condition, Filter, MatchText, MatchValue
from quiverdb.model.point import DenseColumn, Points, SparseVector
from quiverdb.model.query import Nearest, Query
from quiverdb.model.write import Upsert

SPEC = CollectionSpec({"": VectorSpec(2, Distance.DOT)}, metadata={"a": 1, "b": 2})


def points(count: int) -> Upsert:
    return Upsert(Points(list(range(count)), {"": DenseColumn(np.ones((count, 2), "f4"))}))


def test_collections(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("b", SPEC)
        database.create_collection("a", SPEC)
        with pytest.raises(AlreadyExistsError):
            database.create_collection("a", SPEC)
        assert database.collection_names() == ["a", "b"]
        assert database.delete_collection("a") is True
        assert database.delete_collection("a") is False
        with pytest.raises(NotFoundError) as caught:
            database.info("a")
        assert (caught.value.kind, caught.value.name) == ("collection", "a")
    with EngineDatabase.open(tmp_path) as database:
        assert database.collection_names() == ["b"]


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\\b", "x" * 256, "a\0", 'a"', "a\n", "a\ud800", None, 7])
def test_bad_names(name):
    with EngineDatabase.open(":memory:") as database, pytest.raises(InvalidInputError):
        database.create_collection(name, SPEC)


def test_aliases_change_together_or_not_at_all(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("docs", SPEC)
        database.write("docs", [points(3)])
        database.update_aliases([AliasChange("now", "docs"), AliasChange("later", rename="now")])
        with pytest.raises(NotFoundError):
            database.update_aliases([AliasChange("x", "docs"), AliasChange("y", "nowhere")])
        assert database.aliases() == {"later": "docs"}
        assert database.count("later") == 3
    with EngineDatabase.open(tmp_path) as database:
        assert database.aliases() == {"later": "docs"}
        database.delete_collection("docs")
        assert database.aliases() == {}


def test_settings_are_merged(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("docs", SPEC)
        patch = CollectionPatch(
            vectors={"": VectorPatch(hnsw=HnswSpec(m=8))}, hnsw=HnswSpec(ef_construct=50), metadata={"b": 3, "c": 4}
        )
        database.update_collection("docs", patch)
        database.update_collection("docs", CollectionPatch(hnsw=HnswSpec(m=12)))
    with EngineDatabase.open(tmp_path) as database:
        spec = database.info("docs").spec
        assert spec.hnsw == HnswSpec(m=12, ef_construct=50)
        assert spec.vectors[""].hnsw == HnswSpec(m=8)
        assert spec.metadata == {"a": 1, "b": 3, "c": 4}


def test_one_folder_is_one_database_within_a_process(tmp_path):
    first, second = EngineDatabase.open(tmp_path), EngineDatabase.open(str(tmp_path) + "/.")
    first.create_collection("docs", SPEC)
    assert second.has_collection("docs")
    first.close()
    second.write("docs", [points(2)])
    second.close()
    with pytest.raises(ClosedError):
        second.count("docs")
    second.close()


def test_another_process_is_told_who_has_the_folder(tmp_path):
    code = f"from quiverdb.engine.database import EngineDatabase as E; E.open({str(tmp_path)!r})"
    with EngineDatabase.open(tmp_path):
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert LockedError.__name__ in found.stderr
    assert str(os.getpid()) in found.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_must_open_anew(tmp_path):
    code = f"""
import os, sys
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import ClosedError
database = EngineDatabase.open({str(tmp_path)!r})
pid = os.fork()
if pid == 0:
    try:
        database.collection_names()
    except ClosedError:
        database.close()
        os._exit(7)
    os._exit(1)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
database.collection_names()
sys.exit(status)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


def test_unfinished_creations_are_cleared_away(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("docs", SPEC)
    orphan = tmp_path / "collections" / ("0" * 32)
    orphan.mkdir()
    (orphan / "vectors-0.0").write_bytes(b"x")
    with EngineDatabase.open(tmp_path) as database:
        assert database.collection_names() == ["docs"]
    assert not orphan.exists()


def test_scroll_pages_through_integers_then_uuids():
    uuids = [f"00000000-0000-0000-0000-{number:012x}" for number in range(3000)]
    ids = [*range(0, 6000, 2), *uuids, 2**64 - 1]
    shuffled = np.random.default_rng(1).permutation(len(ids))
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("docs", SPEC)
        for part in np.array_split(shuffled, 5):
            batch = [ids[index] for index in part]
            database.write("docs", [Upsert(Points(batch, {"": DenseColumn(np.ones((len(batch), 2), "f4"))}))])
        found, start = [], None
        while True:
            page = database.scroll("docs", ScrollRequest(limit=777, offset=start))
            found += [record.id for record in page.records]
            start = page.next
            if start is None:
                break
        assert found == [*range(0, 6000, 2), 2**64 - 1, *uuids]
        assert [record.id for record in database.scroll("docs", ScrollRequest(limit=2, offset=5)).records] == [6, 8]


def test_a_folder_opened_in_one_thread_may_be_closed_in_another(tmp_path):
    database = EngineDatabase.open(tmp_path)
    thread = threading.Thread(target=database.close)
    thread.start()
    thread.join()
    code = f"from quiverdb.engine.database import EngineDatabase as E; E.open({str(tmp_path)!r}).close()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sparse_searches_beside_upserts():
    weights = SparseVector(np.array([1, 2]), np.array([1.0, 2.0], "f4"))
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("docs", CollectionSpec({}, {"s": SparseVectorSpec()}))
        done = threading.Event()
        failures = []

        def search() -> None:
            while not done.is_set():
                found = database.query("docs", [Query(Nearest(weights), using="s", limit=10_000)])[0]
                if len(found) % 500:
                    failures.append(len(found))

        readers = [threading.Thread(target=search) for _ in range(2)]
        for reader in readers:
            reader.start()
        for start in range(0, 10_000, 500):
            database.write("docs", [Upsert(Points(list(range(start, start + 500)), {"s": [weights] * 500}))])
        done.set()
        for reader in readers:
            reader.join()
        assert not failures
        assert database.count("docs") == 10_000


def test_deep_payloads_are_refused():
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("docs", SPEC)
        payload = {}
        for _ in range(200):
            payload = {"deeper": payload}
        point = Points([1], {"": DenseColumn(np.ones((1, 2), "f4"))}, [payload])
        with pytest.raises(InvalidInputError, match="levels"):
            database.write("docs", [Upsert(point)])
        assert database.count("docs") == 0


def test_filters_with_huge_integers_are_refused():
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("docs", SPEC)
        with pytest.raises(InvalidInputError, match="64 bits"):
            database.count("docs", Filter(must=(MatchValue("a", 2**70),)))


@pytest.mark.parametrize(
    "condition", [MatchValue("city", "\ud800"), MatchText("city", "\udfff"), MatchValue("\ud800", 1)]
)
def test_half_a_character_in_a_filter_is_refused(condition: Condition) -> None:
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("docs", CollectionSpec({"": VectorSpec(2, Distance.DOT)}))
        with pytest.raises(InvalidInputError, match="half a character"):
            database.count("docs", Filter(must=(condition,)))


def test_a_request_outlasts_any_number_of_replacements():
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("c", CollectionSpec({"": VectorSpec(2, Distance.DOT)}))
        left = 10

        def ask(collection):
            nonlocal left
            if left:
                left -= 1
                database.delete_collection("c")
                database.create_collection("c", CollectionSpec({"": VectorSpec(2, Distance.DOT)}))
            return len(collection.view.live)

        assert database._ask("c", ask) == 0
        assert left == 0
