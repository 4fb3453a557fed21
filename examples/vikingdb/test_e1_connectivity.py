"""E1: see whether the service is there, and knows us."""

from __future__ import annotations

from story import Story

from quiverdb.vikingdb import RequestOptions
from quiverdb.vikingdb.vector import SearchByRandomRequest, VikingDB


def test_guide_connectivity(client: VikingDB, story: Story) -> None:
    """Ask for any row: the smallest request that needs rights, a collection and an index."""
    client.ping()

    options = RequestOptions(request_id=story.tag)  # shows up in the service's logs
    response = story.index.search_by_random(SearchByRandomRequest(limit=1), request_options=options)

    assert response.code == "Success"
    assert response.request_id
    assert response.result is not None
    assert len(response.result.data) <= 1  # the index may be empty
