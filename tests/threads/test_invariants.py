"""Readers and writers at the same time on one database: what a single read may and may not see."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from crew import Going, work

from quiverdb.errors import ClosedError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

NAME = "shared"
COUNT, SIZE = 300, 16
ALL = 10_000


@pytest.fixture(params=["memory", "disk"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QdrantClient]:
    """A client on a collection whose thresholds are so low that background work never ends."""
    made = QdrantClient(":memory:") if request.param == "memory" else QdrantClient(path=str(tmp_path / "db"))
    create(made)
    yield made
    made.close()


def create(client: QdrantClient) -> None:
    client.create_collection(
        NAME,
        vectors_config=models.VectorParams(size=SIZE, distance=models.Distance.EUCLID),
        optimizers_config=models.OptimizersConfigDiff(
            indexing_threshold=5, deleted_threshold=0.1, vacuum_min_vector_number=100
        ),
        hnsw_config=models.HnswConfigDiff(m=8, ef_construct=32, full_scan_threshold=10),
    )


def row(point: int, generation: int) -> list[float]:
    """A vector whose first component is its generation, the second its id."""
    noise = np.random.default_rng((point, generation)).normal(size=SIZE - 2)
    return [float(generation), float(point), *noise.tolist()]


def points(ids: list[int], generation: int) -> list[models.PointStruct]:
    return [models.PointStruct(id=i, vector=row(i, generation), payload={"generation": generation}) for i in ids]


def is_generation(value: int) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="generation", match=models.MatchValue(value=value))])


def generations(found: list[Any]) -> set[int]:
    return {point.payload["generation"] for point in found}


class Generations:
    """Replaces all points again and again, each time as one batch."""

    def __init__(self, client: QdrantClient) -> None:
        self.client = client
        self.ids = list(range(COUNT))
        self.current = 0
        client.upsert(NAME, points(self.ids, 0))

    def write(self, going: Going) -> None:
        random = Random(1)
        while going():
            following = self.current + 1
            random.shuffle(self.ids)
            if following % 3:
                self.client.upsert(NAME, points(self.ids, following), wait=bool(following % 2))
            else:
                self.client.batch_update_points(NAME, self._in_parts(following))
            self.current = following

    def _in_parts(self, generation: int) -> list[Any]:
        """The new generation as several operations of one request."""
        half = COUNT // 2
        vectors = [models.PointVectors(id=i, vector=row(i, generation)) for i in self.ids[half:]]
        payload = models.SetPayload(payload={"generation": generation}, points=self.ids[half:])
        new = models.PointsList(points=points(self.ids[: half // 2], generation))
        rest = models.PointsList(points=points(self.ids[half // 2 : half], generation))
        return [
            models.DeleteOperation(delete=models.PointIdsList(points=self.ids[:half])),
            models.UpsertOperation(upsert=new),
            models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(points=vectors)),
            models.SetPayloadOperation(set_payload=payload),
            models.UpsertOperation(upsert=rest),
        ]


def test_a_read_sees_one_generation(client: QdrantClient) -> None:
    """Scrolls, queries and counts see all of a batch or nothing of it, and vectors that go with the payloads."""
    writer = Generations(client)

    def scroll(going: Going) -> None:
        while going():
            found, _ = client.scroll(NAME, limit=ALL, with_vectors=True)
            assert len({point.id for point in found}) == len(found) == COUNT
            assert len(generations(found)) == 1
            for point in found:
                assert point.vector[:2] == [point.payload["generation"], point.id]

    def query(going: Going) -> None:
        for number in itertools.count():
            if not going():
                return
            params = models.SearchParams(exact=bool(number % 2))
            found = client.query_points(
                NAME, row(7, writer.current), limit=ALL, search_params=params, with_vectors=True
            ).points
            assert len({point.id for point in found}) == len(found) == COUNT
            assert len(generations(found)) == 1
            for point in found:
                assert point.vector[:2] == [point.payload["generation"], point.id]

    def count(going: Going) -> None:
        while going():
            assert client.count(NAME).count == COUNT
            assert client.count(NAME, is_generation(writer.current)).count in (0, COUNT)
            assert client.count(NAME, is_generation(writer.current + 1)).count in (0, COUNT)

    work(writer.write, scroll, query, count, seconds=2.0)
    assert writer.current > 3


def test_a_filter_returns_only_what_it_lets_through(client: QdrantClient) -> None:
    """Also while the indexes that evaluate it come and go, and values change under it."""
    writer = Generations(client)

    def filtered(going: Going) -> None:
        while going():
            wanted = writer.current
            found, _ = client.scroll(NAME, is_generation(wanted), limit=ALL)
            assert len(found) in (0, COUNT)
            assert generations(found) <= {wanted}
            hits = client.query_points(NAME, row(1, wanted), query_filter=is_generation(wanted), limit=ALL).points
            assert len(hits) in (0, COUNT)
            assert generations(hits) <= {wanted}
            few = client.query_points(NAME, row(1, wanted), query_filter=is_generation(wanted), limit=5).points
            assert generations(few) <= {wanted}

    def facet(going: Going) -> None:
        while going():
            hits = client.facet(NAME, "generation", exact=True).hits
            assert [hit.count for hit in hits] == [COUNT]

    def declare(going: Going) -> None:
        while going():
            client.create_payload_index(NAME, "generation", models.PayloadSchemaType.INTEGER)
            client.delete_payload_index(NAME, "generation")

    work(writer.write, filtered, facet, declare, seconds=1.5)


def test_writes_are_seen_once_they_are_acknowledged(client: QdrantClient) -> None:
    """Stored points are found and deleted ones are not, by every read that starts after the answer."""
    stored: set[int] = set()
    deleted: set[int] = set()
    steady = list(range(100_000, 100_100))
    client.upsert(NAME, points(steady, 0))

    def write(going: Going) -> None:
        for first in itertools.count(step=40):
            if not going():
                return
            ids = list(range(first, first + 40))
            client.upsert(NAME, points(ids, 1), wait=bool(first % 80))
            stored.update(ids)
            if first >= 200:
                old = list(range(first - 200, first - 170))
                stored.difference_update(old)
                client.delete(NAME, old, wait=bool(first % 80))
                deleted.update(old)

    def search(going: Going) -> None:
        random = Random(2)
        while going():
            gone = set(deleted)
            about = random.choice(sorted(gone)) if gone else 0
            for params in (models.SearchParams(exact=True), models.SearchParams(hnsw_ef=32), None):
                hits = client.query_points(NAME, row(about, 1), limit=20, search_params=params).points
                assert not gone & {hit.id for hit in hits}, "a deleted point was found"

    def look_up(going: Going) -> None:
        random = Random(3)
        while going():
            gone, there = set(deleted), sorted(stored)
            if there:
                sample = random.sample(there, min(20, len(there)))
                found = {record.id for record in client.retrieve(NAME, sample)}
                assert found >= set(sample) & stored, "a stored point was not found"
                exact = models.SearchParams(exact=True)
                hit = client.query_points(NAME, row(sample[0], 1), limit=1, search_params=exact).points[0]
                assert hit.id == sample[0] or sample[0] not in stored
            assert not gone & {record.id for record in client.scroll(NAME, limit=ALL)[0]}
            assert not client.retrieve(NAME, list(gone)[:50])

    work(write, search, look_up, seconds=1.5)
    left = {record.id for record in client.scroll(NAME, limit=ALL)[0]}
    assert left == stored | set(steady)


def test_writers_do_not_disturb_each_other(client: QdrantClient) -> None:
    """Every write of every thread is there in the end, under a number of its own."""
    writers, numbers = 4, []
    written = [0] * writers

    def write_own(me: int) -> Any:
        def write(going: Going) -> None:
            while going():
                ids = [me * 100_000 + written[me] * 10 + i for i in range(10)]
                numbers.append(client.upsert(NAME, points(ids, me), wait=bool(me % 2)).operation_id)
                numbers.append(client.set_payload(NAME, {"by": me}, ids, wait=bool(me % 2)).operation_id)
                written[me] += 1

        return write

    work(*(write_own(me) for me in range(writers)), seconds=1.0)
    assert len(set(numbers)) == len(numbers) == 2 * sum(written)
    assert client.count(NAME).count == 10 * sum(written)
    for me in range(writers):
        mine = models.Filter(must=[models.FieldCondition(key="by", match=models.MatchValue(value=me))])
        assert client.count(NAME, mine).count == client.count(NAME, is_generation(me)).count == 10 * written[me]


def calls(client: QdrantClient, name: str) -> list[Callable[[], Any]]:
    """Calls of each kind on a collection, none of which changes what the others find."""
    return [
        lambda: client.scroll(name, limit=ALL),
        lambda: client.query_points(name, row(1, 5), limit=ALL),
        lambda: client.query_batch_points(name, [models.QueryRequest(query=row(1, 5))] * 2),
        lambda: client.count(name, is_generation(5)),
        lambda: client.facet(name, "generation"),
        lambda: client.retrieve(name, [1, 2], with_vectors=True),
        lambda: client.get_collection(name),
        lambda: client.set_payload(name, {"note": 1}, [1]),
        lambda: client.update_vectors(name, [models.PointVectors(id=1, vector=row(1, 5))]),
        lambda: client.create_payload_index(name, "note", models.PayloadSchemaType.INTEGER),
    ]


def repeat(call: Callable[[], Any]) -> None:
    """Call until an error ends it."""
    while True:
        call()


def test_collections_come_and_go_under_readers(client: QdrantClient) -> None:
    """A call on a collection that is being replaced finds its points or says 404, and nothing else."""
    name = "comes and goes"

    def replace(going: Going) -> None:
        params = models.VectorParams(size=SIZE, distance=models.Distance.DOT)
        while going():
            client.create_collection(name, vectors_config=params)
            client.upsert(name, points([1, 2, 3], 5))
            client.delete_collection(name)

    def read(going: Going) -> None:
        while going():
            try:
                found, _ = client.scroll(name, limit=10)
                hits = client.query_points(name, row(1, 5), limit=10).points
            except UnexpectedResponse as error:
                assert error.status_code == 404  # noqa: PT017
                continue
            assert [point.id for point in found] in ([], [1, 2, 3])
            assert {hit.id for hit in hits} in (set(), {1, 2, 3})

    def call(going: Going) -> None:
        for one in itertools.cycle(calls(client, name)):
            if not going():
                return
            try:
                one()
            except UnexpectedResponse as error:
                assert error.status_code == 404  # noqa: PT017

    work(replace, read, call, call, seconds=1.5)


def test_one_of_many_creates_a_collection(client: QdrantClient) -> None:
    params = models.VectorParams(size=SIZE, distance=models.Distance.DOT)
    for round_number in range(10):
        made: list[int] = []

        def create_one(going: Going, name: str = f"new {round_number}", made: list[int] = made) -> None:
            try:
                client.create_collection(name, vectors_config=params)
            except UnexpectedResponse as error:
                assert error.status_code == 409  # noqa: PT017
            else:
                made.append(1)

        work(create_one, create_one, create_one)
        assert len(made) == 1


def test_closing_stops_readers_with_a_clear_error(client: QdrantClient) -> None:
    """Each thread gets full answers, then ``ClosedError``."""
    writer = Generations(client)
    started = threading.Barrier(4)

    def read_forever() -> None:
        while True:
            assert len(client.scroll(NAME, limit=ALL)[0]) == COUNT
            assert len(client.query_points(NAME, row(1, 1), limit=ALL).points) == COUNT

    def read(going: Going) -> None:
        started.wait(10)
        with pytest.raises(ClosedError):
            read_forever()

    def call(going: Going) -> None:
        started.wait(10)
        for one in calls(client, NAME):
            with pytest.raises(ClosedError):
                repeat(one)

    def write(going: Going) -> None:
        started.wait(10)
        with pytest.raises(ClosedError):
            writer.write(lambda: True)

    def close(going: Going) -> None:
        started.wait(10)
        before = writer.current
        while writer.current < before + 2:
            client.count(NAME)
        client.close()

    work(read, call, write, close, seconds=5)
    with pytest.raises(ClosedError):
        client.count(NAME)
    client.close()


def test_clients_on_one_path_share_the_database(tmp_path: Path) -> None:
    """What one writes the other sees at once; the folder is released when the last one closes."""
    path = tmp_path / "db"
    one, other = QdrantClient(path=str(path)), QdrantClient(path=str(tmp_path / "elsewhere" / ".." / "db"))
    create(one)

    def write(going: Going) -> None:
        for number in itertools.count():
            if not going():
                return
            one.upsert(NAME, points([number], 1))
            assert other.retrieve(NAME, [number])[0].payload == {"generation": 1}

    def write_too(going: Going) -> None:
        for number in itertools.count(1_000_000):
            if not going():
                return
            other.upsert(NAME, points([number], 2))
            assert one.retrieve(NAME, [number])[0].payload == {"generation": 2}

    work(write, write_too, seconds=0.7)
    total = one.count(NAME).count
    one.close()
    assert other.count(NAME).count == total
    with pytest.raises(ClosedError):
        one.count(NAME)
    other.close()
    assert count_elsewhere(path) == total


def count_elsewhere(path: Path) -> int:
    """Let another process count, which it only can when nobody holds the folder."""
    code = f"from quiverdb.qdrant import QdrantClient; print(QdrantClient(path={str(path)!r}).count({NAME!r}).count)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)
