"""Cosdata's HTTP protocol: logins, and the operations of ``quiverdb.cosdata`` as routes."""
