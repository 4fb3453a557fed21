"""Where snapshots may be recovered from, and how they get here.

A location is the name of a snapshot that this server keeps, a ``file://`` URL of a file inside the data folder, or an
``http(s)://`` URL whose host the settings allow. Links are followed before it is decided what is inside; redirections
are followed only to hosts that are allowed as well.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import url2pathname

from quiverdb.engine.storage.files import storage_errors
from quiverdb.engine.validate import check_name
from quiverdb.errors import InvalidInputError, NotFoundError, QuiverError, RefusedError
from quiverdb.server.settings import MEGABYTE, Storage

__all__ = ["Fetcher", "check_snapshot_name", "local_file", "snapshot_source"]

SUFFIX = ".snapshot"
UNFINISHED = f"{SUFFIX}.new"
"""Files whose names end so are removed when a database is opened."""
REDIRECTS = 5
TIMEOUT = 60
_CHUNK = 1 << 20
_REDIRECTIONS = (301, 302, 303, 307, 308)
_DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


def check_snapshot_name(name: str) -> str:
    """Return the name of a snapshot; ``InvalidInputError`` for one that may lead out of its folder.

    >>> check_snapshot_name("docs-1-2026-01-31-12-00-00.snapshot")
    'docs-1-2026-01-31-12-00-00.snapshot'
    """
    check_name(name, "snapshot")
    if not name.endswith(SUFFIX):
        raise InvalidInputError(f"snapshot name {name!r} must end in {SUFFIX}", field="snapshot")
    return name


def local_file(location: str, data: Path | None) -> Path:
    """Return the file that a ``file://`` URL means; ``data`` is the data folder, if there is one.

    Raises ``RefusedError`` (403) if it is not inside the data folder, ``NotFoundError`` if there is none.
    """
    try:
        url = urlsplit(location)
        text = Path(url2pathname(url.path) if os.name == "nt" else unquote(url.path))
        path, home = text.resolve(), data and data.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise _wrong(location, f"is no path: {error}") from error
    if url.netloc not in ("", "localhost") or not text.is_absolute():
        raise _wrong(location, "names a host, or no absolute path: write file:///…")
    if home is None or not path.is_relative_to(home):
        raise RefusedError(f"Forbidden: {location} is not inside the data folder", status=403)
    if not path.is_file():
        raise NotFoundError(f"Snapshot {location} not found", kind="snapshot", name=location)
    return path


class _Place(NamedTuple):
    """Where a URL leads to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class Fetcher:
    """Download snapshots from the hosts that the settings allow, each ``host`` or ``host:port``.

    A host without a port is allowed on the port that HTTP or HTTPS has by default. Proxies of the environment are not
    used: what was checked is what is connected to. ``tls`` tells which certificates are trusted, if not those that the
    system trusts.

    >>> Fetcher(Storage()).check("http://example.org/docs.snapshot")
    Traceback (most recent call last):
    quiverdb.errors.RefusedError: Forbidden: snapshots may not be fetched from example.org: see storage.recover_hosts
    """

    def __init__(self, storage: Storage, tls: ssl.SSLContext | None = None) -> None:
        self._places = {_allowed(scheme, host) for host in storage.recover_hosts for scheme in _DEFAULT_PORTS}
        limit = storage.max_snapshot_size_mb
        self._limit = None if limit is None else limit * MEGABYTE
        self._tls = tls

    def check(self, location: str) -> None:
        """Raise ``RefusedError`` (403) if the host of a URL is not allowed."""
        self._place(location)

    def fetch(self, location: str, path: Path, *, checksum: str | None = None, api_key: str | None = None) -> None:
        """Download a snapshot to a new file; ``checksum`` is the SHA-256 that it must have.

        Nothing is left of a download that fails. Raises ``RefusedError`` for hosts that are not allowed and for files
        that are too large, ``InvalidInputError`` for a wrong checksum, a wrong answer, or none.
        """
        self.check(location)
        with storage_errors(path):
            file = path.open("xb")
        try:
            with file:
                found = self._follow(location, file, api_key)
            if checksum is not None and found != checksum.lower():
                raise InvalidInputError(
                    f"Snapshot checksum mismatch: {location} has {found}, not {checksum}", field="checksum"
                )
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _place(self, location: str) -> _Place:
        place = _place(location)
        if place not in self._places:
            raise RefusedError(
                f"Forbidden: snapshots may not be fetched from {place}: see storage.recover_hosts", status=403
            )
        return place

    def _follow(self, location: str, file: BinaryIO, api_key: str | None) -> str:
        """Write what a URL, or the one that it redirects to, holds; return its SHA-256."""
        first = self._place(location)
        for _ in range(REDIRECTS + 1):
            place = self._place(location)
            key = api_key if place == first else None  # it is meant for nobody else
            with self._answer(place, location, key) as answer:
                if answer.status not in _REDIRECTIONS:
                    return self._write(answer, file)
                location = urljoin(location, answer.headers.get("location", ""))
        raise _failed(f"more than {REDIRECTS} redirections")

    @contextmanager
    def _answer(self, place: _Place, location: str, api_key: str | None) -> Iterator[HTTPResponse]:
        url = urlsplit(location)
        headers = {"accept": "*/*", "accept-encoding": "identity"} | ({"api-key": api_key} if api_key else {})
        connection: HTTPConnection
        if place.scheme == "https":
            tls = self._tls or ssl.create_default_context()
            connection = HTTPSConnection(place.host, place.port, timeout=TIMEOUT, context=tls)
        else:
            connection = HTTPConnection(place.host, place.port, timeout=TIMEOUT)
        try:
            connection.request("GET", url._replace(scheme="", netloc="", fragment="").geturl() or "/", headers=headers)
            yield connection.getresponse()
        except QuiverError:
            raise
        except (HTTPException, OSError, ValueError) as error:
            raise _failed(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def _write(self, answer: HTTPResponse, file: BinaryIO) -> str:
        if answer.status != 200:
            raise _failed(f"the host answers {answer.status}")
        digest, total, announced = hashlib.sha256(), 0, answer.length
        while chunk := answer.read(_CHUNK):
            total += len(chunk)
            if self._limit is not None and total > self._limit:
                raise RefusedError(f"Forbidden: the snapshot has more than {self._limit} bytes", status=403)
            digest.update(chunk)
            with storage_errors(file.name):
                file.write(chunk)
        if announced is not None and announced != total:
            raise _failed(f"it broke off after {total} of {announced} bytes")
        return digest.hexdigest()


@contextmanager
def snapshot_source(
    location: str,
    data: Path | None,
    fetcher: Fetcher,
    *,
    checksum: str | None = None,
    api_key: str | None = None,
) -> Iterator[str]:
    """Yield what ``Database.recover_snapshot`` takes for the location that a request names, of a collection or shard.

    ``data`` is the data folder, and ``None`` for a database in memory. What had to be downloaded is deleted in the end,
    so recovery must be complete by then (``wait=True``). Raises ``RefusedError``, ``InvalidInputError`` and
    ``NotFoundError`` as the functions above do.
    """
    if not isinstance(location, str) or not location or any(ord(letter) < 32 for letter in location):
        raise InvalidInputError("a snapshot's location must be a URL or a name", field="location")
    scheme = location.partition(":")[0].lower()
    if scheme in _DEFAULT_PORTS:
        fetcher.check(location)
        with _room(data) as path:
            fetcher.fetch(location, path, checksum=checksum, api_key=api_key)
            yield str(path)
    elif scheme == "file":
        yield str(local_file(location, data))
    else:
        yield check_snapshot_name(location)


@contextmanager
def _room(data: Path | None) -> Iterator[Path]:
    """Yield the path of a file to come, and delete it in the end."""
    with ExitStack() as stack:
        folder = data / "snapshots" if data else Path(stack.enter_context(TemporaryDirectory(prefix="quiverdb-")))
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"download-{uuid.uuid4().hex}{UNFINISHED}"
        stack.callback(path.unlink, missing_ok=True)
        yield path


def _place(location: str) -> _Place:
    """Return where an ``http(s)://`` URL leads to; one that others may read in another way is an error."""
    try:
        url = urlsplit(location)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise _wrong(location, f"is no URL: {error}") from error
    if url.scheme not in _DEFAULT_PORTS or not host:
        raise _wrong(location, "is no http:// or https:// URL")
    if not location.isascii() or not location.isprintable() or " " in location or "\\" in location:
        raise _wrong(location, "has characters that must be percent-encoded")
    if "@" in url.netloc:
        raise _wrong(location, "holds a user name: use api_key")
    return _Place(url.scheme, host, _DEFAULT_PORTS[url.scheme] if port is None else port)


def _allowed(scheme: str, host: str) -> _Place:
    try:
        place = _place(f"{scheme}://{host}")
    except InvalidInputError:
        place = None
    if place is None or any(letter in host for letter in "/?#@*"):
        raise InvalidInputError(
            f"storage.recover_hosts must hold hosts, each host or host:port, not {host!r}",
            field="storage.recover_hosts",
        )
    return place


def _wrong(location: str, what: str) -> InvalidInputError:
    return InvalidInputError(f"{location!r} {what}", field="location")


def _failed(why: str) -> InvalidInputError:
    return InvalidInputError(f"the snapshot cannot be fetched: {why}", field="location")
