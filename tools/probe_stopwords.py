"""Find out which words Qdrant leaves out for each language, and write them as the tables that the analyzers read.

usage: python tools/probe_stopwords.py CANDIDATES.json

CANDIDATES.json is a list of words; to them come those of the present tables and all that may be words in the runs of
text in the extension module of qdrant-edge. Each
candidate is given to Qdrant's BM25, which makes no term of a stopword. So the tables hold what the installed
qdrant-edge does, as far as the candidates go.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import qdrant_edge as qe

FOLDER = Path(__file__).parents[1] / "src/quiverdb/text/data/stopwords"
LONGEST = 20
BATCH = 400
WIDTH = 100
SEEDS = ("aadi\0", "ourselvesyou", "aajaap", "дарба", "अक्सर")
AROUND = 40_000


def main() -> int:
    words = set(json.loads(Path(sys.argv[1]).read_text("utf-8"))) | set(embedded())
    words.update(*(table.read_text("utf-8").split() for table in FOLDER.glob("*.txt")))
    candidates = sorted({piece for word in words for piece in word.split()})
    for name, language in vars(qe.Language).items():
        if isinstance(language, qe.Language):
            found = sorted(left_out(language, candidates))
            (FOLDER / f"{name.lower()}.txt").write_text("\n".join(lines(found)) + "\n", "utf-8")
            sys.stdout.write(f"{name}: {len(found)}\n")
    return 0


def left_out(language: qe.Language, words: list[str]) -> Iterator[str]:
    """Yield the words of which BM25 makes no term."""
    settings = {"tokenizer": qe.TokenizerType.Whitespace, "lowercase": False, "stemmer": qe.DisabledStemmer()}
    model = qe.Bm25(qe.Bm25Config(stopwords=language, **settings))
    for start in range(0, len(words), BATCH):
        batch = words[start : start + BATCH]
        if len(model.embed_query(" ".join(batch)).indices) < len(batch):  # collisions of hashes are rare
            yield from (word for word in batch if not model.embed_query(word).indices)


def embedded() -> Iterator[str]:
    """Yield what may be a word in the parts of the extension module that hold lists of words."""
    data = next(Path(qe.__file__).parent.glob("*.so")).read_bytes()
    places = sorted(found.start() for seed in SEEDS for found in re.finditer(re.escape(seed.encode()), data))
    end = 0
    for place in places:
        start, end = max(end, place - AROUND), place + AROUND
        for run in re.findall(r"[^\s\x00-\x1f\ufffd]{2,}", data[start:end].decode("utf-8", "replace")):
            yield from (run[i : i + size] for i in range(len(run)) for size in range(1, LONGEST + 1))


def lines(words: Iterable[str]) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + len(word) >= WIDTH:
            yield line
            line = ""
        line += f" {word}" if line else word
    if line:
        yield line


if __name__ == "__main__":
    sys.exit(main())
