"""The official clients stand side by side, whatever else calls itself ``cosdata``."""

from __future__ import annotations

import cosdata_wheels
import pytest

ONLY_THERE = {
    ("cosdata-client", "0.1.5"): "Collections",
    ("cosdata-client", "0.2.2"): "fetch_vector",
    ("cosdata-sdk", "0.2.5"): "stream_upsert",
}
PROGRAM = """
import importlib, sys
import cosdata
print(cosdata.__file__)
api = [importlib.import_module(f"cosdata.api.{name}") for name in ("collections", "indexes")]
print(*{name for module in api for kind in [module, *vars(module).values()] for name in dir(kind)})
"""


@pytest.mark.parametrize(("name", "version"), cosdata_wheels.WHEELS)
def test_each_is_imported_from_its_own_folder(name: str, version: str) -> None:
    place, names = cosdata_wheels.run(name, version, PROGRAM).splitlines()
    assert place.startswith(str(cosdata_wheels.folder(name, version)))
    found = {wheel for wheel, known in ONLY_THERE.items() if known in names.split()}
    assert found == {(name, version)}


def test_a_missing_one_says_how_to_get_it() -> None:
    with pytest.raises(LookupError, match=r"cosdata_wheels\.py"):
        cosdata_wheels.folder("cosdata-sdk", "9.9.9")


def test_a_program_that_fails_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        cosdata_wheels.run("cosdata-sdk", "0.2.5", "1 / 0")
