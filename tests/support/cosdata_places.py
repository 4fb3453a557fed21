"""Where a Cosdata client can work: everywhere it must behave in the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from cosdata_awaited import awaited_client
from loopback import Gateway

from quiverdb.cosdata import Client
from quiverdb.engine.database import EngineDatabase

Open = Callable[[Path, str], AbstractContextManager[Any]]


def _embedded(options: Callable[[Path], Mapping[str, Any]]) -> Open:
    @contextmanager
    def opened(folder: Path, _: str) -> Iterator[Client]:
        with Client(**options(folder)) as client:
            yield client

    return opened


@contextmanager
def _database(_folder: Path, _url: str) -> Iterator[Client]:
    with EngineDatabase.open(":memory:") as database, Client(database=database) as client:
        yield client


@contextmanager
def _cluster(_folder: Path, _url: str) -> Iterator[Client]:
    with closing(Gateway()) as database, Client(database=database) as client:
        yield client


@contextmanager
def _server(_folder: Path, url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield emptied(client)


@contextmanager
def _asynchronous(_folder: Path, _url: str) -> Iterator[Any]:
    with asyncio.Runner() as runner, awaited_client(runner, host=":memory:") as client:
        yield client


@contextmanager
def _asynchronous_server(_folder: Path, url: str) -> Iterator[Any]:
    with asyncio.Runner() as runner, awaited_client(runner, host=url) as client:
        yield emptied(client)


def emptied(client: Any) -> Any:
    """Delete all collections of a server that others used before."""
    for item in client.list_collections():
        client.collections.delete(item["name"])
    return client


PLACES: Mapping[str, Open] = {
    "memory": _embedded(lambda _: {"host": ":memory:"}),
    "folder": _embedded(lambda folder: {"path": folder / "data"}),
    "database": _database,
    "cluster": _cluster,
    "server": _server,
    "asynchronous": _asynchronous,
    "asynchronous, server": _asynchronous_server,
}
"""A client for each place, which is given a folder and the address of a server."""
