"""A server that signs clients in as Cosdata does, notes what they ask, and answers from a table."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from small_servers import Answer, HttpServer, Seen

from quiverdb.cosdata.operations import LEGACY_PATHS, OPERATIONS, Operation

PASSWORD = "secret"
ABSENT: Answer = (404, {}, b"")
"""What a server says of routes that it does not have."""


def told(body: Any, status: int = 200, **headers: str) -> Answer:
    """Return an answer with a JSON body."""
    return status, {"content-type": "application/json", **headers}, json.dumps(body).encode()


def said(sentence: str, status: int, **headers: str) -> Answer:
    """Return an answer with a sentence as its body."""
    return status, {"content-type": "text/html; charset=utf-8", **headers}, sentence.encode()


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]*", path))


_ROUTES = [
    *((row.method, row.path, row.name) for row in OPERATIONS.values()),
    *((method, path, "batch-text") for method, path in LEGACY_PATHS),
]


def operation_of(seen: Seen) -> str:
    """Return the name of the operation that a request is for, or ``batch-text``."""
    path = urlsplit(seen.target).path
    found = [
        (route, name) for method, route, name in _ROUTES if method == seen.method and _pattern(route).fullmatch(path)
    ]
    return min(found, key=lambda pair: pair[0].count("{"))[1] if found else f"{seen.method} {path}"


@dataclass
class Asked:
    """One request, read."""

    operation: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: Mapping[str, str]


def read(seen: Seen) -> Asked:
    """Return what a request says."""
    parts = urlsplit(seen.target)
    steps = "/".join(unquote(step) for step in parts.path.split("/"))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Asked(
        operation_of(seen), seen.method, steps, query, json.loads(seen.body) if seen.body else None, seen.headers
    )


Script = Answer | Exception | Callable[[Seen], Answer]


@dataclass
class Stub:
    """What a server answers: by operation one answer, or a list of answers, of which the last one holds on."""

    answers: dict[str, Script | list[Script]] = field(default_factory=dict)
    life: float = 3600
    """Of tokens, in seconds."""
    url: str = ""
    tokens: set[str] = field(default_factory=set)
    sign_in_takes: float = 0.0
    server: Any = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def asked(self) -> list[Asked]:
        """What came so far, but for signing in."""
        return [asked for asked in map(read, list(self.server.seen)) if asked.operation != "create_session"]

    @property
    def operations(self) -> list[str]:
        """The operations that were asked for, with those of signing in."""
        return [operation_of(seen) for seen in list(self.server.seen)]

    @property
    def signed_in(self) -> int:
        return self.operations.count("create_session")

    def revoke(self) -> None:
        """Forget all tokens."""
        self.tokens.clear()

    def __call__(self, seen: Seen) -> Answer:
        operation = operation_of(seen)
        if operation == "create_session" and operation not in self.answers:
            return self._sign_in(json.loads(seen.body))
        if operation != "create_session" and seen.headers.get("authorization", "").partition(" ")[2] not in self.tokens:
            return said("Invalid auth token!", 401)
        with self._lock:
            script = self.answers.get(operation, ABSENT)
            if isinstance(script, list):
                script = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(script, Exception):
            raise script
        return script(seen) if callable(script) else script

    def _sign_in(self, given: Mapping[str, str]) -> Answer:
        time.sleep(self.sign_in_takes)
        if given != {"username": "admin", "password": PASSWORD}:
            return said("Wrong Credentials!", 400)
        token = f"token-{next(self._numbers)}"
        self.tokens.add(token)
        # The clock of a server may be wrong.
        return told({"access_token": token, "created_at": 1_000, "expires_at": 1_000 + self.life})


@contextmanager
def serving(answers: Mapping[str, Any] | None = None, **options: Any) -> Iterator[Stub]:
    """Serve on a free port."""
    stub = Stub(dict(answers or {}), **options)
    with HttpServer(stub) as server:
        stub.server, stub.url = server, server.url
        yield stub


def rows() -> list[Operation]:
    """All operations but signing in."""
    return [row for row in OPERATIONS.values() if row.name != "create_session"]
