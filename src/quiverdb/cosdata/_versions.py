"""Versions: the module, and the same for one collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from quiverdb.cosdata._arguments import VersionLike, also_called, version_id
from quiverdb.cosdata._binding import of_collection
from quiverdb.cosdata._records import Version, VersionList

if TYPE_CHECKING:
    from quiverdb.cosdata._client import Client
    from quiverdb.cosdata._collections import Collection

__all__ = ["Versions", "VersionsModule"]

History: TypeAlias = list[Version]


class VersionsModule:
    """Name the states of collections, and go back to them.

    Each commit gives a collection the next number. A version is a state that was named by ``create``, and stays as it
    was until it is deleted; it can be read, searched, and made the present state again.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.collections.create("docs", dimension=2)
    ...     _ = collection.stream_upsert({"id": "a", "values": [1.0, 0.0]})
    ...     version = client.versions.create("docs", description="Before the change")
    ...     collection.stream_delete("a")
    ...     _ = client.versions.set_current("docs", version)
    ...     client.vectors.exists("docs", "a")
    {}
    True
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def create(self, collection_name: str, description: str | None = None) -> Version:
        """Name the present state, which costs the same however large the collection is."""
        return self._version("create_version", collection_name, description=description)

    @also_called(version_hash="version_id", version_number="version_id")
    def get(self, collection_name: str, version_id: VersionLike) -> Version:
        """Return a version by its number; raises ``NotFoundError``."""
        return self._version("get_version", collection_name, version=_text(version_id))

    def get_current(self, collection_name: str) -> Version:
        """Return the version that is current."""
        return self._version("current_version", collection_name)

    def list(self, collection_name: str) -> VersionList:
        """Return the versions by number, the present state last."""
        return _listed(self.client._connection.call("list_versions", collection=collection_name))

    def get_history(self, collection_name: str) -> History:
        """Return the versions by number, the present state last."""
        return [*self.list(collection_name)]

    @also_called(version="version_id")
    def set_current(self, collection_name: str, version_id: VersionLike) -> Version:
        """Make a version the present state again; what no version has named is lost. Raises ``NotFoundError``."""
        return self._version("set_current_version", collection_name, version=_number(version_id))

    def delete(self, collection_name: str, version_id: VersionLike) -> None:
        """Forget a version, and what only it has kept; raises ``NotFoundError``."""
        self.client._connection.call("delete_version", collection=collection_name, version=_text(version_id))

    def _version(self, operation: str, collection_name: str, **arguments: Any) -> Version:
        return Version.of(self.client._connection.call(operation, collection=collection_name, **arguments))


class Versions:
    """Name the states of one collection, with the methods of ``VersionsModule``.

    Only ``list`` is different: it returns the server's answer, ``{"versions": [...], "current_version": ...}``.

    >>> from quiverdb.cosdata import Client
    >>> with Client(":memory:") as client:
    ...     collection = client.create_collection("docs", dimension=2)
    ...     _ = collection.versions.create(description="Empty")
    ...     [version["description"] for version in collection.versions.list()["versions"]]
    ['Empty']
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    @property
    def _module(self) -> VersionsModule:
        return VersionsModule(self.collection.client)

    def list(self) -> dict[str, Any]:
        """Return the server's answer: the versions by number, and which one is current."""
        versions = self._module.list(self.collection.name)
        return versions.answer

    create = of_collection(VersionsModule.create)
    get = of_collection(VersionsModule.get)
    get_current = of_collection(VersionsModule.get_current)
    get_history = of_collection(VersionsModule.get_history)
    set_current = of_collection(VersionsModule.set_current)
    delete = of_collection(VersionsModule.delete)


def _listed(answer: dict[str, Any]) -> VersionList:
    return VersionList([Version.of(version) for version in answer["versions"]], answer)


_number = version_id


def _text(version: VersionLike) -> str:
    """Return the number of a version for a path."""
    return str(_number(version))
