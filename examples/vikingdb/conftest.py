"""What the guides are given: a client, and a story in one of two collections, which is deleted in the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from story import MEMORY, Story, address, connect, setting

from quiverdb.vikingdb.vector import VikingDB


def pytest_report_header() -> str:
    """Say where the guides run."""
    return f"VikingDB: {address() or setting('PATH', MEMORY)}"


@pytest.fixture(scope="session")
def client() -> Iterator[VikingDB]:
    """Connect; all guides use one client."""
    with connect() as client:
        yield client


@pytest.fixture
def story(client: VikingDB) -> Iterator[Story]:
    """Make chapters for a collection that makes vectors of their texts."""
    story = Story(client, setting("COLLECTION", "text"), setting("INDEX", "text_index"))
    yield story
    story.clean_up()


@pytest.fixture
def vector_story(client: VikingDB) -> Iterator[Story]:
    """Make chapters for a collection that is given their vectors."""
    collection, index = setting("VECTOR_COLLECTION", "vector"), setting("VECTOR_INDEX", "vector_index")
    story = Story(client, collection, index)
    yield story
    story.clean_up()
