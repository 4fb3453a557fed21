"""A load of kept-alive HTTP connections, lean enough to leave the other core to the server.

Requests are bytes made beforehand; each connection sends one, waits for its answer and sends the next.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


def http_request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a request as it travels."""
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


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


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.began = 0.0
        self.number = 0

    def ask(self, number: int, request: bytes) -> None:
        self.number, self.began = number, time.perf_counter()
        self.received.clear()
        self.socket.sendall(request)

    def answered(self) -> bytes | None:
        """Read what has come; return the status line and body once all is there."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.received += part
        head = self.received.find(_END)
        if head < 0:
            return None
        start = self.received.index(_LENGTH) + len(_LENGTH)
        length = int(self.received[start : self.received.index(b"\r", start)])
        if len(self.received) < head + len(_END) + length:
            return None
        return bytes(self.received)


def run(port: int, requests: list[bytes], connections: int, seconds: float, *, keep: bool = False) -> Load:
    """Send the requests in turn over so many connections for so long."""
    load, numbers = Load(), count()
    with selectors.DefaultSelector() as selector:
        opened = [_Connection(port) for _ in range(connections)]
        began = time.perf_counter()
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            _next(connection, numbers, requests)
        end, waiting = began + seconds, connections
        while waiting:
            for key, _ in selector.select():
                connection = key.data
                answer = connection.answered()
                if answer is None:
                    continue
                now = time.perf_counter()
                load.seconds.append(now - connection.began)
                load.failures += not answer.startswith(b"HTTP/1.1 200")
                if keep:
                    load.bodies[connection.number] = answer[answer.index(_END) + len(_END) :]
                if now < end:
                    _next(connection, numbers, requests)
                else:
                    waiting -= 1
        load.duration = time.perf_counter() - began
        for connection in opened:
            connection.socket.close()
    return load


def _next(connection: _Connection, numbers: Iterator[int], requests: list[bytes]) -> None:
    number = next(numbers) % len(requests)
    connection.ask(number, requests[number])
