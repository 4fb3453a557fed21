"""A small gRPC server on this machine that does what a test wants; it knows no messages, only bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

CODES = {code.name: code for code in grpc.StatusCode}
Answer = Callable[[bytes], bytes]


class EchoServer(grpc.GenericRpcHandler):
    """Return every request; a method called like a status fails with it, one called ``Wait`` takes its time.

    ``answers`` are functions from bytes to bytes for methods of their own, by path.
    """

    def __init__(self, credentials: Any = None, limit: int = -1, answers: Mapping[str, Answer] | None = None) -> None:
        self._answers = answers or {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.peers: set[str] = set()
        self.failing: dict[str, list[str]] = {}
        """Statuses that the next calls fail with, by path."""
        self.retry_after = "3"
        self.go = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", limit)])
        self._server.add_generic_rpc_handlers((self,))
        if credentials is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)

    def service(self, details: Any) -> Any:
        method = details.method.rpartition("/")[2]
        metadata = {item.key: item.value for item in details.invocation_metadata}

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.seen.append((details.method, metadata))
            self.peers.add(context.peer())
            waiting = self.failing.get(details.method)
            code = CODES.get(waiting.pop() if waiting else method)
            if code is not None:
                context.set_trailing_metadata((("retry-after", self.retry_after), ("blob-bin", b"\x00")))
                context.abort(code, f"because of {code.name}")
            if method == "Wait":
                self.go.wait(10)
            return self._answers.get(details.method, bytes)(request)

        return grpc.unary_unary_rpc_method_handler(answer)

    def __enter__(self) -> EchoServer:
        self._server.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.go.set()
        self._server.stop(None).wait()
