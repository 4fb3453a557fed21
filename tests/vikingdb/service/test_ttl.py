"""Rows with a time to live are gone when it is over, whatever is asked, and wherever the folder is opened again."""

from __future__ import annotations

from pathlib import Path

import pytest
from viking_place import FLAT, NAME, Clock, Place, full_row

from quiverdb.engine.database import EngineDatabase


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(clock: Clock) -> Place:
    made = Place(clock=clock)
    made.create()
    return made


def points(place: Place) -> int:
    return place.database.count(NAME)


def test_a_row_is_there_until_its_time_is_over(place: Place, clock: Clock) -> None:
    place.ask("upsert", data=[full_row(1)], ttl=60)
    place.ask("upsert", data=[full_row(2)], ttl=0)
    place.ask("upsert", data=[full_row(3)])
    clock.now += 59.999
    assert sorted(place.fields(1, 2, 3)) == [1, 2, 3]
    clock.now += 0.001
    for operation in ("fetch_in_collection", "fetch_in_index"):
        more = {"index_name": "main"} if operation == "fetch_in_index" else {}
        answer = place.ask(operation, ids=[1, 2, 3], **more)
        assert ([row["id"] for row in answer["fetch"]], answer["ids_not_exist"]) == ([2, 3], [1])
    assert place.ask_index("aggregate", op="count")["agg"] == {"__TOTAL__": 2}
    assert place.ask_index("aggregate", op="count", field="number")["agg"] == {"20": 1, "30": 1}
    assert place.ask_index("aggregate", op="sum", calc_value_on="number")["agg"] == {"__TOTAL__": 50}
    assert place.ask_index("aggregate", op="vector_weighted_sum", ids=[1, 2])["vector_weighted_sum"]["found_ids"] == [2]
    assert place.control("get_collection")["CollectionStats"] == {"DataCount": 2}
    found = place.ask_index("search_by_vector", dense_vector=[1, 0, 0, 0])
    assert [hit["id"] for hit in found["data"]] == [3, 2]
    place.refused("NotFound.VikingdbData", "update", {"collection_name": NAME, "data": [{"id": 1, "number": 5}]})
    assert points(place) == 3


@pytest.mark.parametrize("operation", ["upsert", "update", "delete"])
def test_writes_sweep_away_what_has_expired(place: Place, clock: Clock, operation: str) -> None:
    place.ask("upsert", data=[full_row(1), full_row(2)], ttl=10)
    place.ask("upsert", data=[full_row(3)])
    clock.now += 10
    assert points(place) == 3
    place.ask(operation, **({"ids": [7]} if operation == "delete" else {"data": [full_row(3)]}))
    assert points(place) == 1


def test_a_row_may_come_again_after_its_time(place: Place, clock: Clock) -> None:
    place.ask("upsert", data=[full_row(1)], ttl=10)
    clock.now += 20
    place.ask("upsert", data=[full_row(1, number=5)])
    clock.now += 1e9
    assert place.fields(1) == {1: full_row(1, number=5)}


def test_an_upsert_decides_anew_how_long_a_row_lives(place: Place, clock: Clock) -> None:
    place.ask("upsert", data=[full_row(1), full_row(2), full_row(3)], ttl=10)
    place.ask("upsert", data=[full_row(1)])
    place.ask("upsert", data=[full_row(2)], ttl=20)
    clock.now += 15
    assert sorted(place.fields(1, 2, 3)) == [1, 2]
    clock.now += 5
    assert sorted(place.fields(1, 2, 3)) == [1]


def test_an_update_lets_a_row_live_as_long_as_before_unless_it_says_how_long(place: Place, clock: Clock) -> None:
    place.ask("upsert", data=[full_row(key) for key in (1, 2, 3)], ttl=10)
    clock.now += 5
    place.ask("update", data=[{"id": 1, "number": 1}])
    place.ask("update", data=[{"id": 2, "number": 1}], ttl=10)
    place.ask("update", data=[{"id": 3, "number": 1}], ttl=0)
    clock.now += 5
    assert sorted(place.fields(1, 2, 3)) == [2, 3]
    clock.now += 5
    assert place.fields(1, 2, 3) == {3: full_row(3, number=1)}


def test_an_update_may_give_the_first_rows_of_a_collection_that_expire(place: Place, clock: Clock) -> None:
    place.ask("upsert", data=[full_row(1)])
    place.ask("update", data=[{"id": 1}], ttl=10)
    clock.now += 10
    assert place.fields(1) == {}
    assert place.ask_index("aggregate", op="count")["agg"] == {"__TOTAL__": 0}


def test_the_longest_time_to_live(place: Place, clock: Clock) -> None:
    place.ask("upsert", data=[full_row(1)], ttl=2**63 - 1)
    place.refused("InvalidParameter", "upsert", {"collection_name": NAME, "data": [full_row(1)], "ttl": 2**63})
    clock.now += 1e15
    assert sorted(place.fields(1)) == [1]


def test_time_goes_on_while_the_folder_is_closed(tmp_path: Path, clock: Clock) -> None:
    with EngineDatabase.open(tmp_path) as database:
        place = Place(database, clock)
        place.create()
        place.ask("upsert", data=[full_row(1)], ttl=100)
        place.ask("upsert", data=[full_row(2)])
        place.control("create_index", IndexName="other", VectorIndex={**FLAT, "Distance": "l2"})
        before = place.everything()
    clock.now += 50
    with EngineDatabase.open(tmp_path) as database:
        place = Place(database, clock)
        assert place.everything() == before
        assert place.fields(1, 2) == {1: full_row(1), 2: full_row(2)}
        assert place.control("get_collection")["IndexNames"] == ["main", "other"]
    clock.now += 50
    with EngineDatabase.open(tmp_path) as database:
        place = Place(database, clock)
        assert place.fields(1, 2) == {2: full_row(2)}
        place.ask("delete", ids=[9])
        assert points(place) == 1
