"""The names of ``cosdata.api``, in all releases."""

from __future__ import annotations

from quiverdb.cosdata._auth import Auth
from quiverdb.cosdata._client import Client
from quiverdb.cosdata._collections import Collection, Collections
from quiverdb.cosdata._indexes import Index, Indexes
from quiverdb.cosdata._search import Search
from quiverdb.cosdata._transactions import Transaction, Transactions
from quiverdb.cosdata._vectors import Vectors
from quiverdb.cosdata._versions import Versions

__all__ = [
    "Auth",
    "Client",
    "Collection",
    "Collections",
    "Index",
    "Indexes",
    "Search",
    "Transaction",
    "Transactions",
    "Vectors",
    "Versions",
]
