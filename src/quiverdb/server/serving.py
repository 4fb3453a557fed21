"""A running server: where it listens, how it starts and how it stops.

Stopping loses nothing: no more requests are let in, those under way are answered, and then their threads end.
"""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import uvicorn
from starlette.middleware.cors import CORSMiddleware

from quiverdb.database import Database
from quiverdb.errors import MissingLibraryError
from quiverdb.server.app import Application
from quiverdb.server.core import Core
from quiverdb.server.protocol import PatientProtocol
from quiverdb.server.settings import Service, Settings, authority, check_settings
from quiverdb.server.tls import tls_context

if TYPE_CHECKING:
    from quiverdb.server.grpc import RpcServer

__all__ = ["Server", "run", "serving"]

T = TypeVar("T")

KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
_BETWEEN = 0.05
"""Seconds between two looks for connections that came late."""
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
        service = settings.service
        self._tls = tls_context(settings)
        self._new_rpc = _rpc_maker(service)
        self._rpc: RpcServer | None = None
        self.host = service.host
        self._socket = _listen(service.host, service.http_port)
        self.port: int = self._socket.getsockname()[1]
        self.core = Core(database, settings)
        self.rest = Application(self.core)
        self._http = self._server(service)
        self._ticking: asyncio.Task[None] | None = None

    def _server(self, service: Service) -> uvicorn.Server:
        app: Any = self.rest
        if service.lets_pages_ask:
            app = CORSMiddleware(app, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(service.graceful_shutdown_secs),
            backlog=_BACKLOG,
        )
        config.load()
        config.ssl = self._tls
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        return server

    @property
    def url(self) -> str:
        """Where clients find the REST interface."""
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{authority(self.host, self.port)}"

    @property
    def connections(self) -> int:
        """How many connections to the REST interface are open."""
        return len(self._http.server_state.connections)

    @property
    def grpc_target(self) -> str | None:
        """Where clients find the gRPC interface, if there is one."""
        return None if self._rpc is None else authority(self.host, self._rpc.port)

    @property
    def ports(self) -> Mapping[str, int | None]:
        """The ports by protocol."""
        return {"http": self.port, "grpc": None if self._rpc is None else self._rpc.port}

    async def start(self) -> None:
        """Begin to answer; ``OSError`` if the port for gRPC is taken."""
        if self._new_rpc is not None:
            self._rpc = self._new_rpc(self.core)
            await self._rpc.start()
        await self._http.startup(sockets=[self._socket])
        self._ticking = asyncio.create_task(self._http.main_loop())

    async def stop(self) -> None:
        """Let nobody in any more, answer what was asked, and end the threads."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._stop_http())
            if self._rpc is not None:
                both.create_task(self._rpc.stop())
        await asyncio.to_thread(self.core.close)

    async def _stop_http(self) -> None:
        self._http.should_exit = True
        if self._ticking is not None:
            await self._ticking
            goodbye = asyncio.create_task(self._dismiss())
            await self._http.shutdown(sockets=[self._socket])
            goodbye.cancel()
            for connection in list(self._http.server_state.connections):
                connection.transport.abort()
        self._socket.close()

    async def _dismiss(self) -> None:
        """Close every connection once it has its answer; some come up just after the server closed the others."""
        while True:
            for connection in list(self._http.server_state.connections):
                connection.shutdown()
            await asyncio.sleep(_BETWEEN)


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


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound; ``OSError`` if the port is taken or the host not of this machine."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if hasattr(socket, "SO_REUSEADDR"):
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        message = f"the server cannot listen on {authority(host, port)}: {error.strerror or error}"
        raise OSError(error.errno, message) from error
    return listener


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
