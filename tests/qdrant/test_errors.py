"""Errors have the fields, bodies and places in the tree that users of the API count on."""

from __future__ import annotations

import gc
import pickle
import weakref
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from qdrant_client.http import exceptions as official

from quiverdb.errors import (
    AlreadyExistsError,
    ClosedError,
    CorruptionError,
    FormatError,
    InvalidInputError,
    LockedError,
    NotFoundError,
    UnsupportedError,
)
from quiverdb.qdrant import QdrantClient
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.errors import api_errors, unexpected_response
from quiverdb.qdrant.http import exceptions
from quiverdb.qdrant.models import Distance, PointStruct, VectorParams


@pytest.mark.parametrize(
    ("error", "status", "phrase", "text"),
    [
        (NotFoundError("No x!", kind="point", name="x"), 404, "Not Found", "Not found: No x!"),
        (AlreadyExistsError("Have x!", kind="collection", name="x"), 409, "Conflict", "Wrong input: Have x!"),
        (InvalidInputError("Bad x", field="x"), 400, "Bad Request", "Wrong input: Bad x"),
    ],
)
def test_wrong_requests_become_responses(error: Any, status: int, phrase: str, text: str) -> None:
    with pytest.raises(exceptions.UnexpectedResponse) as caught, api_errors:
        raise error
    response = caught.value
    assert (response.status_code, response.reason_phrase) == (status, phrase)
    assert response.structured() == {"status": {"error": text}, "time": 0.0}
    assert response.headers["content-type"] == "application/json"
    assert response.__cause__ is error
    assert isinstance(response, ValueError)
    assert isinstance(response, exceptions.ApiException)


def test_a_request_that_contains_itself_is_wrong() -> None:
    with pytest.raises(exceptions.UnexpectedResponse, match="nested too deeply") as caught, api_errors:
        raise RecursionError
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    "error",
    [
        UnsupportedError("Flying", "this"),
        ClosedError("closed"),
        LockedError("locked", path="p", owner="o"),
        CorruptionError("broken", path="p"),
        FormatError("old", path="p", found=1, supported=2),
        KeyError("x"),
        TypeError("x"),
    ],
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, api_errors:
        raise error
    assert caught.value is error
    assert unexpected_response(error) is None


def test_responses_look_like_the_official_ones() -> None:
    arguments = (404, "Not Found", b'{"status": {"error": "gone"}}', {})
    ours, theirs = exceptions.UnexpectedResponse(*arguments), official.UnexpectedResponse(*arguments)
    assert str(ours) == str(theirs)
    assert ours.structured() == theirs.structured()
    assert {name for name in dir(theirs) if not name.startswith("_")} - set(dir(ours)) == {"for_response"}
    again = pickle.loads(pickle.dumps(ours))
    assert (again.status_code, again.content, str(again)) == (404, arguments[2], str(ours))


def test_the_names_are_where_they_are_expected() -> None:
    cause = OSError("no route")
    assert exceptions.ResponseHandlingException(cause).source is cause
    assert issubclass(exceptions.ResponseHandlingException, exceptions.ApiException)
    exhausted = ResourceExhaustedResponse("slow down", 3)
    assert (exhausted.message, exhausted.retry_after_s) == ("slow down", 3)


def test_an_error_keeps_nothing_alive_that_the_call_used() -> None:
    """Such as the files of a collection, which take up the disk until they are closed, deleted or not."""
    with QdrantClient(":memory:") as client:
        client.create_collection("c", VectorParams(size=2, distance=Distance.DOT))
        client.upsert("c", [PointStruct(id=1, vector=[1, 2])])
        query = np.ones(3)
        kept = weakref.ref(query)
        gc.disable()
        try:
            with suppress(exceptions.UnexpectedResponse):
                client.query_points("c", query)
                pytest.fail("it should be refused")
            del query
            assert kept() is None
        finally:
            gc.enable()
