"""Make the helpers in ``tests/support`` importable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))
pytest.register_assert_rewrite("facts", "ledger", "pair", "rows")


@pytest.fixture(scope="session")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Returns the client of a name in ``backends.REMOTE``, for as long as the tests run."""
    from backends import REMOTE
    from serving import served

    made: dict[str, Any] = {}
    with served(tmp_path_factory.mktemp("served")) as server:

        def client(name: str) -> Any:
            if name not in made:
                made[name] = REMOTE[name](server)
            return made[name]

        yield client
        for each in made.values():
            each.close()
