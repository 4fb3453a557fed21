"""A server that keeps what it is asked, over REST and gRPC, and answers from a table."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import grpc
from google.protobuf import descriptor_pool, message_factory
from qdrant_client import grpc as official_grpc

from quiverdb.wire.operations import OPERATIONS, Operation

SERVICES = ("Points", "Collections", "Snapshots", "Qdrant")

Answers = Callable[[str], Any]
"""The plain result of an operation, by its name; may raise ``HttpRefusal``."""
Messages = Callable[[str], bytes]
"""The reply to a call over gRPC, by service and method; may raise ``RpcRefusal``."""


@dataclass
class HttpRefusal(Exception):
    """Answers with a body as it is."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RpcRefusal(Exception):
    """Ends a call with a code."""

    code: grpc.StatusCode
    details: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpRequest:
    """What came over HTTP."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class RpcRequest:
    """What came over gRPC; the message is one of the official classes."""

    method: str
    message: Any
    metadata: Mapping[str, str]
    deadline: float | None


@dataclass
class Recorder:
    """Both servers, and what came since ``taken`` was last asked."""

    port: int = 0
    grpc_port: int = 0
    seen: list[HttpRequest | RpcRequest] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def taken(self) -> list[HttpRequest | RpcRequest]:
        """Return what came, and forget it."""
        taken, self.seen = self.seen, []
        return taken


@contextmanager
def recording(answers: Answers, messages: Messages) -> Iterator[Recorder]:
    """Serve on two free ports."""
    recorder = Recorder()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(recorder, answers))
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    rpc = grpc.server(ThreadPoolExecutor(4))
    rpc.add_generic_rpc_handlers((_Calls(recorder, messages),))
    recorder.port, recorder.grpc_port = http.server_port, rpc.add_insecure_port("127.0.0.1:0")
    thread.start()
    rpc.start()
    try:
        yield recorder
    finally:
        rpc.stop(None).wait()
        http.shutdown()
        http.server_close()
        thread.join()


# --- HTTP


def _pattern(operation: Operation) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path))


_ROUTES = [(operation.method, _pattern(operation), operation) for operation in OPERATIONS.values()]


def operation_at(method: str, path: str) -> Operation:
    """Return the operation that a request is for; ``LookupError`` for one that no route leads to."""
    found = [row for verb, pattern, row in _ROUTES if verb == method and pattern.fullmatch(path)]
    if not found:
        raise LookupError(f"{method} {path} is no request of the API")
    return min(found, key=lambda row: row.path.count("{"))


def _handler(recorder: Recorder, answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self._body()
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            given = json.loads(body) if body else None
            recorder.seen.append(HttpRequest(self.command, parts.path, query, headers, given))
            try:
                operation = operation_at(self.command, parts.path)
            except LookupError as error:
                self._answer(404, {"status": {"error": f"Not found: {error}"}, "time": 0.0})
                return
            try:
                result = answers(operation.name)
            except HttpRefusal as refusal:
                self._write(refusal.status, refusal.body, refusal.headers)
                return
            self._answer(200, result if operation.bare else {"result": result, "status": "ok", "time": 0.0})

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _answer(self, status: int, body: Any) -> None:
            self._write(status, json.dumps(body).encode(), {"content-type": "application/json"})

        def _write(self, status: int, written: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(written))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


# --- gRPC


def descriptor(method: str) -> Any:
    """Return the official descriptor of a method such as ``Points/Query``."""
    service, name = method.split("/")
    return descriptor_pool.Default().FindServiceByName(f"qdrant.{service}").methods_by_name[name]


def request_class(method: str) -> Any:
    """Return the official class of a method's requests."""
    return message_factory.GetMessageClass(descriptor(method).input_type)


def rpc_methods() -> list[str]:
    """Every method of the public services."""
    pool = descriptor_pool.Default()
    assert official_grpc.PointsStub  # its import is what fills the pool
    return [f"{name}/{row.name}" for name in SERVICES for row in pool.FindServiceByName(f"qdrant.{name}").methods]


class _Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, recorder: Recorder, messages: Messages) -> None:
        self.recorder = recorder
        self.messages = messages

    def service(self, details: Any) -> Any:
        method = details.method.removeprefix("/qdrant.")
        metadata = dict(details.invocation_metadata)

        def serve(body: bytes, context: Any) -> bytes:
            message = request_class(method).FromString(body)
            self.recorder.seen.append(RpcRequest(method, message, metadata, context.time_remaining()))
            try:
                return self.messages(method)
            except RpcRefusal as refusal:
                context.set_trailing_metadata(tuple(refusal.metadata.items()))
                context.abort(refusal.code, refusal.details)

        return grpc.unary_unary_rpc_method_handler(serve)
