"""What may not be opened, as a recorder asks for it while its kernel starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.errors import ResourceMissing
from governed_kernel.governance.split import divide
from governed_kernel.recorder.restrictions import Restrictions
from governed_kernel.workspace import Workspace
from tests.governance.records import BY_ROW, register, write_code, write_records
from tests.kernel.running import home_of, make_workspace

PROGRAM = "governed_kernel.kernel.restrictions"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    found = make_workspace(tmp_path / "workspace")
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(found)))
    register(found, write_records(tmp_path / "biopsies.csv"), person="ada")
    return found


def test_what_is_locked_after_it_was_asked_for_is_refused(workspace: Workspace) -> None:
    restrictions = Restrictions(PROGRAM, workspace)
    restrictions.prepare()
    parts = divide(workspace, "biopsies", write_code(workspace, BY_ROW), "ada")
    restrictions.refresh()
    holdout = parts.parts["holdout"].snapshot
    assert restrictions.of(str(holdout), holdout.stat()) is not None
    train = parts.parts["train"].snapshot
    assert restrictions.of(str(train), train.stat()) is None


def test_the_answer_that_was_asked_for_is_taken(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    restrictions = Restrictions(PROGRAM, workspace)
    restrictions.prepare()
    monkeypatch.setattr(restrictions, "_command", ["false"])  # whoever asks again gets no answer
    restrictions.refresh()
    assert restrictions.has_classified


def test_a_program_that_fails_leaves_nothing_to_be_opened(workspace: Workspace) -> None:
    restrictions = Restrictions("governed_kernel.no_such_program", workspace)
    restrictions.prepare()
    for _ in range(2):
        with pytest.raises(ResourceMissing, match="No module named"):
            restrictions.refresh()
    restrictions.close()
