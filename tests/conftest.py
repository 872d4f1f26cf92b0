"""What begins first, and what stays together, so that nothing expensive is made twice in vain."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

import pytest
from hypothesis import settings

# Nothing is timed in a test: an example takes as long as other workers leave it.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Before a library asks: threads of two workers' trainings would wait for one another in loops.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" not in os.environ:
    # What is remembered of workspaces is no test's to leave in the home of whoever runs them: the
    # next run would find others under the same names.
    os.environ["GOVERNED_HOME"] = tempfile.mkdtemp(prefix="governed-tests-")
    atexit.register(shutil.rmtree, os.environ["GOVERNED_HOME"], ignore_errors=True)

TOGETHER = {
    "commands": (
        *("tests/cli/", "tests/release/", "tests/extension/test_jobs.py"),
        *("tests/governance/test_erasure.py", "tests/governance/test_service_key.py"),
    ),
    "browser": ("tests/ui/test_journey.py", "tests/ui/test_lineage.py"),
    "audits": ("tests/attack/", "tests/audit/"),
}
"""The walked loop, and the server with its browser, are made once for each worker that asks."""
FIRST = (
    *("tests/test_demonstration.py", "commands", "browser", "audits"),
    *("tests/capture/test_corpus.py", "tests/notebooks/test_biopsy_triage.py"),
    "tests/training/test_determinism.py",
)
"""The longest, in this order; what takes seconds fills up what is left at the end."""


def dealt_with(file: str) -> str:
    """What a file is dealt out with: a name of `TOGETHER`, or the file alone."""
    return next((name for name, files in TOGETHER.items() if file.startswith(files)), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the longest to the front; the others stay in the order of the tree."""
    turn = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: turn.get(dealt_with(item.nodeid.partition("::")[0]), len(FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out whole files, and those that share what is expensive to one worker."""
    from xdist.scheduler import LoadFileScheduling

    if config.getoption("dist") != "loadfile":
        return None
    deal = LoadFileScheduling(config, log)
    file_of = deal._split_scope
    deal._split_scope = lambda nodeid: dealt_with(file_of(nodeid))
    return deal
