"""Who asks signs in once, when it is needed, and anew when the session is over."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cosdata_stub import PASSWORD, said, serving, told

from quiverdb.cosdata.errors import AuthError, ConnectionFailedError
from quiverdb.cosdata.remote import AsyncHttpBackend, HttpBackend, dialogue

Open = Callable[..., Any]

EMPTY = {"loaded_collections": told([])}
ASK = ("loaded_collections", {})


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + 1_700_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(dialogue, "time", clock)
    return clock


def test_signs_in_at_first_use_and_only_then(open_backend: Open) -> None:
    with serving(EMPTY) as stub:
        backend = open_backend(stub.url)
        assert stub.operations == []
        for _ in range(3):
            backend.call(*ASK)
        assert stub.operations == ["create_session", *["loaded_collections"] * 3]
        assert {asked.headers["authorization"] for asked in stub.asked} == {"Bearer token-0"}
        assert "authorization" not in stub.server.seen[0].headers
        assert stub.server.connections == 1


def test_a_wrong_password_is_an_error_each_time(open_backend: Open) -> None:
    with serving(EMPTY) as stub:
        backend = open_backend(stub.url, password="guess")
        for _ in range(2):
            with pytest.raises(AuthError, match="Wrong Credentials!") as caught:
                backend.call(*ASK)
            assert caught.value.status == 400
        assert stub.operations == ["create_session"] * 2
        with pytest.raises(AuthError):
            backend.token()


@pytest.mark.parametrize(("life", "early"), [(3600, 60), (100, 10)])
def test_a_session_is_renewed_before_it_ends(life: float, early: float, clock: Clock, open_backend: Open) -> None:
    with serving(EMPTY, life=life) as stub:
        backend = open_backend(stub.url)
        backend.call(*ASK)
        clock.now += life - early - 1
        backend.call(*ASK)
        assert stub.signed_in == 1
        clock.now += 2
        backend.call(*ASK)
        assert stub.signed_in == 2
        assert stub.asked[-1].headers["authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    ("told_of", "life"),
    [({"expires_at": 1_700_001_000 + 500}, 450.0), ({}, float("inf")), ({"created_at": 5}, float("inf"))],
    ids=["no beginning", "nothing", "no end"],
)
def test_servers_may_tell_less_of_a_session(
    told_of: dict[str, float], life: float, clock: Clock, open_backend: Open
) -> None:
    with serving({**EMPTY, "create_session": told({"access_token": "t", **told_of})}, tokens={"t"}) as stub:
        backend = open_backend(stub.url)
        backend.token()
        clock.now += min(life, 1e9) - 1
        backend.token()
        assert stub.signed_in == 1
        clock.now += 2
        backend.token()
        assert stub.signed_in == (2 if life < 1e9 else 1)


def test_a_token_that_the_server_forgot_is_renewed_once(open_backend: Open) -> None:
    with serving(EMPTY) as stub:
        backend = open_backend(stub.url)
        backend.call(*ASK)
        stub.revoke()
        backend.call(*ASK)
        assert stub.operations == [
            "create_session",
            *["loaded_collections"] * 2,
            "create_session",
            "loaded_collections",
        ]


@pytest.mark.parametrize("operation", ["loaded_collections", "commit"])
def test_a_server_that_refuses_every_token_is_not_asked_for_ever(operation: str, open_backend: Open) -> None:
    with serving({operation: said("Invalid auth token!", 401)}) as stub:
        with pytest.raises(AuthError, match="Invalid auth token!") as caught:
            open_backend(stub.url).call(operation, {"collection": "c", "transaction_id": "0x01"})
        assert caught.value.status == 401
        assert stub.operations == ["create_session", operation] * 2


def test_a_commit_that_was_not_let_in_is_asked_again(open_backend: Open) -> None:
    with serving({**EMPTY, "commit": (204, {}, b"")}) as stub:
        backend = open_backend(stub.url)
        backend.call(*ASK)
        stub.revoke()
        backend.do("commit", collection="c", transaction_id="0x01")
        assert stub.operations[2:] == ["commit", "create_session", "commit"]


@pytest.mark.parametrize("token", ["a\r\nb: c", "Ünï"])
def test_a_token_that_cannot_be_sent_is_an_error(token: str, open_backend: Open) -> None:
    with serving({"create_session": told({"access_token": token})}) as stub, pytest.raises(ConnectionFailedError):
        open_backend(stub.url).call(*ASK)


def test_a_token_is_given_out_and_renewed(open_backend: Open) -> None:
    with serving() as stub:
        backend = open_backend(stub.url)
        assert [backend.token(), backend.token(), backend.token(renew=True), backend.token()] == [
            "token-0",
            "token-0",
            "token-1",
            "token-1",
        ]


def test_threads_sign_in_once_together() -> None:
    with serving(EMPTY, sign_in_takes=0.05) as stub, HttpBackend(stub.url, password=PASSWORD) as backend:
        barrier = threading.Barrier(8)

        def ask(_: int) -> Any:
            barrier.wait()
            return backend.call(*ASK)

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(ask, range(8))) == [[]] * 8
            assert stub.signed_in == 1
            stub.revoke()
            assert list(threads.map(ask, range(8))) == [[]] * 8
            assert stub.signed_in == 2


def test_tasks_sign_in_once_together() -> None:
    async def crowd(stub: Any) -> None:
        async with AsyncHttpBackend(stub.url, password=PASSWORD) as backend:
            assert await asyncio.gather(*(backend.call(*ASK) for _ in range(8))) == [[]] * 8
            assert stub.signed_in == 1
            stub.revoke()
            assert await asyncio.gather(*(backend.call(*ASK) for _ in range(8))) == [[]] * 8
            assert stub.signed_in == 2

    with serving(EMPTY, sign_in_takes=0.05) as stub:
        asyncio.run(crowd(stub))


def test_a_task_that_is_cancelled_while_it_signs_in_blocks_nobody() -> None:
    async def cancel(stub: Any) -> None:
        async with AsyncHttpBackend(stub.url, password=PASSWORD) as backend:
            first = asyncio.create_task(backend.call(*ASK))
            second = asyncio.create_task(backend.call(*ASK))
            while not stub.signed_in:
                await asyncio.sleep(0.001)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert await second == []

    with serving(EMPTY, sign_in_takes=0.05) as stub:
        asyncio.run(cancel(stub))


def test_every_event_loop_may_use_a_backend() -> None:
    with serving(EMPTY) as stub:
        backend = AsyncHttpBackend(stub.url, password=PASSWORD)

        async def ask() -> None:
            assert await asyncio.gather(*(backend.call(*ASK) for _ in range(3))) == [[]] * 3
            await backend._transport._over._pool.get().aclose()  # type: ignore[union-attr]

        for _ in range(2):
            asyncio.run(ask())
        assert stub.signed_in == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_goes_on_though_a_thread_was_signing_in() -> None:
    with serving(EMPTY, sign_in_takes=0.2) as stub, HttpBackend(stub.url, password=PASSWORD) as backend:
        thread = threading.Thread(target=backend.token)
        thread.start()
        while not stub.signed_in:
            pass
        child = os.fork()
        if child == 0:
            os._exit(0 if backend.call(*ASK) == [] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        thread.join()
        assert backend.call(*ASK) == []
        assert stub.signed_in == 2
