"""What begins first, and what stays together, so that nothing expensive is made twice in vain."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

import pytest

# Before a library asks: threads of two workers' trainings would wait for one another in loops.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" not in os.environ:
    # What is remembered of workspaces is no test's to leave in the home of whoever runs them: the
    # next run would find others under the same names.
    os.environ["GOVERNED_HOME"] = tempfile.mkdtemp(prefix="governed-tests-")
    atexit.register(shutil.rmtree, os.environ["GOVERNED_HOME"], ignore_errors=True)

LONGEST = ("test_demonstration.py", "test_corpus.py", "test_biopsy_triage.py", "test_journey.py")
TOGETHER = {
    "loop": (
        *("tests/attack/", "tests/audit/", "tests/cli/", "tests/release/"),
        *("tests/governance/test_erasure.py", "tests/governance/test_service_key.py"),
        "tests/extension/test_jobs.py",
    ),
    "browser": ("tests/ui/test_journey.py", "tests/ui/test_lineage.py"),
}
"""The walked loop, and the server with its browser, are made once for each worker that asks."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the longest to the front; the others stay in the order of the tree."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out whole files, and those that share what is expensive to one worker."""
    from xdist.scheduler import LoadFileScheduling

    if config.getoption("dist") != "loadfile":
        return None
    deal = LoadFileScheduling(config, log)
    file_of = deal._split_scope

    def scope(nodeid: str) -> str:
        file = file_of(nodeid)
        return next((name for name, files in TOGETHER.items() if file.startswith(files)), file)

    deal._split_scope = scope
    return deal
