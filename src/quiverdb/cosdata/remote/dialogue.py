"""What is said to a server to carry an operation out, and when to say it again; nothing in here waits.

A dialogue is a generator of steps. Whoever drives it does each of them, and sends back what came of it: the answer to
a ``Send`` or the error that there is none, the session after a ``SignIn``, nothing after a ``Pause``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from quiverdb.cosdata.errors import ConnectionFailedError, CosdataError, NotFoundError, ValidationError
from quiverdb.cosdata.operations import LEGACY_PATHS, OPERATIONS, Arguments, Operation
from quiverdb.cosdata.remote.replies import absent, failure, refusal, result_of, unsupported
from quiverdb.cosdata.remote.requests import identifier, request_of
from quiverdb.errors import InvalidInputError, UnsupportedError
from quiverdb.remote.headers import checked
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import LostError, Retry
from quiverdb.wire.http_message import Reply, Request

__all__ = ["CAREFUL", "Dialogue", "Pause", "Send", "Session", "SignIn", "Steps"]

CAREFUL = Retry(limited=2, busy=(429, 502, 503, 504), longest=10.0)
"""Repeats twice what does no harm when done twice, and what a server put off, unless for long."""


class Session(msgspec.Struct, frozen=True, eq=False):
    """Hold a token, and until when to use it, by ``time.monotonic``."""

    token: str
    until: float


class Send(msgspec.Struct, frozen=True):
    """Ask the server."""

    request: Request
    bearer: str | None


class Pause(msgspec.Struct, frozen=True):
    """Wait for some seconds."""

    seconds: float


class SignIn(msgspec.Struct, frozen=True):
    """Carry ``Dialogue.sign_in`` out, one at a time."""

    stale: Session | None


Step: TypeAlias = Send | Pause | SignIn
Steps: TypeAlias = Generator[Step, Any, Any]

_EARLY = 60.0
_EARLY_SHARE = 0.1
"""How long before its end a session is renewed: seconds, or a share of its life if that is less."""
_NEIGHBORS = 10


class Dialogue:
    """Say what to ask a server; holds the session, and what is known of the server.

    >>> asked = next(Dialogue("admin", "secret", CAREFUL).call("list_collections", {}))
    >>> asked
    SignIn(stale=None)
    """

    def __init__(self, username: str, password: str, retry: Retry) -> None:
        self._credentials = {"username": username, "password": password}
        self._retry = retry
        self._session: Session | None = None
        self._keeps_versions: bool | None = None

    def call(self, operation: str, arguments: Arguments) -> Steps:
        """Carry an operation out, in as many requests as the server at the other end makes it."""
        row = OPERATIONS.get(operation)
        if row is None:
            raise ValidationError(f"there is no operation {operation!r}")
        if _is_read_at_version(row) and arguments.get("version") is not None:
            arguments = yield from self._at_version(arguments)
        detour = _DETOURS.get(operation)
        return (yield from (detour(self, row, arguments) if detour else self._plainly(row, arguments)))

    # --- signing in

    def usable(self, stale: Session | None) -> Session | None:
        """Return the session, unless it is over or the one that a server refused."""
        session = self._session
        over = session is None or session is stale or time.monotonic() >= session.until
        return None if over else session

    def sign_in(self, stale: Session | None) -> Steps:
        """Return a session that can be used; makes one, unless somebody else just did."""
        if (session := self.usable(stale)) is not None:
            return session
        asked_at = time.monotonic()
        told = yield from self._plainly(OPERATIONS["create_session"], self._credentials)
        try:
            checked({"authorization": told["access_token"]})
        except InvalidInputError as error:
            raise ConnectionFailedError("the token in the answer is none that can be sent", body="") from error
        self._session = Session(told["access_token"], asked_at + _lifetime(told))
        return self._session

    # --- requests

    def _plainly(self, row: Operation, arguments: Arguments) -> Steps:
        """Carry an operation out by its own request."""
        if row.name == "create_session":
            arguments = {**self._credentials, **arguments}
        reply = yield from self._ask(row, request_of(row, arguments))
        if (error := refusal(row, arguments, reply)) is not None:
            raise error
        return result_of(row, arguments, reply)

    def _ask(self, row: Operation, request: Request) -> Steps:
        """Return the answer to a request; signs in anew if the server knows the token no more."""
        if row.name == "create_session":
            return (yield from self._repeat(row, request, None))
        session = self.usable(None) or (yield SignIn(None))
        reply = yield from self._repeat(row, request, session.token)
        if reply.status == 401:
            session = yield SignIn(session)
            reply = yield from self._repeat(row, request, session.token)
        return reply

    def _repeat(self, row: Operation, request: Request, bearer: str | None) -> Steps:
        repetition = 0
        while True:
            answer = yield Send(request, bearer)
            if (wait := self._wait(row, answer, repetition)) is None:
                break
            yield Pause(wait)
            repetition += 1
        if isinstance(answer, TransportError):
            raise failure(answer) from answer
        return answer

    def _wait(self, row: Operation, answer: Reply | TransportError, repetition: int) -> float | None:
        """Return for how many seconds to wait before a request is repeated; ``None`` if it is not to be."""
        error: Exception = answer if isinstance(answer, TransportError) else _refused(answer)
        return self._retry.wait(error, repetition, repeatable=row.repeatable)

    # --- operations that servers of Cosdata lack, or answer in part

    def _at_version(self, arguments: Arguments) -> Steps:
        """Return arguments that read a version; servers that keep none would read the present state instead."""
        version, collection = identifier(arguments["version"], "version"), {"collection": arguments["collection"]}
        if self._keeps_versions is None:
            row = OPERATIONS["get_version"]
            reply = yield from self._ask(row, request_of(row, {**collection, "version": version}))
            self._keeps_versions = not absent(reply)
        if self._keeps_versions:
            return arguments
        current = yield from self.call("current_version", collection)
        if not _is_named(current, version):
            raise unsupported("read_version")
        return {**arguments, "version": None}

    def _get_version(self, row: Operation, arguments: Arguments) -> Steps:
        """Look a version up among all, where a server has no other way."""
        try:
            return (yield from self._plainly(row, arguments))
        except UnsupportedError:
            listed = yield from self.call("list_versions", {"collection": arguments["collection"]})
        version = identifier(arguments["version"], "version")
        found = next((each for each in listed["versions"] if _is_named(each, version)), None)
        if found is None:
            raise NotFoundError(f"Version {version!r} Not Found!")
        return found

    def _list_collections(self, row: Operation, arguments: Arguments) -> Steps:
        """Complete a list that says nothing but names."""
        listed = yield from self._plainly(row, arguments)
        complete = []
        for entry in listed["collections"]:
            if entry["dimension"] is None:
                try:
                    details = yield from self.call("get_collection", {"collection": entry["name"]})
                except NotFoundError:  # deleted in between
                    continue
                entry = {name: details[name] for name in entry}
            complete.append(entry)
        return {"collections": complete}

    def _commit_together(self, row: Operation, arguments: Arguments) -> Steps:
        """Commit transactions one after the other, where a server cannot do it at once, or need not."""
        transactions = arguments["transactions"]
        if len(transactions) > 1:
            try:
                return (yield from self._plainly(row, arguments))
            except UnsupportedError:
                pass
        committed: list[str] = []
        for transaction in transactions:
            try:
                yield from self.call("commit", transaction)
            except CosdataError as error:
                raise _partly(error, committed) from error
            committed.append(transaction["collection"])
        return None

    def _batch_search_text(self, row: Operation, arguments: Arguments) -> Steps:
        """Search by the route of former releases, where a server has no other."""
        try:
            return (yield from self._plainly(row, arguments))
        except UnsupportedError:
            return (yield from self._formerly(row, arguments))

    def _formerly(self, row: Operation, arguments: Arguments) -> Steps:
        [(path, fields)] = [(path, fields) for (_, path), (name, fields) in LEGACY_PATHS.items() if name == row.name]
        names = {now: then for then, now in fields.items()}
        body = tuple(names.get(field, field) for field in row.body)
        former = msgspec.structs.replace(row, path=path, body=body)
        return (yield from self._plainly(former, {names.get(name, name): value for name, value in arguments.items()}))

    def _vector_neighbors(self, row: Operation, arguments: Arguments) -> Steps:
        """Search for the neighbors of a vector, where a server ends the connection at the question."""
        try:
            return (yield from self._plainly(msgspec.structs.replace(row, repeatable=False), arguments))
        except (ConnectionFailedError, UnsupportedError) as error:
            if isinstance(error, ConnectionFailedError) and not isinstance(error.__cause__, LostError):
                raise
        vector = yield from self.call("get_vector", arguments)
        if vector["dense_values"] is None:
            raise ValidationError(f"vector {vector['id']!r} has no dense values, so it has no neighbors")
        search = {"collection": arguments["collection"], "query_vector": vector["dense_values"]}
        found = yield from self.call("search_dense", {**search, "top_k": _NEIGHBORS + 1})
        near = [{"id": hit["id"], "score": hit["score"]} for hit in found["results"] if hit["id"] != vector["id"]]
        return near[:_NEIGHBORS]


_DETOURS: Mapping[str, Callable[[Dialogue, Operation, Arguments], Steps]] = MappingProxyType({
    "batch_search_text": Dialogue._batch_search_text,
    "commit_together": Dialogue._commit_together,
    "get_version": Dialogue._get_version,
    "list_collections": Dialogue._list_collections,
    "vector_neighbors": Dialogue._vector_neighbors,
})  # fmt: skip


def _refused(reply: Reply) -> ResponseError:
    return ResponseError(reply.status, reply.reason, reply.body, reply.headers)


def _is_read_at_version(row: Operation) -> bool:
    return not row.extension and "version" in (*row.query, *row.body)


def _is_named(version: Mapping[str, Any], name: str) -> bool:
    return name in (str(version["version_number"]), str(version["hash"]))


def _lifetime(session: Mapping[str, Any]) -> float:
    """Return for how many seconds to use a session, by the server's own clock as far as it shows."""
    begin, end = session["created_at"], session["expires_at"]
    if end is None:
        return float("inf")
    life = end - (time.time() if begin is None else begin)
    return float(life - min(_EARLY, _EARLY_SHARE * life))


def _partly(error: CosdataError, committed: list[str]) -> CosdataError:
    """Return an error that tells what was committed before."""
    if not committed:
        return error
    message = f"{error} (committed before: {', '.join(committed)})"
    return type(error)(message, status=error.status, body=error.body)
