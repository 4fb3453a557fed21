"""VikingDB's HTTP protocol: signatures and keys, and the operations of ``quiverdb.vikingdb`` as routes."""
