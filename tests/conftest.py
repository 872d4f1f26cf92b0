"""The order of the files: what takes longest begins first, so that no worker waits for it."""

from __future__ import annotations

import pytest

LONGEST = ("test_demonstration.py", "test_corpus.py", "test_biopsy_triage.py", "test_journey.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the longest to the front; the others stay in the order of the tree."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
