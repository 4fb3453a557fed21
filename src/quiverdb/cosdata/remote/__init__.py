"""A Cosdata server, as a backend: its own releases, today's and former ones, and QuiverDB's server.

::

    backend.py    HttpBackend, AsyncHttpBackend: two drivers that send, wait, and take turns at signing in
    dialogue.py   what to ask, in which order, and when to ask again; waits for nobody
    requests.py   arguments -> request        replies.py   answer -> result, or error
"""

from quiverdb.cosdata.remote.backend import AsyncHttpBackend, HttpBackend

__all__ = ["AsyncHttpBackend", "HttpBackend"]
