"""Texts as vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quiverdb.cosdata.errors import ValidationError
from quiverdb.embed import embed
from quiverdb.errors import InvalidInputError

__all__ = ["embed_texts"]


def embed_texts(texts: Sequence[str], model_name: str = "BAAI/bge-small-en-v1.5") -> list[list[float]]:
    """Return a vector for each text, as a model of fastembed or one registered with ``quiverdb.embed`` makes them.

    Raises ``MissingLibraryError``, an ``ImportError``, for a model of fastembed if that is not installed, and
    ``ValidationError`` for a model that nobody knows or that fails.

    >>> [len(vector) for vector in embed_texts(["open a file"], model_name="quiverdb/hashing")]
    [256]
    """
    try:
        vectors = embed(model_name, "document", [texts] if isinstance(texts, str) else texts)
    except InvalidInputError as error:
        raise ValidationError(str(error)) from error
    rows = [np.asarray(vector).tolist() for vector in vectors if isinstance(vector, np.ndarray | list)]
    if len(rows) < len(vectors):
        raise ValidationError(f"the model {model_name!r} makes no dense vectors of texts")
    return rows
