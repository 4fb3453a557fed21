"""A server starts, stops, and loses nothing on the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import InvalidInputError
from quiverdb.server.app import Application
from quiverdb.server.core import Core
from quiverdb.server.qdrant import QdrantDialect
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings

DOCS = {"vectors": {"size": 2, "distance": "Dot"}}


class Slow:
    """A database that answers ``count`` and ``write`` when it is told to."""

    def __init__(self, database: EngineDatabase) -> None:
        self._database = database
        self.asked = threading.Semaphore(0)
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def count(self, *args: Any, **options: Any) -> int:
        self._wait()
        return self._database.count(*args, **options)

    def write(self, *args: Any, **options: Any) -> Any:
        self._wait()
        return self._database.write(*args, **options)

    def _wait(self) -> None:
        self.asked.release()
        self.go_on.wait(20)


@contextmanager
def slow_server(**service: Any) -> Iterator[tuple[Slow, Server]]:
    settings = Settings(service=Service(http_port=0, grpc_port=None, **service))
    with EngineDatabase.open(":memory:") as database:
        slow = Slow(database)
        with serving(slow, settings) as server:
            httpx.put(f"{server.url}/collections/docs", json=DOCS).raise_for_status()
            yield slow, server


def test_requests_under_way_are_answered_before_the_server_stops() -> None:
    with ThreadPoolExecutor(3) as threads:
        with slow_server() as (slow, server):
            points = {"points": [{"id": 1, "vector": [1, 1]}]}
            written = threads.submit(
                httpx.put, f"{server.url}/collections/docs/points?wait=true", json=points, timeout=30
            )
            counted = threads.submit(httpx.post, f"{server.url}/collections/docs/points/count", json={}, timeout=30)
            slow.asked.acquire()
            slow.asked.acquire()
            threads.submit(lambda: (threading.Event().wait(0.5), slow.go_on.set()))
        assert written.result().json()["result"]["status"] == "completed"
        assert counted.result().status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz")


def test_those_that_take_longer_than_agreed_are_given_up() -> None:
    with ThreadPoolExecutor(2) as threads:
        with slow_server(graceful_shutdown_secs=1) as (slow, server):
            counted = threads.submit(httpx.post, f"{server.url}/collections/docs/points/count", json={}, timeout=30)
            slow.asked.acquire()
            threads.submit(lambda: (threading.Event().wait(3), slow.go_on.set()))
        with pytest.raises(httpx.RemoteProtocolError):
            counted.result()


def test_writes_do_not_hold_up_reads() -> None:
    with slow_server(max_workers=2) as (slow, server), ThreadPoolExecutor(4) as threads:
        points = {"points": [{"id": 1, "vector": [1, 1]}]}
        asked = [
            threads.submit(httpx.put, f"{server.url}/collections/docs/points", json=points, timeout=30)
            for _ in range(4)
        ]
        slow.asked.acquire()
        slow.asked.acquire()
        body = {"query": [1, 1]}
        assert httpx.post(f"{server.url}/collections/docs/points/query", json=body).status_code == 200
        assert httpx.get(f"{server.url}/collections").status_code == 200
        slow.go_on.set()
        assert [answer.result().status_code for answer in asked] == [200] * 4


def test_a_taken_port_is_told() -> None:
    with EngineDatabase.open(":memory:") as database, serving(database) as server:
        settings = Settings(service=Service(http_port=server.port, grpc_port=None))
        with pytest.raises(OSError, match=rf"{server.port}: .*in use"), serving(database, settings):
            pass


def test_an_open_door_is_refused() -> None:
    settings = Settings(service=Service(http_port=0, host="0.0.0.0", grpc_port=None))
    with EngineDatabase.open(":memory:") as database, pytest.raises(InvalidInputError, match=r"service\.api_key"):
        Server(database, settings)


def test_ipv6(server: Server) -> None:
    settings = Settings(service=Service(http_port=0, host="::1", grpc_port=None))
    with EngineDatabase.open(":memory:") as database:
        try:
            with serving(database, settings) as other:
                assert other.url.startswith("http://[::1]:")
                assert httpx.get(f"{other.url}/healthz").status_code == 200
        except OSError:
            pytest.skip("this machine has no IPv6")


def test_servers_leave_no_threads() -> None:
    before = threading.active_count()
    with EngineDatabase.open(":memory:") as database:
        inside = threading.active_count()
        for _ in range(3):
            with serving(database) as server:
                httpx.get(f"{server.url}/collections").raise_for_status()
        assert threading.active_count() == inside
    assert threading.active_count() <= max(before, inside)


def test_the_application_minds_http_only() -> None:
    with EngineDatabase.open(":memory:") as database:
        core = Core(database, Settings())
        application = Application(core, [QdrantDialect(core)])
        assert asyncio.run(application({"type": "lifespan"}, None, None)) is None  # type: ignore[arg-type]
        core.close()
