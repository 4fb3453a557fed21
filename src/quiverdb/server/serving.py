"""A running server: where it listens, how it starts and how it stops.

Stopping loses nothing: no more requests are let in, those under way are answered, and then their threads end.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from quiverdb.database import Database
from quiverdb.errors import MissingLibraryError
from quiverdb.server.app import Application
from quiverdb.server.core import Core
from quiverdb.server.cosdata.dialect import CosdataDialect
from quiverdb.server.dialect import Dialect
from quiverdb.server.listening import Listener
from quiverdb.server.qdrant import QdrantDialect
from quiverdb.server.settings import Service, Settings, authority, check_settings
from quiverdb.server.tls import tls_context, with_certificate
from quiverdb.server.vikingdb.dialect import VikingDialect

if TYPE_CHECKING:
    from ssl import SSLContext

    from quiverdb.server.grpc import RpcServer

__all__ = ["Server", "run", "serving"]

T = TypeVar("T")

_log = logging.getLogger("quiverdb.server")

ANYWHERE = Settings(service=Service(http_port=0, grpc_port=None))
"""Settings that get in nobody's way: any free port of this machine, and no gRPC."""


class Server:
    """Listen for requests to a database, which stays open when the server stops.

    >>> from quiverdb.engine.database import EngineDatabase
    >>> with EngineDatabase.open(":memory:") as database, serving(database) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        check_settings(settings)
        settings = with_certificate(settings)
        service, tls = settings.service, tls_context(settings)
        self._new_rpc = _rpc_maker(service)
        self._rpc: RpcServer | None = None
        self.host = service.host
        self.core = Core(database, settings)
        self.qdrant, self.cosdata, self.vikingdb = (
            QdrantDialect(self.core),
            CosdataDialect(self.core),
            VikingDialect(self.core),
        )
        self._doors: dict[str, Listener] = {}
        try:
            self._open("http", service.http_port, [self.cosdata, self.vikingdb, self.qdrant], tls)
            for alone, port in ((self.cosdata, settings.cosdata.port), (self.vikingdb, settings.vikingdb.port)):
                if port is not None:
                    self._open(alone.protocol, port, [alone], tls)
        except BaseException:
            self._close_doors()
            raise

    def _open(self, name: str, port: int, dialects: Sequence[Dialect], tls: SSLContext | None) -> None:
        self._doors[name] = Listener(Application(self.core, dialects), self.core.settings.service, port, tls)

    def _close_doors(self) -> None:
        for door in self._doors.values():
            door.close()

    @property
    def port(self) -> int:
        """The port that all protocols over HTTP share."""
        return self._doors["http"].port

    @property
    def url(self) -> str:
        """Where clients find the protocols over HTTP."""
        return self._doors["http"].url

    @property
    def cosdata_url(self) -> str | None:
        """Where clients of Cosdata find what is there for them alone, if it is."""
        return self._url_of("cosdata")

    @property
    def vikingdb_url(self) -> str | None:
        """Where clients of VikingDB find what is there for them alone, if it is."""
        return self._url_of("vikingdb")

    def _url_of(self, name: str) -> str | None:
        return self._doors[name].url if name in self._doors else None

    @property
    def connections(self) -> int:
        """How many connections over HTTP are open."""
        return sum(door.connections for door in self._doors.values())

    @property
    def grpc_target(self) -> str | None:
        """Where clients find the gRPC interface, if there is one."""
        return None if self._rpc is None else authority(self.host, self._rpc.port)

    @property
    def ports(self) -> Mapping[str, int | None]:
        """The ports by protocol."""
        grpc = None if self._rpc is None else self._rpc.port
        alone = {name: self._doors[name].port if name in self._doors else None for name in ("cosdata", "vikingdb")}
        return {"http": self.port, "grpc": grpc, **alone}

    async def start(self) -> None:
        """Begin to answer; ``OSError`` if the port for gRPC is taken."""
        if self._new_rpc is not None:
            self._rpc = self._new_rpc(self.core)
            await self._rpc.start()
        for door in self._doors.values():
            await door.start()

    async def stop(self) -> None:
        """Let nobody in any more, answer what was asked, and end the threads."""
        async with asyncio.TaskGroup() as all_doors:
            for door in self._doors.values():
                all_doors.create_task(door.stop())
            if self._rpc is not None:
                all_doors.create_task(self._rpc.stop())
        await asyncio.to_thread(self.core.close)


def _rpc_maker(service: Service) -> Callable[[Core], RpcServer] | None:
    """Return what makes the gRPC server on the event loop, or ``None`` if there is to be none.

    Raise ``MissingLibraryError`` if a port is asked for and gRPC is not installed.
    """
    if service.grpc_port is None:
        return None
    try:
        from quiverdb.server.grpc import RpcServer
    except MissingLibraryError as error:
        if service.grpc_port != "auto":
            raise
        _log.warning("there is no gRPC interface: %s", error)
        return None
    return RpcServer


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop, the fast one where it exists."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@contextmanager
def serving(database: Database, settings: Settings = ANYWHERE) -> Iterator[Server]:
    """Serve a database from threads of this process while the block runs, by default on any free port."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        loop = runner.get_loop()
        server = Server(database, settings)
        thread = threading.Thread(target=loop.run_forever, name="quiverdb-server", daemon=True)
        thread.start()

        def finish(step: Coroutine[Any, Any, T]) -> T:
            return asyncio.run_coroutine_threadsafe(step, loop).result()

        try:
            finish(server.start())
            yield server
        finally:
            finish(server.stop())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def run(database: Database, settings: Settings, started: Callable[[Server], None] = lambda _: None) -> None:
    """Serve a database until SIGTERM or SIGINT; ``started`` is told once requests are let in."""
    _allow_connections()

    async def main() -> None:
        server = Server(database, settings)
        stop = asyncio.Event()
        with _signals(stop):
            try:
                await server.start()
                started(server)
                await stop.wait()
            finally:
                await server.stop()

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(main())


def _allow_connections() -> None:
    """Let this process open as many files, connections among them, as the system allows."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Let the signals that end a process set an event instead; a second one ends it at once."""
    loop = asyncio.get_running_loop()
    kinds = (signal.SIGINT, signal.SIGTERM)
    former = {kind: signal.getsignal(kind) for kind in kinds}

    def received(_kind: int, _frame: object) -> None:
        for each in kinds:
            signal.signal(each, former[each])
        loop.call_soon_threadsafe(stop.set)

    for kind in kinds:
        signal.signal(kind, received)
    try:
        yield
    finally:
        with suppress(ValueError):
            for kind, handler in former.items():
                signal.signal(kind, handler)
