"""VikingDB's operations, carried out on a database."""
