"""E3.2: search by vectors of one's own. Here a model of the service makes them; any other will do."""

from __future__ import annotations

from story import Story

from quiverdb.vikingdb.vector import (
    EmbeddingData,
    EmbeddingModelOpt,
    EmbeddingRequest,
    SearchByVectorRequest,
    SearchItemResult,
    VikingDB,
)


def embed(client: VikingDB, *texts: str) -> list[list[float]]:
    """Return a vector of each text."""
    request = EmbeddingRequest(
        dense_model=EmbeddingModelOpt(name="bge-m3"), data=[EmbeddingData(text=text) for text in texts]
    )
    result = client.embedding().embedding(request).result
    assert result is not None
    return [item.dense or [] for item in result.data]


def test_guide_search_by_vector(client: VikingDB, vector_story: Story) -> None:
    """Store chapters with their vectors, all at once, and find the nearest to the vector of a question."""
    story = vector_story
    vectors = embed(client, *(chapter["text"] for chapter in story.chapters))
    story.store(*(chapter | {"vector": vector} for chapter, vector in zip(story.chapters, vectors, strict=True)))

    (question,) = embed(client, "How do they tune the ranking, so that the signal is stronger than noise?")
    request = SearchByVectorRequest(
        dense_vector=question, filter=story.within, output_fields=["title", "score", "paragraph"], limit=5
    )

    def hits() -> list[SearchItemResult]:
        result = story.index.search_by_vector(request, request_options=story.options).result
        return result.data if result and len(result.data) == 3 else []

    found = story.eventually(hits)
    assert len(found) == 3
    assert found[0].fields["title"] == story.chapters[2]["title"]
    assert found[0].fields["paragraph"] == story.chapters[2]["paragraph"]
    scores = [hit.score or 0.0 for hit in found]
    assert scores == sorted(scores, reverse=True)  # the best is first
