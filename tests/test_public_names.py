"""Public names are announced (ruff keeps them sorted) and cheap to import."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import quiverdb

PUBLIC = [
    "quiverdb",
    "quiverdb.cosdata",
    "quiverdb.embed",
    "quiverdb.qdrant",
    "quiverdb.text",
    "quiverdb.vikingdb",
    "quiverdb.vikingdb.vector",
    "quiverdb.vikingdb.vector.models",
]
HEAVY = ["numpy", "faiss", "pydantic", "msgspec", "pyroaring", "rich", "typer"]


def modules() -> list[str]:
    found = pkgutil.walk_packages(quiverdb.__path__, "quiverdb.")
    return ["quiverdb", *(module.name for module in found)]


def own_names(module: ModuleType) -> set[str]:
    """Return the public names that a package defines or takes from other modules of QuiverDB."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("quiverdb")
    }


@pytest.mark.parametrize("name", modules())
def test_every_announced_name_exists(name: str) -> None:
    module = importlib.import_module(name)
    announced = getattr(module, "__all__", [])
    assert len(set(announced)) == len(announced)
    assert [missing for missing in announced if not hasattr(module, missing)] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_packages_announce_all_their_public_names(name: str) -> None:
    module = importlib.import_module(name)
    announced = {public for public in module.__all__ if public != "__version__"}
    for public in announced:
        getattr(module, public)  # names that load on first use
    submodules = {found.name for found in pkgutil.iter_modules(module.__path__)}
    assert own_names(module) == announced - submodules


@pytest.mark.parametrize("name", ["quiverdb", "quiverdb.cli", "quiverdb.cosdata", "quiverdb.dropin", "quiverdb.errors"])
def test_importing_is_light(name: str) -> None:
    program = f"import sys, {name}; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_vikingdb_client_loads_what_it_needs_on_first_use() -> None:
    heavy = ["numpy", "faiss", "pyroaring", "asyncio", "http.client", "httpcore2", "httpx2", "quiverdb.engine"]
    program = f"import sys, quiverdb.vikingdb; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    assert version("quiverdb") == quiverdb.__version__
