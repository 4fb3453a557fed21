"""Routes that carry snapshots: downloads, uploads, and the snapshot of a shard as a stream."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, BinaryIO, Self

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.responses import FileResponse

from quiverdb.database import Database
from quiverdb.engine.storage.files import storage_errors
from quiverdb.errors import InvalidInputError, NotFoundError, RefusedError, UnsupportedError
from quiverdb.model.snapshot import Snapshot
from quiverdb.server.calls import data_folder
from quiverdb.server.core import Core
from quiverdb.server.exchange import (
    PATIENCE,
    Answer,
    ClientGoneError,
    Endpoint,
    Receive,
    Request,
    Route,
    Scope,
    Send,
    accepted,
    ok,
)
from quiverdb.server.recovery import UNFINISHED, check_snapshot_name
from quiverdb.server.settings import MEGABYTE
from quiverdb.wire.operations import OPERATIONS
from quiverdb.wire.rest import arguments_of

__all__ = ["snapshot_routes"]

_COLLECTION = "/collections/{collection_name}"
_SHARD = f"{_COLLECTION}/shards/{{shard_id}}"
_OWNERS = {"": _COLLECTION, "shard_": _SHARD, "full_": ""}
_BINARY = "application/octet-stream"
_FIELD = "snapshot"
_BLOCK = 1 << 20


def snapshot_routes(core: Core) -> Iterator[Route]:
    """Yield the routes."""
    for kind, path in _OWNERS.items():
        yield Route(f"download_{kind}snapshot", "GET", f"{path}/snapshots/{{snapshot_name}}", _download(core))
    yield Route("stream_shard_snapshot", "GET", f"{_SHARD}/snapshot", _stream(core))
    for kind in ("", "shard_"):
        yield Route(f"upload_{kind}snapshot", "POST", f"{_OWNERS[kind]}/snapshots/upload", _upload(core, kind))


class _PatientFile(FileResponse):
    """Send a file, give up on a client that does not read, and clean up in any case."""

    chunk_size = _BLOCK

    def __init__(self, snapshot: Snapshot, clean_up: Callable[[], Awaitable[object]] | None = None) -> None:
        try:
            state = Path(snapshot.path).stat()
        except OSError:
            advice = "Ask the server that holds the data."
            raise UnsupportedError("A download", "a server that does not hold the files", advice) from None
        super().__init__(snapshot.path, filename=snapshot.name, stat_result=state, media_type=_BINARY)
        self._clean_up = clean_up

    @property
    def status(self) -> int:
        return self.status_code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def patient(message: Any) -> None:
            async with asyncio.timeout(PATIENCE):
                await send(message)

        try:
            await super().__call__(scope, receive, patient)
        except TimeoutError:
            raise ClientGoneError("the answer is read too slowly") from None
        finally:
            if self._clean_up is not None:
                await self._clean_up()


def _owner(path: Mapping[str, str]) -> tuple[str | None, int | None]:
    """Return the collection and the shard that a path names."""
    if "shard_id" not in path:
        return path.get("collection_name"), None
    arguments = arguments_of(OPERATIONS["list_shard_snapshots"], path, {}, None)
    return arguments["collection_name"], arguments["shard_id"]


def _download(core: Core) -> Endpoint:
    def find(path: Mapping[str, str]) -> _PatientFile:
        collection, shard = _owner(path)
        name = check_snapshot_name(path["snapshot_name"])
        for snapshot in core.database.snapshots(collection, shard=shard):
            if snapshot.name == name:
                return _PatientFile(snapshot)
        raise NotFoundError(f"Snapshot {name} not found", kind="snapshot", name=name)

    async def endpoint(request: Request) -> _PatientFile:
        return await core.workers.run("read", find, request.path)

    return endpoint


def _stream(core: Core) -> Endpoint:
    def make(path: Mapping[str, str]) -> _PatientFile:
        collection, shard = _owner(path)
        snapshot = core.database.create_snapshot(collection, shard=shard)
        if snapshot is None:
            raise UnsupportedError("The snapshot of a shard as a stream", repr(core.database))

        def delete() -> None:
            core.database.delete_snapshot(collection, snapshot.name, shard=shard)

        return _PatientFile(snapshot, lambda: core.workers.run("manage", delete))

    async def endpoint(request: Request) -> _PatientFile:
        return await core.workers.run("manage", make, request.path)

    return endpoint


def _upload(core: Core, kind: str) -> Endpoint:
    terms = OPERATIONS[f"create_{kind}snapshot"]
    most = core.settings.storage.max_snapshot_size_mb

    async def endpoint(request: Request) -> Answer:
        began = perf_counter()
        arguments = arguments_of(terms, request.path, request.query, None)
        given = {name: request.query[name] for name in ("checksum", "priority") if name in request.query}
        path = _room(core.database)
        try:
            with _FormFile(path, request.headers.get("content-type", ""), most) as file:
                pending = bytearray()
                async for chunk in request.chunks():
                    pending += chunk
                    if len(pending) >= _BLOCK:
                        await core.workers.run("manage", file.feed, bytes(pending))
                        pending.clear()
                await core.workers.run("manage", file.feed, bytes(pending))
                file.finish()
            done = await core.workers.run("manage", core.calls.recover_file, path, {**arguments, **given})
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        seconds = perf_counter() - began
        return accepted(seconds) if done is None else ok(done, seconds)

    return endpoint


def _room(database: Database) -> Path:
    """Return where to put a file that is deleted when the database is opened after a crash, if it is on disk."""
    data = data_folder(database)
    folder = Path(tempfile.gettempdir()) if data is None else data / "snapshots"
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder / f"upload-{uuid.uuid4().hex}{UNFINISHED}"


class _FormFile:
    """Write the file of a form to ``path`` while the form arrives.

    Raise ``InvalidInputError`` for what is no such form, ``RefusedError`` (413) for more than ``most`` megabytes.
    """

    def __init__(self, path: Path, content_type: str, most: int | None) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise RefusedError("Content type error: a snapshot is uploaded as multipart/form-data", status=400)
        self._parser = self._new_parser(options[b"boundary"])
        self._most = None if most is None else most * MEGABYTE
        self._path = path
        self._file: BinaryIO | None = None
        self._size = 0
        self._found = self._inside = self._complete = False
        self._name, self._value = bytearray(), bytearray()
        self._disposition = b""

    def _new_parser(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _unreadable(error) from error

    def feed(self, data: bytes) -> None:
        """Take the next part of the form."""
        try:
            with storage_errors(self._path):
                self._parser.write(data)
        except FormParserError as error:
            raise _unreadable(error) from error

    def finish(self) -> None:
        """Tell that the form has come to its end."""
        if not self._complete:
            raise InvalidInputError("the form is cut off", field=_FIELD)
        if not self._found:
            raise InvalidInputError(f"the form has no field {_FIELD!r}", field=_FIELD)

    def __enter__(self) -> Self:
        with storage_errors(self._path):
            self._file = self._path.open("xb")
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._disposition = b""

    def _header_ends(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._inside = not self._found and options.get(b"name") == _FIELD.encode()
        self._found |= self._inside

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._inside or self._file is None:
            return
        self._size += end - start
        if self._most is not None and self._size > self._most:
            raise RefusedError(f"Payload error: the snapshot has more than {self._most} bytes", status=413)
        self._file.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._complete = True


def _unreadable(error: FormParserError) -> InvalidInputError:
    return InvalidInputError(f"the form cannot be read: {error}", field=_FIELD)
