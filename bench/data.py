"""What is searched: points with payloads, queries, and the right answers.

A data folder holds ``*.jsonl.gz`` (one JSON object per point), ``*_f16.npy`` (their vectors as float16, one row each)
and ``*_queries_f32.npy`` (query vectors as float32). Without a folder, clustered data of the same shape is made up.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

K = 10
BATCH_TEXTS = 1000
PERMILLES = (1, 10, 100, 500)
"""Shares of the points that the filters let through."""
_KEYS = ("name", "summary", "section", "installed_kb", "tags", "priority")
_NOISE = 0.03


@dataclass
class Data:
    """Points, queries and the means to judge answers."""

    vectors: NDArray[np.float32]
    payloads: list[dict[str, Any]]
    queries: NDArray[np.float32]
    permille: NDArray[np.int64] = field(init=False)
    """Rank of each point by size, 0 to 999; ``permille < f`` lets f of a thousand through."""

    def __post_init__(self) -> None:
        sizes = np.array([payload["installed_kb"] for payload in self.payloads], np.float64)
        ranks = np.lexsort((np.arange(len(sizes)), sizes))
        self.permille = np.empty(len(sizes), np.int64)
        self.permille[ranks] = np.arange(len(sizes)) * 1000 // len(sizes)
        for payload, rank in zip(self.payloads, self.permille.tolist(), strict=True):
            payload["permille"] = rank

    @property
    def size(self) -> int:
        return self.vectors.shape[1]

    def thresholds(self, permille: int | None = None) -> NDArray[np.float32]:
        """Return for each query the similarity of its K-th nearest point among those that the filter lets through."""
        vectors = self.vectors if permille is None else self.vectors[self.permille < permille]
        if len(vectors) < K:
            message = (
                f"A filter lets only {len(vectors)} points through: take at least {1000 * K // PERMILLES[0]} points."
            )
            raise SystemExit(message)
        found = np.empty(len(self.queries), np.float32)
        for start in range(0, len(self.queries), 64):
            scores = self.queries[start : start + 64] @ vectors.T
            found[start : start + 64] = np.partition(scores, -K, axis=1)[:, -K]
        return found

    def recall(self, answers: list[list[int]], thresholds: NDArray[np.float32], permille: int | None = None) -> float:
        """Return the share of answers at least as near as the K-th nearest: which of equally near ones is no matter."""
        right = 0
        for query, ids, threshold in zip(self.queries, answers, thresholds, strict=True):
            distinct = np.unique(np.array(ids, np.int64))
            if permille is not None:
                distinct = distinct[self.permille[distinct] < permille]
            right += min(K, int((self.vectors[distinct] @ query >= threshold - 1e-5).sum()))
        return right / (K * len(answers))


def load(folder: Path, repeat: int = 1) -> Data:
    """Read a data folder; ``repeat`` multiplies the points, with noise on the copies."""
    queries_file = _only(folder, "*_queries_f32.npy")
    base = np.load(_only(folder, "*_f16.npy")).astype(np.float32)
    with gzip.open(_only(folder, "*.jsonl.gz"), "rt", encoding="utf-8") as lines:
        rows = [{key: row.get(key) for key in _KEYS} for row in map(json.loads, lines)]
    noise = np.random.default_rng(11)
    copies = [base + noise.normal(scale=_NOISE, size=base.shape).astype(np.float32) for _ in range(repeat - 1)]
    payloads = [dict(row) for _ in range(repeat) for row in rows]
    return Data(_unit(np.concatenate([base, *copies])), payloads, np.load(queries_file))


def synthetic(count: int = 50_000, size: int = 384, queries: int = 500) -> Data:
    """Make up points in clusters of very different sizes, and queries near them."""
    random = np.random.default_rng(7)
    centers = _unit(random.normal(size=(400, size)))
    share = random.pareto(1.2, len(centers)) + 0.05
    members = random.choice(len(centers), count + queries, p=share / share.sum())
    spread = random.uniform(0.4, 1.0, len(members))[:, None] / np.sqrt(size)
    vectors = _unit(centers[members] + spread * random.normal(size=(len(members), size)))
    payloads = [
        {
            "name": f"item-{i}",
            "summary": f"made-up item number {i} of cluster {member}",
            "section": f"section-{member % 50}",
            "installed_kb": int(kilobytes),
            "tags": [f"tag-{member % 7}", f"tag-{i % 11}"],
            "priority": "optional" if i % 20 else "required",
        }
        for i, (member, kilobytes) in enumerate(
            zip(members[:count].tolist(), random.lognormal(6, 2, count).tolist(), strict=True)
        )
    ]
    return Data(vectors[:count], payloads, vectors[count:])


def texts(folder: Path | None, count: int) -> tuple[list[str], list[str]]:
    """Return so many texts, repeated if there are fewer, and queries; made up without a folder."""
    if folder is None:
        random = np.random.default_rng(5)
        lengths, queries = random.integers(2, 10, count), random.integers(1, 7, 500)
        made = [" ".join(f"w{word}" for word in random.zipf(1.3, size) % 50_000) for size in (*lengths, *queries)]
        return made[:count], made[count:]
    with gzip.open(_only(folder, "*.jsonl.gz"), "rt", encoding="utf-8") as lines:
        found = [json.loads(line)["summary"] for line in lines]
    questions = json.loads(_only(folder, "*_queries.json").read_text("utf-8"))
    return list(islice(cycle(found), count)), questions


def from_options(folder: Path | None, repeat: int, count: int) -> Data:
    return synthetic(count * repeat) if folder is None else load(folder, repeat)


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float32)


def _only(folder: Path, pattern: str) -> Path:
    found = [path for path in folder.glob(pattern) if "queries" in pattern or "queries" not in path.name]
    if len(found) != 1:
        message = f"{folder} holds {len(found)} files {pattern}; one is needed."
        raise SystemExit(message)
    return found[0]
