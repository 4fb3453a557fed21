"""Servers that store points, and fail as a script says: for each request on points in turn, over REST or gRPC."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from small_servers import Answer, HttpServer, Seen

from quiverdb.wire.messages import message

DONE = b'{"result": {"operation_id": 1, "status": "completed"}, "status": "ok", "time": 0.0}'
ERROR = b'{"status": {"error": "trouble"}, "time": 0.0}'

FAULTS = ("drop", "500", "503", "408", "429", "wait", "lost")
"""What may happen: ``wait`` asks for a pause of no seconds, ``lost`` stores without an answer; all else stores not."""
_CODES = {
    "drop": "ABORTED",
    "500": "INTERNAL",
    "503": "UNAVAILABLE",
    "408": "DEADLINE_EXCEEDED",
    "429": "RESOURCE_EXHAUSTED",
    "wait": "RESOURCE_EXHAUSTED",
    "lost": "UNAVAILABLE",
    "400": "INVALID_ARGUMENT",
}


@dataclass
class Flaky:
    """What a server does, and what it stored."""

    script: list[str] = field(default_factory=list)
    always: dict[Any, str] = field(default_factory=dict)
    """What happens to batches that begin with a point, whatever the script says."""
    stored: list[Any] = field(default_factory=list)
    """The ids, in the order of their storing."""
    options: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self, script: Sequence[str]) -> None:
        self.script, self.always, self.stored = list(script), {}, []

    def take(self, ids: Sequence[Any]) -> str:
        """Store points, unless they are not to be, and tell what happens to the batch."""
        with self._lock:
            fault = self.always.get(ids[0]) or (self.script.pop(0) if self.script else "ok")
            if fault in ("ok", "lost"):
                self.stored.extend(ids)
            return fault

    @property
    def prefix(self) -> int:
        """How many points from the first one are stored without a gap."""
        found = set(self.stored)
        return next(number for number in range(len(found) + 1) if number not in found)


def _ids(points: Any) -> list[Any]:
    return points["batch"]["ids"] if "batch" in points else [point["id"] for point in points["points"]]


@contextmanager
def over_rest() -> Iterator[Flaky]:
    """Serve REST."""

    def answer(seen: Seen) -> Answer:
        fault = flaky.take(_ids(json.loads(seen.body)))
        if fault == "ok":
            return 200, {}, DONE
        if fault in ("drop", "lost"):
            raise ConnectionResetError
        if fault == "wait":
            return 429, {"Retry-After": "0"}, ERROR
        return int(fault), {}, ERROR

    flaky = Flaky()
    with HttpServer(answer) as server:
        flaky.options = {"url": server.url}
        yield flaky


@contextmanager
def over_grpc() -> Iterator[Flaky]:
    """Serve gRPC."""
    request, reply = message("UpsertPoints"), message("PointsOperationResponse")

    def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
        fault = flaky.take([point.id.uuid or point.id.num for point in request.FromString(data).points])
        if fault == "wait":
            context.set_trailing_metadata((("retry-after", "0"),))
        if fault != "ok":
            context.abort(grpc.StatusCode[_CODES[fault]], "trouble")
        return reply(result={"operation_id": 1, "status": 2}).SerializeToString()

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer)

    flaky = Flaky()
    server = grpc.server(ThreadPoolExecutor(8), [Handler()])
    flaky.options = {
        "url": "http://127.0.0.1",
        "grpc_port": server.add_insecure_port("127.0.0.1:0"),
        "prefer_grpc": True,
    }
    server.start()
    try:
        yield flaky
    finally:
        server.stop(None).wait()
