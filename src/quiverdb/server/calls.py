"""Operations are carried out here: arguments in, results out, whichever protocol they came by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from types import MappingProxyType
from typing import Any

from quiverdb._version import __version__
from quiverdb.database import Database
from quiverdb.errors import InvalidInputError, RefusedError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant._connection import API_VERSION
from quiverdb.server.access import FULL, Access
from quiverdb.server.indexed import indexed
from quiverdb.server.limits import check_batch
from quiverdb.server.quotas import GROWING, Quotas
from quiverdb.server.recovery import Fetcher, snapshot_source
from quiverdb.server.settings import Settings
from quiverdb.server.workers import Workers
from quiverdb.wire.operations import LEGACY, OPERATIONS, Operation
from quiverdb.wire.rest import path_arguments

__all__ = ["ALL", "Calls", "data_folder", "required"]

ALL: Mapping[str, Operation] = MappingProxyType({**OPERATIONS, **LEGACY})
"""Every operation that a server answers, by name."""

TITLE = "qdrant - vector search engine"
"""What clients look for to know whom they talk to."""

_UNAVAILABLE = 503
_IN_RECOVERY = frozenset((
    "info", "get_collections", "get_aliases", "collection_exists", "delete_collection", "cluster_status",
    "healthz", "livez", "readyz", "metrics", "telemetry", "get_issues", "clear_issues", "get_quotas", "update_quotas",
    "openapi",
))  # fmt: skip
"""What recovery mode leaves."""


class Calls:
    """Carry out operations on a database, from any thread.

    >>> from quiverdb.engine.database import EngineDatabase
    >>> with EngineDatabase.open(":memory:") as database:
    ...     Calls(database, Settings(), Workers(1)).call("collection_exists", {"collection_name": "docs"})
    {'exists': False}
    """

    def __init__(self, database: Database, settings: Settings, workers: Workers) -> None:
        self.database = database
        self._settings = settings
        self._workers = workers
        self._fetcher = Fetcher(settings.storage)
        self.quotas = Quotas(data_folder(database))
        far = settings.storage.backend is not None  # where the rules of that server hold
        free = far or not settings.service.require_indexes
        self._client = QdrantClient(database=database if free else indexed(database))
        self._methods: dict[str, Callable[..., Any]] = {
            **{name: getattr(self._client, name) for name in ALL},
            "count": self._count,
            "info": version_info,
            "recover_snapshot": self._recover,
            "recover_shard_snapshot": self._recover,
        }

    def call(self, operation: str, arguments: Mapping[str, Any], access: Access = FULL) -> Any:
        """Return the result of an operation as REST's ``result`` shows it, as plain data or models.

        ``None`` tells that the work goes on (``wait=False``). Raise what ``QdrantClient`` raises, ``RefusedError`` for
        what the caller or the settings do not allow, and ``InvalidInputError`` for a missing argument.
        """
        access.require(operation, arguments.get("collection_name"), arguments)
        for argument, field in required(operation).items():
            if argument not in arguments:
                raise InvalidInputError(f"missing field `{field}`", field=argument, fault="body")
        check_batch(arguments, self._settings.service)
        self.check_mode(operation)
        if operation in GROWING:
            self.quotas.check()
        without = _meaningless(operation)
        given = {name: value for name, value in arguments.items() if name not in without} if without else arguments
        result = _whole(ALL[operation].taken, self._methods[operation](**given))
        if access.everywhere is None and operation in _SHOWN:
            _SHOWN[operation](result, access)
        return result

    def check_mode(self, operation: str) -> None:
        """Raise ``RefusedError`` (503) in recovery mode, which leaves few operations."""
        notice = self._settings.storage.recovery_mode
        if notice is not None and operation not in _IN_RECOVERY:
            raise RefusedError(f"Service unavailable: {notice}", status=_UNAVAILABLE)

    def _count(self, *, consistency: object = None, **arguments: Any) -> Any:  # noqa: ARG002
        """Count points; for this, unlike other reads, clients have no option ``consistency``, and routes have."""
        return self._client.count(**arguments)

    def recover_file(self, path: Path, arguments: Mapping[str, Any]) -> bool | None:
        """Make a collection or shard what a snapshot that was uploaded holds; None if that goes on (``wait=False``).

        The file is deleted in the end.
        """
        self.quotas.check()

        def recover() -> bool | None:
            try:
                return self._recovered(arguments, location=str(path), wait=True)
            finally:
                path.unlink(missing_ok=True)

        if arguments.get("wait", True):
            return recover()
        self._workers.start("manage", recover)
        return None

    def _recover(
        self, *, location: str, api_key: str | None = None, wait: bool = True, **arguments: Any
    ) -> bool | None:
        def recover(wait: bool) -> bool | None:
            data, checksum = data_folder(self.database), arguments.get("checksum")
            with snapshot_source(location, data, self._fetcher, checksum=checksum, api_key=api_key) as found:
                return self._recovered(arguments, location=found, wait=wait)

        if wait or not location.lower().startswith(("http:", "https:")):
            return recover(wait)
        self._fetcher.check(location)
        self._workers.start("manage", lambda: recover(wait=True))
        return None

    def _recovered(self, arguments: Mapping[str, Any], **others: Any) -> bool | None:
        method = self._client.recover_shard_snapshot if "shard_id" in arguments else self._client.recover_snapshot
        return method(**{**arguments, **others})


def _whole(taken: tuple[str, ...], result: Any) -> Any:
    """Return the whole result, of which a method may return only some fields."""
    if not taken:
        return result
    return dict(zip(taken, result if len(taken) > 1 else (result,), strict=True))


@cache
def required(operation: str) -> Mapping[str, str]:
    """Return the arguments that an operation cannot do without, and the fields that they travel in."""
    parameters = signature(getattr(QdrantClient, operation)).parameters
    return {
        argument: field.replace("|", "` or `")
        for argument, field in ALL[operation].body.items()
        if parameters[argument].default is Parameter.empty
    }


@cache
def _meaningless(operation: str) -> frozenset[str]:
    """Return the arguments that clients of other languages send, and that ours has no parameters for."""
    row = ALL[operation]
    known = {*row.body, *row.query, *row.left_out, *path_arguments(row.path)}
    return frozenset(known - signature(getattr(QdrantClient, operation)).parameters.keys())


def version_info() -> models.VersionInfo:
    """Tell who answers, in the words that clients know."""
    return models.VersionInfo(title=TITLE, version=API_VERSION, commit=f"quiverdb-{__version__}")


def data_folder(database: Database) -> Path | None:
    """Return the folder of a database; None for one in memory, or elsewhere."""
    folder = getattr(database, "folder", None)
    return folder if isinstance(folder, Path) else None


def _show_collections(result: Any, access: Access) -> None:
    result.collections = [one for one in result.collections if access.sees(one.name)]


def _show_aliases(result: Any, access: Access) -> None:
    result.aliases = [one for one in result.aliases if access.sees(one.collection_name)]


def _show_telemetry(result: Any, access: Access) -> None:
    result.collections = {name: told for name, told in (result.collections or {}).items() if access.sees(name)}


_SHOWN: Mapping[str, Callable[[Any, Access], None]] = MappingProxyType({
    "get_collections": _show_collections,
    "get_aliases": _show_aliases,
    "cluster_telemetry": _show_telemetry,
})  # fmt: skip
"""Results about everything are cut down to what a caller may know of."""
