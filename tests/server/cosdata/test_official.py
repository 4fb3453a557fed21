"""Clients, each in a process of its own, ask a server that is one too: the official ones, unchanged, and ours."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cosdata_suite
import pytest
from cosdata_wheels import WHEELS, environment
from serving import Served, served

PASSWORD = "test_key"
OFFICIAL = {version: name for name, version in WHEELS}
ASKED = [(release, name) for name, (releases, _) in cosdata_suite.CASES.items() for release in sorted(releases)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    with served(folder, "--cosdata-port", "0", "--set", f"cosdata.password={PASSWORD}") as running:
        yield running
        assert "Traceback" not in running.log.read_text()


@cache
def asked(url: str, release: str) -> Any:
    """Run the whole suite in front of a release."""
    official = release in OFFICIAL
    module = "cosdata" if official else "quiverdb.cosdata"
    command = [sys.executable, str(Path(cosdata_suite.__file__)), module, release, url, PASSWORD]
    variables = environment(OFFICIAL[release], release) if official else None
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("release", "name"), ASKED)
def test_every_case_passes(server: Served, release: str, name: str) -> None:
    failure = asked(f"http://127.0.0.1:{server.cosdata_port}", release)["outcome"][name]
    assert failure is None, failure


@pytest.mark.parametrize("release", sorted(OFFICIAL))
def test_every_public_method_is_called(server: Served, release: str) -> None:
    assert asked(f"http://127.0.0.1:{server.cosdata_port}", release)["uncalled"] == []
