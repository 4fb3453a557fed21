"""E3.3: search by keywords. Rows whose texts have them come first."""

from __future__ import annotations

from story import Story

from quiverdb.vikingdb.vector import SearchByKeywordsRequest


def test_guide_search_by_keywords(story: Story) -> None:
    """Find the chapter with a word, whether it is written with a capital or not."""
    for chapter in story.chapters:
        story.store(chapter)

    request = SearchByKeywordsRequest(
        keywords=["Signal"], case_sensitive=False, filter=story.within, output_fields=["title"], limit=3
    )

    def titles() -> list[str]:
        result = story.index.search_by_keywords(request, request_options=story.options).result
        found = [hit.fields["title"] for hit in result.data] if result else []
        return found if story.chapters[2]["title"] in found else []

    found = story.eventually(titles)
    assert found[:1] == [story.chapters[2]["title"]]
    assert all(story.tag in title for title in found)
