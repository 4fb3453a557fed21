"""The names that the official package keeps in its ``common`` package."""
