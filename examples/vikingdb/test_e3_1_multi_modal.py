"""E3.1: search by meaning. The service makes a vector of the question, as it did of the rows' texts."""

from __future__ import annotations

from story import Story

from quiverdb.vikingdb.vector import SearchByMultiModalRequest, filters


def test_guide_search_by_multi_modal(story: Story) -> None:
    """Find the chapter that answers a question, among those with a good score."""
    for chapter in story.chapters:
        story.store(chapter)
    orientation, retrieval, tuning = (chapter["title"] for chapter in story.chapters)

    # A filter is a mapping, {"op": "range", "field": "score", "gt": 85}; functions write it for you.
    request = SearchByMultiModalRequest(
        text="Where do they retrieve documents that answer a question?",
        filter=filters.and_(story.within, filters.range_("score", gt=85)),
        output_fields=["title", "score"],
        limit=3,
    )

    def titles() -> list[str]:
        result = story.index.search_by_multi_modal(request, request_options=story.options).result
        found = [hit.fields["title"] for hit in result.data] if result else []
        return found if len(found) == 2 else []

    found = story.eventually(titles)
    assert found == [retrieval, tuning]
    assert orientation not in found  # its score is 72.5
