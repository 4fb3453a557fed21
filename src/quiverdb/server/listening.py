"""A port with HTTP on it: how it begins to listen, and how it stops without losing anything."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from typing import Any

import uvicorn
from starlette.middleware.cors import CORSMiddleware

from quiverdb.server.app import Application
from quiverdb.server.protocol import PatientProtocol
from quiverdb.server.settings import Service, authority

__all__ = ["Listener"]

KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
_BETWEEN = 0.05
"""Seconds between two looks for connections that came late."""


class Listener:
    """Hold a port from the beginning, and answer on it once started; ``OSError`` if the port is taken."""

    def __init__(self, app: Application, service: Service, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = service.host
        self._scheme = "http" if tls is None else "https"
        self._socket = _bound(service.host, port)
        self.port: int = self._socket.getsockname()[1]
        self._http = _server(app, service, tls)
        self._ticking: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"{self._scheme}://{authority(self._host, self.port)}"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._http.server_state.connections)

    async def start(self) -> None:
        """Begin to answer."""
        await self._http.startup(sockets=[self._socket])
        self._ticking = asyncio.create_task(self._http.main_loop())

    async def stop(self) -> None:
        """Let nobody in any more, and answer what was asked; a second call does nothing."""
        self._http.should_exit = True
        if self._ticking is not None:
            await self._ticking
            goodbye = asyncio.create_task(self._dismiss())
            await self._http.shutdown(sockets=[self._socket])
            goodbye.cancel()
            for connection in list(self._http.server_state.connections):
                connection.transport.abort()
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()

    async def _dismiss(self) -> None:
        """Close every connection once it has its answer; some come up just after the server closed the others."""
        while True:
            for connection in list(self._http.server_state.connections):
                connection.shutdown()
            await asyncio.sleep(_BETWEEN)


def _server(application: Application, service: Service, tls: ssl.SSLContext | None) -> uvicorn.Server:
    app: Any = application
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
    config.ssl = tls
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    return server


def _bound(host: str, port: int) -> socket.socket:
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
