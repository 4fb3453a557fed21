"""The process that runs out of space: writes until it fails, checks what is there, and goes on with space again.

usage: filler.py FOLDER limit BYTES stay|close    a limit on the size of any file
       filler.py FOLDER ballast FILE stay|close   FILE takes up space on a small file system; it is removed to make room
With ``close`` the database is closed before there is space again. Prints what went wrong first, or ``never full``.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import facts
from quiverdb.errors import StorageError
from quiverdb.qdrant import QdrantClient, models

NAME, SIZE, BATCH = "full", 32, 40


def points(number: int) -> list[models.PointStruct]:
    """Batch ``number`` replaces some points of the batch before and adds others."""
    random = np.random.default_rng(number)
    first = number * BATCH // 2
    return [
        models.PointStruct(id=i, vector=random.normal(size=SIZE).tolist(), payload={"batch": number, "text": "x" * 100})
        for i in range(first, first + BATCH)
    ]


def requests(number: int) -> list[Callable[[QdrantClient], Any]]:
    slot = models.Filter(must=[models.FieldCondition(key="batch", match=models.MatchValue(value=number))])
    operations = [
        models.UpsertOperation(upsert=models.PointsList(points=points(number))),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"mark": number}, filter=slot)),
        models.DeleteOperation(delete=models.PointIdsList(points=[number * BATCH // 2])),
    ]
    return [
        lambda client: client.upsert(NAME, points(number), wait=bool(number % 2)),
        lambda client: client.batch_update_points(NAME, operations),
        lambda client: client.create_payload_index(NAME, f"field_{number}", models.PayloadSchemaType.KEYWORD),
        lambda client: client.set_payload(NAME, {"note": "y" * 200}, slot),
        lambda client: client.create_collection(
            f"new {number}", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT)
        ),
    ]


def fill(client: QdrantClient) -> tuple[str, dict[str, Any]]:
    """Write until a request fails; it must have changed nothing, nor may any other that fails after it."""
    message = "never full"
    for number in range(60):
        for request in requests(number):
            before = facts.facts(client)
            try:
                request(client)
            except StorageError as error:
                compare("a failed request changed something", facts.facts(client), before)
                message = f"{type(error).__name__}: {error}" if message == "never full" else message
        if message != "never full" and number % 3 == 0:
            break
    return message, facts.facts(client)


def main(folder: str, kind: str, how: str, then: str) -> None:
    client = QdrantClient(path=folder)
    client.create_collection(
        NAME,
        vectors_config=models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
        optimizers_config=models.OptimizersConfigDiff(
            indexing_threshold=10, deleted_threshold=0.1, vacuum_min_vector_number=100
        ),
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if kind == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(how), limits[1]))
    message, want = fill(client)
    if then == "close":
        client.close()
    if kind == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    else:
        Path(how).unlink()
    if then == "close":
        client = QdrantClient(path=folder)
    compare("with space again", facts.facts(client), want)
    for request in requests(1000):
        request(client)
    assert client.retrieve(NAME, [1000 * BATCH // 2 + 1])[0].payload["mark"] == 1000
    settle(client)
    want = facts.facts(client)
    client.close()
    compare("reopened", facts.of_folder(Path(folder)), want)
    print(message)  # noqa: T201


def settle(client: QdrantClient) -> None:
    """Wait until the background work, which ran out of space too, has been done."""
    deadline = time.monotonic() + 20
    while (info := client.get_collection(NAME)).status != models.CollectionStatus.GREEN:
        assert time.monotonic() < deadline, info
        time.sleep(0.01)


def compare(about: str, got: dict[str, Any], want: dict[str, Any]) -> None:
    found = facts.difference(got, want)
    assert not found, f"{about}: {found}"


if __name__ == "__main__":
    main(*sys.argv[1:])
