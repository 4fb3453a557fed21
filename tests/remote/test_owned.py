"""What belongs to a process and an event loop is made once for each, and left alone by others."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from quiverdb.errors import ClosedError
from quiverdb.remote import owned
from quiverdb.remote.owned import Owned, in_loop, in_process


def test_threads_share_one() -> None:
    barrier = Barrier(8)
    forgotten: list[object] = []

    def make() -> object:
        barrier.wait()
        return object()

    things = Owned(make, in_process, forgotten.append)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda _: things.get(), range(8)))
    assert len(set(map(id, got))) == 1
    assert len(forgotten) == 7


def test_a_child_process_gets_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[object] = []
    things = Owned(object, in_process, forgotten.append)
    first = things.get()
    monkeypatch.setattr(owned.os, "getpid", lambda: -1)  # type: ignore[attr-defined]
    assert things.get() is not first
    assert forgotten == [first]


def test_a_closed_loop_is_forgotten() -> None:
    forgotten: list[object] = []
    things = Owned(object, in_loop, forgotten.append)

    async def get() -> object:
        return things.get()

    first = asyncio.run(get())
    second = asyncio.run(get())
    assert first is not second
    assert forgotten == [first]


def test_after_closing_nothing_is_given_out() -> None:
    things = Owned(object, in_process, lambda _: None)
    first = things.get()
    assert things.close() is first
    assert things.close() is None
    with pytest.raises(ClosedError):
        things.get()
