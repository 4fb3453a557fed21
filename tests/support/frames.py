"""HTTP/2 by hand: what a gRPC client sends and receives, byte by byte."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return len(content).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + content


OPENING = PREFACE + frame(SETTINGS, 0, 0)


class Frame(NamedTuple):
    kind: int
    flags: int
    content: bytes


def head(method: str, **others: str) -> bytes:
    """The headers of a call, as literals that no table is needed to read."""
    fields = {":method": "POST", ":scheme": "http", ":path": method, ":authority": "localhost"}
    fields |= {"te": "trailers", "content-type": "application/grpc"}
    fields |= {name.replace("_", "-"): value for name, value in others.items()}
    return b"".join(b"\0" + b"".join(bytes([len(part)]) + part.encode() for part in pair) for pair in fields.items())


def call(port: int, method: str, message: bytes, *, packed: bool = False, **headers: str) -> bytes:
    """Return the message in the reply to a call, with its prefix of a flag and its length; none if it failed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        body = bytes([packed]) + len(message).to_bytes(4, "big") + message
        asked = frame(HEADERS, END_HEADERS, 1, head(method, **headers)) + frame(DATA, END_STREAM, 1, body)
        connection.sendall(OPENING + asked)
        reply = b""
        for received in _frames(connection):
            if received.kind == DATA:
                reply += received.content
            if received.kind == RESET or (received.kind in (DATA, HEADERS) and received.flags & END_STREAM):
                break
        return reply


def _frames(connection: socket.socket) -> Iterator[Frame]:
    with connection.makefile("rb") as stream:
        while start := stream.read(9):
            yield Frame(start[3], start[4], stream.read(int.from_bytes(start[:3], "big")))
