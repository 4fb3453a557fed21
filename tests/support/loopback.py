"""A caller whose server is in the same process: nothing but bytes passes between the two."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import unquote

from quiverdb.database import Database
from quiverdb.engine.database import EngineDatabase
from quiverdb.qdrant import QdrantClient
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.http.exceptions import UnexpectedResponse
from quiverdb.remote.database import RemoteDatabase
from quiverdb.remote.protocol import ResponseError
from quiverdb.server.calls import Calls
from quiverdb.server.settings import Service, Settings
from quiverdb.server.workers import Workers
from quiverdb.wire import rest, rpc
from quiverdb.wire.operations import OPERATIONS, Operation

__all__ = ["Gateway", "GatewayClient", "Loopback"]


FREE = Settings(service=Service(require_indexes=False))
"""Of a server that orders and counts as freely as the engine does."""


class Loopback:
    """Carry operations to a database as REST would, or gRPC where it has them, and its answers back."""

    def __init__(self, database: Database, protocol: Literal["rest", "grpc"] = "rest") -> None:
        self._workers = Workers(1)
        self._grpc = protocol == "grpc"
        self.calls = Calls(database, FREE, self._workers)
        self.asked: list[str] = []
        self.closed = 0

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        self.asked.append(operation)
        row = OPERATIONS[operation]
        carry = self._over_grpc if self._grpc and row.rpc is not None else self._over_rest
        try:
            return carry(row, arguments)
        except UnexpectedResponse as error:
            raise ResponseError(error.status_code or 0, error.reason_phrase, error.content, error.headers) from error
        except ResourceExhaustedResponse as error:
            content = json.dumps({"status": {"error": error.message}}).encode()
            headers = {"Retry-After": str(error.retry_after_s)}
            raise ResponseError(429, "Too Many Requests", content, headers) from error

    def _over_rest(self, row: Operation, arguments: Mapping[str, Any]) -> Any:
        asked = rest.request(row, arguments)
        body = None if asked.body is None else rest.decode(asked.body)
        given = rest.arguments_of(row, _path(row, asked.path), dict(asked.query), body)
        return rest.decode(rest.encode(self.calls.call(row.name, given)))

    def _over_grpc(self, row: Operation, arguments: Mapping[str, Any]) -> Any:
        asked, kinds = rpc.request_message(row, arguments), rpc.messages_of(row)
        given = rpc.arguments_of(row, kinds.request.FromString(asked.SerializeToString()))
        reply = rpc.reply_message(row, self.calls.call(row.name, given), 0.0)
        return rpc.result_of(row, kinds.reply.FromString(reply.SerializeToString()))

    def close(self) -> None:
        self.closed += 1
        self._workers.close()


def _path(row: Operation, path: str) -> dict[str, str]:
    """Read the arguments in a path, as a server does."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", row.path)
    found = re.fullmatch(pattern, path)
    assert found is not None, path
    return {name: unquote(text) for name, text in found.groupdict().items()}


class Gateway(RemoteDatabase):
    """A remote database in front of an engine of its own, which is closed with it."""

    def __init__(self, location: str = ":memory:") -> None:
        self.engine = EngineDatabase.open(location)
        self.loopback = Loopback(self.engine)
        super().__init__(self.loopback, url="qdrant://loopback")

    def close(self) -> None:
        super().close()
        self.engine.close()


class GatewayClient(QdrantClient):
    """A client of a remote database, which is closed with it."""

    def __init__(self, location: str = ":memory:") -> None:
        self.gateway = Gateway(location)
        super().__init__(database=self.gateway)

    def close(self, grpc_grace: float | None = None) -> None:
        super().close(grpc_grace)
        self.gateway.close()
