"""Writers and readers of a server that is killed: what each was told, and what must be there afterwards.

A writer owns a few points and overwrites all of them with one number per request, counting up. So all of its points
have the same number at any time, or a request was carried out by halves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from serving import Served

from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import ResponseHandlingException

NAME = "campaign"
POINTS = 20
GONE = (httpx.TransportError, grpc.RpcError, ResponseHandlingException, ConnectionError)
"""What clients raise of a server that ends."""


@dataclass
class Writer:
    """Overwrites its points; ``told`` is the last number that was acknowledged, ``asked`` the last that was sent."""

    number: int
    rpc: bool
    told: int = 0
    asked: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def ids(self) -> range:
        return range(self.number * POINTS, (self.number + 1) * POINTS)

    def write(self, client: QdrantClient) -> None:
        self.asked += 1
        vector = [float(self.asked), float(self.number)]
        payload = {"writer": self.number, "n": self.asked}
        points = [models.PointStruct(id=i, vector=vector, payload=payload) for i in self.ids]
        client.upsert(NAME, points, wait=True)
        self.told = self.asked

    def check(self, client: QdrantClient, *, now: bool) -> None:
        """All points have one number: ``now``, while nobody writes, one between what was told and what was asked."""
        least = self.told
        found = client.scroll(NAME, where(self.number), limit=POINTS * 2, with_vectors=True)[0]
        numbers = {point.payload["n"] for point in found} | {int(point.vector[0]) for point in found}
        assert len(found) in ((0,) if not numbers else (POINTS,)), f"{len(found)} points of {POINTS}"
        assert len(numbers) <= 1, f"writer {self.number} finds {numbers}: half of a request"
        number = max(numbers, default=0)
        assert number >= least, f"writer {self.number} was told of {least} and finds {number}"
        if now:
            assert number <= self.asked
            self.told = self.asked = number


def where(writer: int) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="writer", match=models.MatchValue(value=writer))])


def connected(server: Served, *, rpc: bool) -> QdrantClient:
    return QdrantClient(
        url=server.url, prefer_grpc=rpc, grpc_port=server.grpc_port or 0, timeout=30, check_compatibility=False
    )


def create(server: Served) -> None:
    with connected(server, rpc=False) as client:
        if not client.collection_exists(NAME):
            client.create_collection(NAME, models.VectorParams(size=2, distance=models.Distance.DOT))
            client.create_payload_index(NAME, "writer", models.PayloadSchemaType.INTEGER)


@dataclass
class Load:
    """Writers and readers at work, each on a thread, until the server is gone or they are to stop."""

    server: Served
    writers: list[Writer]
    stopped: threading.Event = field(default_factory=threading.Event)
    errors: list[BaseException] = field(default_factory=list)
    requests: int = 0

    def __enter__(self) -> Load:
        writing = [threading.Thread(target=self._run, args=(writer.write, writer.rpc)) for writer in self.writers]
        reading = [
            threading.Thread(target=self._run, args=(lambda client, w=writer: w.check(client, now=False), writer.rpc))
            for writer in self.writers
        ]
        self._threads = [*writing, *reading]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads), "somebody waits for an answer for ever"
        if self.errors:
            raise self.errors[0]

    def _run(self, step: Callable[[Any], None], rpc: bool) -> None:
        try:
            with connected(self.server, rpc=rpc) as client:
                while not self.stopped.is_set():
                    step(client)
                    self.requests += 1
        except GONE as error:
            if self.server.process.poll() is None and not self.stopped.wait(10):
                self.errors.append(error)  # it was there
        except BaseException as error:
            self.errors.append(error)
