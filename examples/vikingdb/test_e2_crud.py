"""E2: the life of rows. They are stored, found, changed, read and deleted."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from story import Story

from quiverdb.vikingdb.vector import FetchDataInCollectionRequest, SearchByMultiModalRequest, UpdateDataRequest


def test_guide_crud(story: Story) -> None:
    """Follow three rows without a primary key of their own: each is given a number, ``__AUTO_ID__``."""
    for chapter in story.chapters:  # one by one, since the collection makes vectors of their texts
        story.store(chapter)

    # QuiverDB answers `response.ids` to an upsert. The cloud does not, so here rows are found by their texts.
    def id_of(chapter: dict[str, Any]) -> Any:
        request = SearchByMultiModalRequest(text=chapter["text"], need_instruction=False, limit=1)
        result = story.index.search_by_multi_modal(request, request_options=story.options).result
        hit = result.data[0] if result and result.data else None
        return hit.id if hit and hit.fields["title"] == chapter["title"] else None

    ids = [story.eventually(partial(id_of, chapter)) for chapter in story.chapters]
    assert None not in ids

    # An update changes the fields that it names, of rows that are there.
    story.collection.update(UpdateDataRequest(data=[{"__AUTO_ID__": ids[1], "score": 92.65}]))
    fetched = story.collection.fetch(FetchDataInCollectionRequest(ids=[ids[1]])).result
    assert fetched is not None
    assert fetched.items[0].fields["score"] == pytest.approx(92.65)
    assert fetched.items[0].fields["title"] == story.chapters[1]["title"]

    story.delete(*ids)
    fetched = story.collection.fetch(FetchDataInCollectionRequest(ids=ids)).result
    assert fetched is not None
    assert fetched.items == []
    assert set(fetched.ids_not_exist) == set(ids)
