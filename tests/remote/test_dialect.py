"""Every method of the client, on a remote database and on the engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from compatibility import CASES, Direct, answer
from loopback import GatewayClient

from quiverdb.errors import UnsupportedError
from quiverdb.qdrant import QdrantClient
from quiverdb.qdrant.http.exceptions import UnexpectedResponse


@pytest.fixture(scope="module")
def clients() -> Iterator[tuple[Direct, Direct]]:
    made = Direct(GatewayClient), Direct(QdrantClient)
    yield made
    for client in made:
        client.close()


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"init_options"}))
def test_methods(name: str, clients: tuple[Direct, Direct]) -> None:
    case = CASES[name]
    remote, embedded = clients
    got = answer(remote, case)
    if case.elsewhere:
        assert isinstance(got.error, UnexpectedResponse | UnsupportedError)
    elif case.expect is not None:
        assert got.error is None, got
        assert case.expect(got.value), got
    else:
        want = answer(embedded, case)
        assert got.equals(want), (got, want)
