"""What a client of VikingDB's protocol sends, without one: signed, with a key, or as it is."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from vikingdb_rows import ROWS_INDEX, ROWS_SCHEMA, TEXTS_INDEX, TEXTS_SCHEMA

from quiverdb.vikingdb import signing
from quiverdb.vikingdb.operations import CONTROL_VERSION, OPERATIONS


class Wire:
    """Ask a server; ``secrets`` are an access key, its secret key, and their token if there is one."""

    def __init__(
        self,
        url: str,
        *secrets: str,
        api_key: str | None = None,
        headers: Mapping[str, str] = {},
        authority: str | None = None,
    ) -> None:
        verify = True if authority is None else ssl.create_default_context(cafile=authority)
        self.http = httpx.Client(base_url=url, timeout=30, verify=verify)
        self.secrets = secrets
        self.headers = {**headers, **({"Authorization": f"Bearer {api_key}"} if api_key else {})}

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(
        self,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        at: float | None = None,
        method: str = "POST",
        **changed: Any,
    ) -> httpx.Response:
        """Send a request, signed if there is a secret; ``changed`` is sent in place of what was signed."""
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        sent = {"Content-Type": "application/json", **self.headers, **headers}
        if self.secrets:
            sent |= self.signature(method, path, query, sent, content, time.time() if at is None else at)
        sent |= changed.get("other_headers", {})
        target = changed.get("target", path + (f"?{urlencode(query)}" if query else ""))
        return self.http.request(method, target, content=changed.get("content", content), headers=sent)

    def signature(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes, at: float
    ) -> dict[str, str]:
        """Return the headers that sign a request."""
        access_key, secret_key, *token = self.secrets
        return signing.signed(
            method, path, query.items(), headers, body,
            access_key=access_key, secret_key=secret_key, region="cn-beijing", at=signing.stamp(at),
            session_token="".join(token),
        )  # fmt: skip

    def ask(self, operation: str, body: Any = None, **others: Any) -> httpx.Response:
        """Ask for an operation by its path."""
        return self.send(OPERATIONS[operation].path, body, **others)

    def action(self, operation: str, body: Any = None, **others: Any) -> httpx.Response:
        """Ask for an operation of the control plane as the cloud has it."""
        query = {"Action": OPERATIONS[operation].action, "Version": CONTROL_VERSION}
        return self.send("/", body, query=query, **others)

    def make(self) -> None:
        """Make the collections and indexes, one in each form of the control plane."""
        for ask, kind in ((self.ask, "create_collection"), (self.action, "create_index")):
            for body in (ROWS_SCHEMA, TEXTS_SCHEMA) if kind == "create_collection" else (ROWS_INDEX, TEXTS_INDEX):
                ask(kind, body).raise_for_status()
