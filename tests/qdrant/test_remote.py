"""What the client makes of arguments before they travel."""

from __future__ import annotations

from typing import Any

import pytest
from qdrant_client import grpc as official

from quiverdb.qdrant import models
from quiverdb.qdrant._remote import Terms, _prepared
from quiverdb.wire import messages

HERE = Terms(cloud_inference=False, inference_batch=8)


@pytest.mark.parametrize("made", [lambda name: getattr(official, name), messages.message], ids=["official", "ours"])
def test_messages_are_taken_for_what_they_stand_for(made: Any) -> None:
    point, vectors, filter = made("PointStruct"), made("Vectors"), made("Filter")
    given = {
        "collection_name": "docs",
        "points": [
            point(
                id=made("PointId")(num=1),
                vectors=vectors(vector=made("Vector")(data=[1.0, 2.0])),
                payload={"k": made("Value")(integer_value=3)},
            )
        ],
        "update_filter": filter(
            must=[made("Condition")(field=made("FieldCondition")(key="a", match=made("Match")(keyword="x")))]
        ),
    }
    name, arguments = _prepared("upsert", given, HERE)
    assert name == "upsert"
    (plain,) = arguments["points"]
    assert (plain["id"], list(plain["vector"]), plain["payload"]) == (1, [1.0, 2.0], {"k": 3})
    assert models.Filter.model_validate(arguments["update_filter"]) == models.Filter(
        must=[models.FieldCondition(key="a", match=models.MatchValue(value="x"))]
    )
