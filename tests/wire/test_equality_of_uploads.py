"""Uploads bring the same points to a server in the same batches as the official client's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from qdrant_client import models as m
from recorder import Recorder, recording
from wire_replies import first, first_message
from wire_sides import PROTOCOLS, plain, sides

POINTS = [m.PointStruct(id=number, vector=[float(number), 1.0], payload={"n": number}) for number in range(5)]
SOME = m.Filter(must=[m.HasIdCondition(has_id=[1])])
ARRAY = np.random.default_rng(0).random((5, 3), dtype="f4")
UPLOADS: dict[str, tuple[str, dict[str, Any]]] = {
    "points": ("upload_points", {"points": POINTS, "batch_size": 2}),
    "options": (
        "upload_points",
        {
            "points": POINTS,
            "wait": True,
            "shard_key_selector": "a",
            "update_filter": SOME,
            "update_mode": m.UpdateMode.INSERT_ONLY,
        },
    ),
    "array": ("upload_collection", {"vectors": ARRAY, "ids": range(5), "batch_size": 2}),
    "named arrays": (
        "upload_collection",
        {"vectors": {"a": ARRAY, "b": ARRAY[:, :1]}, "payload": [{"a": 1}] * 5, "ids": range(5), "batch_size": 3},
    ),
    "lists": (
        "upload_collection",
        {"vectors": [[1.0, 2.0], [3.0, 4.0]], "payload": [{"a": None}, {}], "ids": [1, 2], "shard_key_selector": [1]},
    ),
    "sparse": (
        "upload_collection",
        {"vectors": [{"a": [1.0], "s": m.SparseVector(indices=[1], values=[1.0])}], "ids": [1], "wait": True},
    ),
}


def pointwise(sent: Any) -> str:
    """Return a request as text, with points in columns written one by one, which means the same."""
    *head, body = sent
    if not isinstance(body, dict) or "batch" not in body:
        return json.dumps(sent, sort_keys=True)
    batch = body.pop("batch")
    ids, given, payloads = batch["ids"], batch["vectors"], batch.get("payloads")
    named = isinstance(given, dict)
    points = [
        {"id": id, "vector": {name: rows[place] for name, rows in given.items()} if named else given[place]}
        | ({} if payloads is None else {"payload": payloads[place]})
        for place, id in enumerate(ids)
    ]
    return json.dumps([*head, {**body, "points": points}], sort_keys=True)


def uploaded(client: Any, recorder: Recorder, name: str) -> list[str]:
    """Return the requests of an upload; their order is open, as several may be under way."""
    method, arguments = UPLOADS[name]
    recorder.taken()
    getattr(client, method)(collection_name="c", **arguments)
    return sorted(pointwise(plain(request)) for request in recorder.taken())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", UPLOADS)
def test_both_upload_the_same(protocol: str, name: str) -> None:
    with recording(first, first_message) as recorder, sides(recorder, protocol) as both:
        assert uploaded(both.ours, recorder, name) == uploaded(both.official, recorder, name) != []
