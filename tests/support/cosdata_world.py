"""A Cosdata service and a plain model of what one of its collections must hold, now and at each version."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from loopback import Gateway

from quiverdb.cosdata.service.layout import MARK
from quiverdb.cosdata.service.service import Service
from quiverdb.database import Database, ScrollRequest
from quiverdb.engine.database import EngineDatabase
from quiverdb.model.filter import Filter, Range

SIZE = 3
Vector = Mapping[str, Any]


def as_float32(numbers: Any) -> list[float]:
    """Return the decimals that float32 numbers are written as."""
    return [float(str(number)) for number in np.asarray(numbers, np.float32)]


def creation(name: str, dimension: int = SIZE, **options: Any) -> dict[str, Any]:
    """The arguments that create a collection."""
    return {"name": name, "dense_vector": {"enabled": True, "dimension": dimension}, **options}


def shown(vector: Vector) -> dict[str, Any]:
    """What ``get_vector`` must answer for a vector of a collection that keeps texts."""
    dense = vector.get("dense_values", vector.get("values"))
    terms = sorted(zip(vector.get("sparse_indices", ()), vector.get("sparse_values", ()), strict=True))
    given = "sparse_indices" in vector
    return {
        "id": str(vector["id"]),
        "document_id": vector.get("document_id"),
        "dense_values": None if dense is None else as_float32(dense),
        "metadata": vector.get("metadata"),
        "sparse_indices": [index for index, _ in terms] if given else None,
        "sparse_values": as_float32([value for _, value in terms]) if given else None,
        "text": vector.get("text"),
    }


class Revision:
    """What a vector is from one commit to the next; another one is another revision, even if it is alike."""

    def __init__(self, vector: Vector) -> None:
        self.vector = vector


State = dict[str, Revision]


class World:
    """A service on a database of its own, a collection of it, and the states that this must have."""

    def __init__(self, kind: str, name: str = "docs") -> None:
        self.folder = Path(tempfile.mkdtemp()) if kind == "disk" else None
        self.kind = kind
        self.name = name
        self.database = self._open()
        self.service = Service(self.database)
        self.service.call("create_collection", creation(name, store_raw_text=True))
        self.present: State = {}
        self.versions: dict[int, State] = {}
        self.descriptions: dict[int, str | None] = {}
        self.current: int | None = None
        """The version that is current, if one is."""

    def _open(self) -> Database:
        return Gateway() if self.kind == "remote" else EngineDatabase.open(self.folder or ":memory:")

    def reopen(self) -> None:
        """Start anew, as another process would."""
        if self.folder is not None:
            self.database.close()
            self.database = self._open()
        self.service = Service(self.database)

    def close(self) -> None:
        self.database.close()
        if self.folder is not None:
            shutil.rmtree(self.folder)

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Carry out an operation on the collection, or on the one that is named."""
        return self.service.call(operation, {"collection": self.name, **arguments})

    # What changes the collection, and the model with it

    def apply(self, steps: list[Vector | str]) -> None:
        """Note vectors that were stored and ids that were deleted."""
        for step in steps:
            if isinstance(step, str):
                self.present.pop(step, None)
            else:
                self.present[str(step["id"])] = Revision(step)
        if steps:
            self.current = None

    def stage(self, steps: list[Vector | str]) -> str:
        """Stage the steps in a new transaction and return its id."""
        transaction: str = self.ask("create_transaction")["transaction_id"]
        for step in steps:
            if isinstance(step, str):
                self.ask("delete_in_transaction", transaction_id=transaction, id=step)
            else:
                self.ask("add_to_transaction", transaction_id=transaction, vector=step)
        return transaction

    def stream(self, vectors: list[Vector]) -> None:
        self.ask("stream_upsert", vectors=vectors)
        self.apply(list(vectors))

    def commit(self, steps: list[Vector | str]) -> None:
        self.ask("commit", transaction_id=self.stage(steps))
        self.apply(steps)

    def mark(self, description: str | None = None) -> int:
        number: int = self.ask("create_version", description=description)["version_number"]
        assert number not in self.versions
        self.versions[number] = dict(self.present)
        self.descriptions[number] = description
        self.current = number
        return number

    def switch(self, number: int) -> None:
        assert self.ask("set_current_version", version=number)["version_number"] == number
        version = self.versions[number]
        self.present = {
            id: self.present[id] if self.present.get(id) is revision else Revision(revision.vector)
            for id, revision in version.items()
        }
        self.current = number

    def forget(self, number: int) -> None:
        assert self.ask("delete_version", version=str(number)) is None
        del self.versions[number], self.descriptions[number]
        if self.current == number:
            self.current = None

    # What must hold

    def check(self) -> None:
        """The collection answers what the model holds, and keeps no more than that needs."""
        self._check_state({}, self.present)
        for number, state in self.versions.items():
            self._check_state({"version": number}, state)
        self._check_versions()
        assert self.ask("get_collection")["vectors_count"] == len(self.present)
        gone = {revision for state in self.versions.values() for revision in state.values()} - {*self.present.values()}
        assert self.database.count(self.name, Filter(must=(Range("died", gte=0.0),))) == len(gone)
        living = self.database.count(self.name, Filter(must=(Range("born", gte=0.0),)))
        assert living == len(self.present)

    def _check_state(self, version: dict[str, int], state: State) -> None:
        for id in "abcdef":
            exists = self.ask("vector_exists", id=id, **version)
            assert exists is (id in state)
            if exists:
                assert self.ask("get_vector", id=id, **version) == shown(state[id].vector)
        for document in "xy":
            found = self.ask("find_vectors", document_id=document, **version)
            having = [state[id].vector for id in sorted(state) if state[id].vector.get("document_id") == document]
            assert found == [shown(vector) for vector in having]

    def _check_versions(self) -> None:
        listed = self.ask("list_versions")
        numbers = [version["version_number"] for version in listed["versions"]]
        assert numbers == sorted(numbers)
        named = {version["version_number"]: version for version in listed["versions"]}
        current = self.ask("current_version")
        assert listed["current_version"] == listed["current_hash"] == current["version_number"]
        assert named.keys() == self.versions.keys() | {current["version_number"]}
        assert (current["version_number"] if current["version_number"] in self.versions else None) == self.current
        assert current["vector_count"] == len(self.present)
        for number, version in named.items():
            assert version == self.ask("get_version", version=str(number))
            assert version["hash"] == number
            assert version["id"] == str(number)
            assert version["vector_count"] == len(self.versions.get(number, self.present))
            assert version["description"] == self.descriptions.get(number)


def contents(database: Database) -> dict[str, Any]:
    """All that the collections of Cosdata hold in a database: settings and points."""
    found: dict[str, Any] = {}
    for name in database.collection_names():
        spec = database.info(name).spec
        if MARK in (spec.metadata or {}):
            count = database.count(name)
            points = database.retrieve(name, _ids(database, name), with_vectors=True) if count else []
            found[name] = repr(spec), {str(point.id): (point.payload, repr(point.vectors)) for point in points}
    return found


def _ids(database: Database, name: str) -> list[Any]:
    return [record.id for record in database.scroll(name, ScrollRequest(limit=10_000)).records]
