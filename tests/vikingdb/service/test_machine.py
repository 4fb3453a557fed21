"""Random sequences of writes leave what a plain dict would hold, with every index in step, and on the disk, too."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from viking_place import FLAT, INDEX, NAME, Clock, Place

from quiverdb.engine.database import EngineDatabase
from quiverdb.vikingdb.exceptions import VikingException

EXAMPLES = int(os.environ.get("QUIVERDB_EXAMPLES", "30"))
FIELDS = (
    {"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True},
    {"FieldName": "city", "FieldType": "string", "DefaultValue": "bath"},
    {"FieldName": "price", "FieldType": "float32"},
    {"FieldName": "at", "FieldType": "date_time", "DefaultValue": "2020-01-01T00:00Z"},
    {"FieldName": "tags", "FieldType": "list<string>"},
    {"FieldName": "vector", "FieldType": "vector", "Dim": 4},
    {"FieldName": "terms", "FieldType": "sparse_vector"},
)
DEFAULTS = {"city": "bath", "price": 0.0, "at": "2020-01-01T00:00Z", "tags": ["default"]}
NEEDED = ("vector", "terms")

keys = st.sampled_from([*range(-4, 0), *range(1, 9)])
numbers = st.integers(-8, 8).map(float)
values: Mapping[str, st.SearchStrategy[Any]] = {
    "city": st.sampled_from(["bath", "york", ""]),
    "price": numbers,
    "at": st.sampled_from(["1999-12-31T23:59Z", "2025-08-12T11:33:56.123+08:00"]),
    "tags": st.lists(st.sampled_from("abc"), max_size=2),
    "vector": st.lists(numbers, min_size=4, max_size=4),
    "terms": st.dictionaries(st.sampled_from("abc"), st.sampled_from([0.5, 2.0]), max_size=2),
}
wrong = st.sampled_from(
    [{"price": "1"}, {"colour": 1}, {"vector": [1.0]}, {"at": "soon"}, {"id": 0}, {"terms": {"a": []}}]
)
rows = st.fixed_dictionaries(
    {"id": keys, **{name: values[name] for name in NEEDED}},
    optional={name: value for name, value in values.items() if name not in NEEDED},
)
changes = st.fixed_dictionaries({"id": keys}, optional=dict(values))
ttls = st.sampled_from([None, 0, 5, 20])


class Writes(RuleBasedStateMachine):
    """Write to a service and to a dict alike: per key the fields, and when the row expires."""

    on_disk = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp() if self.on_disk else ":memory:"
        self.clock = Clock()
        self.place = Place(EngineDatabase.open(self.folder), self.clock)
        self.rows: dict[int, tuple[dict[str, Any], float]] = {}

    @initialize(distance=st.sampled_from(["ip", "l2"]))
    def create(self, distance: str) -> None:
        self.place.create(*FIELDS, index={"IndexType": "hnsw_hybrid", "Distance": distance, "Quant": "float"})

    @rule(data=st.lists(rows, min_size=1, max_size=4), ttl=ttls)
    def upsert(self, data: list[dict[str, Any]], ttl: int | None) -> None:
        assert self.place.ask("upsert", data=data, ttl=ttl)["ids"] == [row["id"] for row in data]
        for row in data:
            self.rows[row["id"]] = ({**DEFAULTS, **row}, self.clock.now + ttl if ttl else np.inf)

    @rule(data=st.lists(changes, min_size=1, max_size=3), ttl=ttls)
    def update(self, data: list[dict[str, Any]], ttl: int | None) -> None:
        alive = self.alive()
        if any(row["id"] not in alive for row in data):
            self.place.refused("NotFound.VikingdbData", "update", {"collection_name": NAME, "data": data, "ttl": ttl})
            return
        self.place.ask("update", data=data, ttl=ttl)
        for row in data:
            fields, expires = self.rows[row["id"]]
            until = expires if ttl is None else self.clock.now + ttl if ttl else np.inf
            self.rows[row["id"]] = ({**fields, **row}, until)

    @rule(ids=st.lists(keys, min_size=1, max_size=4))
    def delete(self, ids: list[int]) -> None:
        self.place.ask("delete", ids=ids)
        for key in ids:
            self.rows.pop(key, None)

    @rule()
    def delete_all(self) -> None:
        self.place.ask("delete", del_all=True)
        self.rows.clear()

    @rule(row=rows, change=wrong, operation=st.sampled_from(["upsert", "update"]))
    def fail(self, row: dict[str, Any], change: dict[str, Any], operation: str) -> None:
        payload = {"collection_name": NAME, "data": [row, {**row, **change}], "ttl": 1}
        self.place.refused("InvalidParameter", operation, payload)

    @rule(seconds=st.sampled_from([1, 4, 5, 15]))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def index_anew(self) -> None:
        self.place.control("delete_index", IndexName=INDEX)
        self.place.control("create_index", IndexName=INDEX, VectorIndex=FLAT)

    @rule()
    def toggle_index(self) -> None:
        self.place.control("disable_index", IndexName=INDEX)
        self.place.control("enable_index", IndexName=INDEX)

    @rule()
    def reopen(self) -> None:
        if not self.on_disk:
            return
        self.place.database.close()
        self.place = Place(EngineDatabase.open(self.folder), self.clock)

    def alive(self) -> dict[int, dict[str, Any]]:
        return {key: fields for key, (fields, expires) in self.rows.items() if expires > self.clock.now}

    @invariant()
    def rows_are_those_of_the_dict(self) -> None:
        try:
            self.place.control("get_index", IndexName=INDEX)
        except VikingException:
            return  # nothing was created yet
        every = [*range(-4, 0), *range(1, 9)]
        alive = self.alive()
        answer = self.place.ask("fetch_in_collection", ids=every)
        assert {row["id"]: row["fields"] for row in answer["fetch"]} == alive
        assert answer["ids_not_exist"] == [key for key in every if key not in alive]
        indexed = self.place.ask_index("fetch_in_index", ids=every, output_fields=["city"])["fetch"]
        assert {row["id"]: (row["fields"]["city"], row["dense_vector"]) for row in indexed} == {
            key: (fields["city"], fields["vector"]) for key, fields in alive.items()
        }
        counts: dict[str, int] = {}
        for fields in alive.values():
            counts[fields["city"]] = counts.get(fields["city"], 0) + 1
        assert self.place.ask_index("aggregate", op="count", field="city")["agg"] == counts

    def teardown(self) -> None:
        self.place.database.close()
        if self.on_disk:
            shutil.rmtree(self.folder)


@pytest.mark.parametrize(("on_disk", "examples"), [(False, EXAMPLES), (True, EXAMPLES // 5)])
def test_rows_are_those_of_a_dict(on_disk: bool, examples: int) -> None:
    run_state_machine_as_test(
        type("Machine", (Writes,), {"on_disk": on_disk}),
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
