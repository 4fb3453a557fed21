"""The tables beside this package: word lists and sets of characters, read when first needed."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["character_class", "lines"]


def lines(name: str) -> list[str]:
    """Return the lines of a table."""
    return (files(__package__) / "data" / name).read_text("utf-8").splitlines()


def character_class(name: str) -> str:
    """Return a table of hexadecimal code points and ranges as the inside of a regular-expression class."""
    items = (item.split("-") for line in lines(name) for item in line.split())
    return "".join("-".join(f"\\U{int(point, 16):08x}" for point in item) for item in items)
