"""What is left of former releases of the official SDK."""

from __future__ import annotations

import warnings
from typing import Any

from quiverdb.vikingdb.vector.client import VikingDB

__all__ = ["VikingVector"]


class VikingVector(VikingDB):
    """Be ``VikingDB`` under a former name.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     VikingVector(host="localhost:9527", scheme="http")
    <VikingVector at http://localhost:9527>
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        warnings.warn("VikingVector is the former name of VikingDB", FutureWarning, stacklevel=2)
        super().__init__(*arguments, **options)
