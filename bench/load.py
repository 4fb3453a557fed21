"""A load of kept-alive connections over HTTP/1.1 or gRPC, lean enough to leave the other core to the server.

Requests are bytes made beforehand; each connection sends one, waits for its answer and sends the next.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, Protocol

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_PART = 1 << 18


class Reply(NamedTuple):
    """The body of an answer, and whether it tells of a success."""

    body: bytes
    good: bool


class Connection(Protocol):
    socket: socket.socket

    def ask(self, request: bytes) -> None:
        """Send a request."""

    def answered(self) -> Reply | None:
        """Read what has come; return the answer once all is there."""


@dataclass
class Load:
    """What a load measured: seconds by request, how long all of it took, and the last body by request."""

    seconds: list[float] = field(default_factory=list)
    duration: float = 0.0
    bodies: dict[int, bytes] = field(default_factory=dict)
    failures: int = 0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.duration

    def percentile(self, percent: float) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * percent / 100)]


def _open(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _receive(connection: socket.socket) -> bytes:
    part = connection.recv(_PART)
    if not part:
        raise ConnectionError("the server closed the connection")
    return part


class HttpConnection:
    """A connection over HTTP/1.1; requests are made by ``http_request``."""

    def __init__(self, port: int) -> None:
        self.socket = _open(port)
        self._received = bytearray()

    def ask(self, request: bytes) -> None:
        self._received.clear()
        self.socket.sendall(request)

    def answered(self) -> Reply | None:
        self._received += _receive(self.socket)
        head = self._received.find(_END)
        if head < 0:
            return None
        start = self._received.index(_LENGTH) + len(_LENGTH)
        end = head + len(_END) + int(self._received[start : self._received.index(b"\r", start)])
        if len(self._received) < end:
            return None
        return Reply(bytes(self._received[head + len(_END) : end]), self._received.startswith(b"HTTP/1.1 200"))


def http_request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a request as it travels."""
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_MOST = (1 << 31) - 1
_FRAME = 16_384
_WINDOW_SIZE_SETTING = 4
_INITIAL_WINDOW = 65_535


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return len(content).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + content


def _header(name: str, value: str) -> bytes:
    """Return a header that no table is needed to read."""
    return b"\0" + b"".join(bytes([len(part)]) + part.encode() for part in (name, value))


class RpcConnection:
    """A connection over gRPC to one method; requests are messages as bytes."""

    def __init__(self, port: int, method: str) -> None:
        fields = {":method": "POST", ":scheme": "http", ":path": method, ":authority": "localhost"}
        fields |= {"te": "trailers", "content-type": "application/grpc"}
        self._head = b"".join(_header(name, value) for name, value in fields.items())
        self._received, self._parts = bytearray(), bytearray()
        self._stream = -1
        self._unsent = b""
        self._window, self._stream_window, self._new_window = _INITIAL_WINDOW, 0, _INITIAL_WINDOW
        self.socket = _open(port)
        wide = struct.pack(">HI", _WINDOW_SIZE_SETTING, _MOST)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, wide))
        self._grant(_MOST - _INITIAL_WINDOW)

    def ask(self, request: bytes) -> None:
        self._stream += 2
        self._parts.clear()
        self._stream_window = self._new_window
        self._unsent = b"\0" + len(request).to_bytes(4, "big") + request
        self._send(_frame(_HEADERS, _END_HEADERS, self._stream, self._head))

    def answered(self) -> Reply | None:
        self._received += _receive(self.socket)
        start, done = 0, False
        while len(self._received) - start >= 9:
            end = start + 9 + int.from_bytes(self._received[start : start + 3], "big")
            if len(self._received) < end:
                break
            content = self._received[start + 9 : end]
            done |= self._take(self._received[start + 3], self._received[start + 4], content, self._received[start + 8])
            start = end
        del self._received[:start]
        return Reply(bytes(self._parts[5:]), bool(self._parts)) if done else None

    def _take(self, kind: int, flags: int, content: bytearray, stream: int) -> bool:
        """Heed a frame; tell whether the answer is complete."""
        if kind == _DATA:
            self._parts += content
            self._grant(len(content))
        elif kind == _WINDOW:
            more = int.from_bytes(content, "big")
            if stream:
                self._stream_window += more
            else:
                self._window += more
            self._send()
        elif kind == _SETTINGS and not flags & _ACK:
            for setting, value in struct.iter_unpack(">HI", content):
                if setting == _WINDOW_SIZE_SETTING:
                    self._stream_window += value - self._new_window
                    self._new_window = value
            self._send(_frame(_SETTINGS, _ACK, 0))
        elif kind == _PING and not flags & _ACK:
            self.socket.sendall(_frame(_PING, _ACK, 0, bytes(content)))
        elif kind == _GOAWAY:
            raise ConnectionError("the server said goodbye")
        return kind == _RESET or (kind in (_DATA, _HEADERS) and bool(flags & _END_STREAM))

    def _send(self, frames: bytes = b"") -> None:
        """Send as much of the request as the server takes now."""
        out = [frames]
        while self._unsent and (size := min(len(self._unsent), self._window, self._stream_window, _FRAME)) > 0:
            part, self._unsent = self._unsent[:size], self._unsent[size:]
            self._window -= size
            self._stream_window -= size
            out.append(_frame(_DATA, 0 if self._unsent else _END_STREAM, self._stream, part))
        self.socket.sendall(b"".join(out))

    def _grant(self, size: int) -> None:
        """Let the server send more."""
        if size:
            self.socket.sendall(_frame(_WINDOW, 0, 0, struct.pack(">I", size)))


def run(
    connect: Callable[[], Connection],
    requests: Sequence[bytes],
    connections: int,
    seconds: float,
    *,
    keep: bool = False,
) -> Load:
    """Send the requests in turn over so many connections for so long, keeping the bodies of the answers if told to."""
    load, numbers = Load(), count()
    with selectors.DefaultSelector() as selector:
        opened = [connect() for _ in range(connections)]
        asked = dict.fromkeys(opened, (0, 0.0))

        def ask(connection: Connection) -> None:
            number = next(numbers) % len(requests)
            asked[connection] = (number, time.perf_counter())
            connection.ask(requests[number])

        began = time.perf_counter()
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            ask(connection)
        end, waiting = began + seconds, connections
        while waiting:
            for key, _ in selector.select():
                connection = key.data
                reply = connection.answered()
                if reply is None:
                    continue
                number, sent = asked[connection]
                now = time.perf_counter()
                load.seconds.append(now - sent)
                load.failures += not reply.good
                if keep:
                    load.bodies[number] = reply.body
                if now < end:
                    ask(connection)
                else:
                    waiting -= 1
        load.duration = time.perf_counter() - began
        for connection in opened:
            connection.socket.close()
    return load
