"""A server under hardship: killed amid writes, stopped under load, crowded by idle clients, and worked for long.

``QUIVERDB_HARDSHIP`` multiplies the rounds and sizes.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import campaign
import grpc
import httpx
import pytest
from campaign import Load, Writer
from onslaught import JSON, asked, fill
from serving import Served, served

SCALE = int(os.environ.get("QUIVERDB_HARDSHIP", "1"))
WRITERS = 8
IDLE = min(1000 * SCALE, 9000)
"""Connections of each kind; both of their ends are files of this machine, and the server's share is limited."""
KILOBYTE = 1024


def writers() -> list[Writer]:
    return [Writer(number, rpc=bool(number % 2)) for number in range(WRITERS)]


def check(server: Served, some: list[Writer]) -> None:
    with campaign.connected(server, rpc=False) as client:
        for writer in some:
            writer.check(client, now=True)


def test_what_was_acknowledged_survives_kills_and_nothing_is_there_by_halves(tmp_path: Path) -> None:
    some, seed, done = writers(), random.Random(5), 0
    for _ in range(3 * SCALE):
        with served(tmp_path, data=tmp_path / "data") as server:
            campaign.create(server)
            check(server, some)
            with Load(server, some) as load:
                time.sleep(seed.uniform(0.2, 0.8))  # no waiting for something: a random instant
                server.stop(signal.SIGKILL)
                load.stopped.set()
            done += load.requests
            assert "Traceback" not in server.log.read_text()
    with served(tmp_path, data=tmp_path / "data") as server:
        check(server, some)
    assert done > 20 * SCALE
    assert all(writer.told for writer in some)


def test_a_stop_under_load_answers_what_was_asked_and_keeps_it(tmp_path: Path) -> None:
    some = writers()
    for _ in range(SCALE):
        with served(tmp_path, data=tmp_path / "data") as server:
            campaign.create(server)
            check(server, some)
            with Load(server, some) as load:
                time.sleep(0.7)
                began = time.monotonic()
                assert server.stop(signal.SIGTERM) == 0
                assert time.monotonic() - began < 10
                load.stopped.set()
            assert "Traceback" not in server.log.read_text()
    with served(tmp_path, data=tmp_path / "data") as server:
        check(server, some)


def test_who_comes_while_the_server_stops_does_not_hold_it_up(tmp_path: Path) -> None:
    with ExitStack() as lines, served(tmp_path) as server:

        def come() -> None:
            with suppress(OSError):
                while server.process.poll() is None:
                    line = lines.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
                    line.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")

        crowd = [threading.Thread(target=come) for _ in range(4)]
        for one in crowd:
            one.start()
        time.sleep(0.2)
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 10
        for one in crowd:
            one.join()


def test_a_request_that_is_being_carried_out_is_answered_before_the_server_ends(tmp_path: Path) -> None:
    points = [{"id": i, "vector": [i, 1], "payload": {"text": "x" * 200}} for i in range(15_000)]
    with served(tmp_path, data=tmp_path / "data") as server:
        campaign.create(server)
        with httpx.Client(base_url=server.url, timeout=60) as http:
            request = http.build_request(
                "PUT", f"/collections/{campaign.NAME}/points?wait=true", json={"points": points}
            )
            content = request.read()
            head = f"PUT {request.url.raw_path.decode()} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
                line.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
                assert server.stop(signal.SIGTERM) == 0
                assert line.recv(1000).startswith(b"HTTP/1.1 200")
    with served(tmp_path, data=tmp_path / "data") as server, httpx.Client(base_url=server.url) as http:
        answer = http.post(f"/collections/{campaign.NAME}/points/count", json={})
        assert answer.json()["result"]["count"] == len(points)


# --- what the server takes of the machine


def memory(server: Served) -> int:
    """The resident memory of a server in kilobytes."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def files(server: Served) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def threads(server: Served) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


linux_only = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts by /proc")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"


@pytest.fixture
def many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@linux_only
@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize(("rpc", "hello"), [(False, b""), (False, b"GET /healthz HTTP/1.1\r\n\r\n"), (True, PREFACE)])
def test_a_crowd_of_idle_clients_is_in_nobodys_way(tmp_path: Path, rpc: bool, hello: bytes) -> None:
    most = min(IDLE, resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4 - 100)
    with served(tmp_path) as server, httpx.Client(base_url=server.url, timeout=10) as http:
        fill(http)
        before, open_before = memory(server), files(server)
        with ExitStack() as crowd:
            for _ in range(most):
                address = ("127.0.0.1", server.grpc_port if rpc else server.port)
                line = crowd.enter_context(socket.create_connection(address, timeout=10))
                line.sendall(hello)
            wait_for(lambda: files(server) >= open_before + most)
            began = time.monotonic()
            for number in range(10):
                assert httpx.get(f"{server.url}/healthz", timeout=10).status_code == 200
                points = {"points": [{"id": number, "vector": {}}]}
                http.put("/collections/things/points?wait=true", json=points).raise_for_status()
            assert time.monotonic() - began < 5
            assert memory(server) - before < 40 * most + 10 * KILOBYTE
        wait_for(lambda: files(server) <= open_before + 5)


def wait_for(condition: object) -> None:
    end = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


@linux_only
def test_requests_leave_nothing_behind(tmp_path: Path) -> None:
    """Neither memory nor files nor threads grow with the requests that were answered, refused or broken off."""
    rounds: list[tuple[int, int, int]] = []
    with (
        served(tmp_path, data=tmp_path / "data") as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        for _ in range(4 + SCALE):
            mixed(server, http, channel)
            wait_for(lambda: files(server) < 100)
            rounds.append((memory(server), files(server), threads(server)))
        assert "Traceback" not in server.log.read_text()
    warm = rounds[2]
    assert rounds[-1][0] - warm[0] < 12 * KILOBYTE, rounds
    assert rounds[-1][1] - warm[1] <= 2, rounds
    assert rounds[-1][2] - warm[2] <= 2, rounds


def mixed(server: Served, http: httpx.Client, channel: grpc.Channel) -> None:
    """Ask for a bit of everything, and break off a part of it."""
    fill(http)
    for number, one in enumerate(asked()[:: max(1, 6 // SCALE)]):
        if one.operation.access != "read":
            continue
        http.request(one.operation.method, one.path, params=dict(one.query), content=one.body, headers=JSON)
        if one.message is not None:
            call = channel.unary_unary(f"/qdrant.{one.operation.rpc}").future(one.message)
            if number % 3 == 0:
                call.cancel()
            else:
                call.exception()
        http.post("/collections/things/points/query", content=(one.body or b"{}")[:-1], headers=JSON)
        if number % 5 == 0:
            with socket.create_connection(("127.0.0.1", server.port)) as line:
                line.sendall(
                    b"PUT /collections/things/points HTTP/1.1\r\ncontent-type: application/json\r\n"
                    b'content-length: 5000\r\n\r\n{"points": ['
                )
    for _ in range(3):
        form = {"snapshot": ("x.snapshot", b"x" * 100_000)}
        assert http.post("/collections/things/snapshots/upload", files=form).status_code == 400
    name = http.post("/collections/things/snapshots").json()["result"]["name"]
    content = http.get(f"/collections/things/snapshots/{name}").content
    answer = http.post("/collections/things/snapshots/upload", files={"snapshot": ("x.snapshot", content)})
    assert answer.status_code == 200
    http.delete(f"/collections/things/snapshots/{name}").raise_for_status()
