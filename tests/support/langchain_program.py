"""A program written for LangChain and the official client; each line of output is a fact that the test compares.

usage: langchain_program.py FOLDER
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector
from qdrant_client import QdrantClient, models

from quiverdb.embed import Bm25, HashingEmbedder

NAME = "texts"
TEXTS = {
    1: ("the red fox jumps over the fence", "animals"),
    2: ("a red fox sleeps under the tree", "animals"),
    3: ("stock prices fell on monday", "money"),
    4: ("the bank lends money to the farmer", "money"),
    5: ("a farmer feeds the fox", "animals"),
}


class Hashed(Embeddings):
    model = HashingEmbedder(64)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [vector.tolist() for vector in self.model.embed(texts)]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class Words(SparseEmbeddings):
    model = Bm25()

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        return [self.sparse(vector) for vector in self.model.embed_documents(texts)]

    def embed_query(self, text: str) -> SparseVector:
        return self.sparse(self.model.embed_queries([text])[0])

    @staticmethod
    def sparse(vector: Any) -> SparseVector:
        return SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())


def documents() -> list[Document]:
    return [Document(page_content=text, metadata={"topic": topic, "n": n}) for n, (text, topic) in TEXTS.items()]


def about(topic: str) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="metadata.topic", match=models.MatchValue(value=topic))])


def tell(name: str, value: Any) -> None:
    sys.stdout.write(json.dumps([name, value]) + "\n")


def numbers(found: list[Document]) -> list[int]:
    return [document.metadata["n"] for document in found]


def scored(found: list[tuple[Document, float]]) -> list[tuple[int, float]]:
    return [(document.metadata["n"], round(score, 5)) for document, score in found]


def dense(client: QdrantClient) -> None:
    client.create_collection(NAME, vectors_config=models.VectorParams(size=64, distance=models.Distance.COSINE))
    store = QdrantVectorStore(client=client, collection_name=NAME, embedding=Hashed())
    tell("ids", store.add_documents(documents(), ids=list(TEXTS)))
    tell("added", len(store.add_texts(["a cat and a fox"], metadatas=[{"n": 6, "topic": "animals"}])))
    tell("similar", scored(store.similarity_search_with_score("the fox", k=3)))
    tell("filtered", scored(store.similarity_search_with_score("the fox", k=5, filter=about("money"))))
    tell("threshold", scored(store.similarity_search_with_score("the fox", k=9, score_threshold=0.3)))
    tell("relevance", scored(store.similarity_search_with_relevance_scores("the fox", k=2)))
    tell("mmr", numbers(store.max_marginal_relevance_search("the red fox", k=3, fetch_k=5, lambda_mult=0.2)))
    tell("by ids", sorted(numbers(store.get_by_ids([2, 4]))))
    retriever = store.as_retriever(search_type="mmr", search_kwargs={"k": 2, "fetch_k": 4})
    tell("retriever", numbers(retriever.invoke("money for the farmer")))
    tell("async", scored(asyncio.run(store.asimilarity_search_with_score("the fox", k=2))))
    tell("deleted", store.delete([1, 2]))
    tell("left", numbers(store.similarity_search("red fox", k=9)))


def hybrid(client: QdrantClient) -> None:
    client.create_collection(
        "both",
        vectors_config={"dense": models.VectorParams(size=64, distance=models.Distance.COSINE)},
        sparse_vectors_config={"sparse": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    for mode in (RetrievalMode.HYBRID, RetrievalMode.SPARSE):
        store = QdrantVectorStore(
            client=client,
            collection_name="both",
            embedding=Hashed(),
            sparse_embedding=Words(),
            retrieval_mode=mode,
            vector_name="dense",
            sparse_vector_name="sparse",
        )
        if mode is RetrievalMode.HYBRID:
            store.add_documents(documents(), ids=list(TEXTS))
        tell(mode.value, scored(store.similarity_search_with_score("farmer fox", k=2)))
        tell(f"{mode.value} filtered", numbers(store.similarity_search("farmer", k=5, filter=about("money"))))


def made_by_langchain(folder: str) -> None:
    store = QdrantVectorStore.from_documents(documents(), Hashed(), path=folder, collection_name="own")
    tell("from documents", numbers(store.similarity_search("monday prices", k=1)))
    store.client.close()
    again = QdrantVectorStore.from_existing_collection(collection_name="own", embedding=Hashed(), path=folder)
    tell("existing", numbers(again.similarity_search("monday prices", k=1)))
    again.client.close()


def main() -> None:
    client = QdrantClient(":memory:")
    dense(client)
    hybrid(client)
    client.close()
    made_by_langchain(sys.argv[1])


if __name__ == "__main__":
    main()
