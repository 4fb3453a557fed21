"""E4: count rows, altogether and by the values of a field."""

from __future__ import annotations

from typing import Any

from story import Story

from quiverdb.vikingdb.vector import AggRequest


def test_guide_aggregate(story: Story) -> None:
    """Count the chapters, and find the paragraph that two of them share."""
    first, second, third = story.chapters
    shared = first["paragraph"]
    for chapter in (first, second | {"paragraph": shared}, third):
        story.store(chapter)

    def count(**more: Any) -> dict[str, Any]:
        request = AggRequest(op="count", filter=story.within, **more)
        result = story.index.aggregate(request, request_options=story.options).result
        return dict(result.agg) if result else {}

    # Without a field there is one number, under the name __TOTAL__.
    assert story.eventually(lambda: sum(count().values()) == 3)
    # Keys are texts, whatever the type of the field; `cond` leaves out groups by their counts.
    assert count(field="paragraph") == {str(shared): 2, str(third["paragraph"]): 1}
    assert count(field="paragraph", cond={"gt": 1}) == {str(shared): 2}
