"""Stand in for the packages of other vector databases, so that programs written for them run on QuiverDB unchanged.

``install("qdrant_client")`` makes ``import qdrant_client``, and the import of what is inside, find QuiverDB. A package
of that name that is installed stays as it is on disk, and is imported again after ``uninstall``. Names that were
imported before keep what they stand for, as names do in Python.

A finder in front of ``sys.meta_path`` answers for each package by a table: modules of the package, and the modules of
QuiverDB that stand for each. What the table does not know is an ``ImportError``, never the real package's module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from quiverdb.errors import AlreadyExistsError, InvalidInputError

__all__ = ["PACKAGES", "install", "installed", "uninstall"]

PACKAGES: dict[str, str] = {
    "cosdata": "quiverdb.cosdata.official",
    "qdrant_client": "quiverdb.qdrant.official",
    "vikingdb": "quiverdb.vikingdb.official",
}
"""Packages that QuiverDB stands in for, and the module that holds the table ``MODULES`` of each."""


def install(*packages: str, replace: bool = False) -> None:
    """Let the packages of these names, or all, be QuiverDB from here on; a second call does nothing.

    Raises ``InvalidInputError`` for a name that is not in ``PACKAGES``, and ``AlreadyExistsError`` if the real package
    was imported before, since what was imported from it would not mix with QuiverDB. With ``replace`` it is set aside
    instead, until ``uninstall``.

    >>> install("qdrant_client", replace=True)
    >>> from qdrant_client import QdrantClient, models
    >>> QdrantClient.__module__
    'quiverdb.qdrant._client'
    >>> uninstall("qdrant_client")
    """
    wanted = [name for name in _known(packages) if name not in _finder.packages]
    imported = {name: _imported(name) for name in wanted}
    for name, modules in imported.items():
        if modules and not replace:
            message = f"{name} was imported already: install the drop-in before that, or with replace=True"
            raise AlreadyExistsError(message, kind="module", name=name)
    for name, modules in imported.items():
        table = import_module(PACKAGES[name]).MODULES
        for module in modules:
            del sys.modules[module]
        _finder.packages[name] = _Package(table, modules)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall(*packages: str) -> None:
    """Let the packages of these names, or all, be found as usual again."""
    for name in _known(packages):
        if name in _finder.packages:
            for module in _imported(name):
                del sys.modules[module]
            sys.modules.update(_finder.packages.pop(name).set_aside)
    if not _finder.packages and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


@contextmanager
def installed(*packages: str, replace: bool = False) -> Iterator[None]:
    """Install within a block, and uninstall after it what was not installed before.

    >>> with installed("qdrant_client", replace=True):
    ...     from qdrant_client.http.models import Distance
    >>> Distance.__module__
    'quiverdb.qdrant.models'
    """
    new = [name for name in _known(packages) if name not in _finder.packages]
    if new:
        install(*new, replace=replace)
    try:
        yield
    finally:
        if new:
            uninstall(*new)


@dataclass(frozen=True)
class _Package:
    """A package that is stood in for."""

    modules: Mapping[str, tuple[str, ...]]
    set_aside: Mapping[str, ModuleType]


class _Finder(MetaPathFinder):
    """Find the modules of the packages that are stood in for."""

    def __init__(self) -> None:
        self.packages: dict[str, _Package] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        top, _, inside = fullname.partition(".")
        package = self.packages.get(top)
        if package is None:
            return None
        if inside not in package.modules:
            message = f"No module named {fullname!r}: QuiverDB stands in for {top} and does not have this part of it"
            raise ModuleNotFoundError(message, name=fullname)
        inner = [name for name in package.modules if name and name.rpartition(".")[0] == inside]
        loader = _Loader(package.modules[inside])
        return ModuleSpec(fullname, loader, origin="QuiverDB", is_package=bool(inner))


@dataclass(frozen=True)
class _Loader(Loader):
    """Make modules that offer the names of others."""

    sources: tuple[str, ...]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, self.sources)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: names are looked up on first use."""


class _StandIn(ModuleType):
    """Offer the names of other modules, and the modules inside as attributes."""

    def __init__(self, name: str, sources: tuple[str, ...]) -> None:
        super().__init__(name, f"Names of QuiverDB under those of {name}.")
        self._sources = sources

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return self._names()
        if name == "__version__" or not (name.startswith("__") and name.endswith("__")):
            top, _, inside = f"{self.__name__}.{name}".partition(".")
            package = _finder.packages.get(top)
            if package is not None and inside in package.modules:
                return import_module(f"{top}.{inside}")
            for source in self._sources:
                module = import_module(source)
                if hasattr(module, name):
                    value = getattr(module, name)
                    setattr(self, name, value)
                    return value
        raise AttributeError(f"module {self.__name__!r}, for which QuiverDB stands in, has no attribute {name!r}")

    def _names(self) -> list[str]:
        return sorted({name for source in self._sources for name in import_module(source).__all__})

    def __dir__(self) -> list[str]:
        return sorted({*self._names(), *super().__dir__()})


_finder = _Finder()


def _known(packages: Sequence[str]) -> Sequence[str]:
    """Return the names, or those of all packages if there are none; raises ``InvalidInputError``."""
    for name in packages:
        if name not in PACKAGES:
            message = f"QuiverDB does not stand in for {name!r}, only for {', '.join(PACKAGES)}"
            raise InvalidInputError(message, field="packages")
    return packages or tuple(PACKAGES)


def _imported(package: str) -> dict[str, ModuleType]:
    """Return the modules of a package that are imported."""
    modules = list(sys.modules.items())
    return {name: module for name, module in modules if name == package or name.startswith(f"{package}.")}
