"""What the risk of a use case asks for beyond the usual, and that nothing is released without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from governed_kernel.errors import NotApproved
from governed_kernel.governance import policy
from governed_kernel.governance.register import Register
from governed_kernel.governance.rules import rules_digest
from governed_kernel.lineage.events import FileDigest, RerunCompared
from governed_kernel.release import gate
from governed_kernel.release.manifest import ReleaseManifest, Suite
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace
from tests.governance.conftest import made_keys
from tests.governance.people import OTHER, RELEASE, make_workspace, passphrase, promote
from tests.release.test_registry import RUN, WAY, Story, told

__all__ = ["made_keys"]

RULES = """
[risk_classes.minimal]
layers = ["functional", "scenario"]
rerun = true
separate_people = true
"""


@pytest.fixture(scope="module")
def candidate(made_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A release of a use case that takes different people, more layers and an audit's re-run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(made_keys))
        workspace = make_workspace(tmp_path_factory.mktemp("risky") / "workspace")
        file = workspace.root / "governed.toml"
        before, _, after = file.read_text().partition("[risk_classes.minimal]")
        assert after
        _, _, rest = after.partition("[risk_classes.minimal.run]")
        file.write_text(f"{before}{RULES}\n[risk_classes.minimal.run]{rest}")
        workspace = Workspace.open(workspace.root)
        policy.adopt(workspace, "ada", passphrase("ada"), rules_digest(workspace))
        promote(workspace)
        yield workspace.root


@pytest.fixture(autouse=True)
def home(made_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNED_HOME", str(made_keys))


def lacking(story: Story) -> str:
    """What the gate says is missing of the run; empty when it lets it pass."""
    register = Register.read(story.workspace)
    file = FileDigest("research/triage.ipynb", OTHER, 1)
    bound = ReleaseManifest(
        release=RELEASE, author="sam", notebook=file, research_notebook=file, origin=file,
        difference=file, session_id="s", parameters=[], environment=OTHER, code=[], inputs=[],
        suites=[Suite("suites/triage", OTHER, [], [])], tolerance={}, policy=register.policy,
        threads=1, risk_class="minimal",
    )  # fmt: skip
    try:
        gate.check_requirements(register, bound, Registry(register).run(RUN))
    except NotApproved as error:
        return error.why
    return ""


def test_every_layer_and_a_re_run_are_asked_for(candidate: Path) -> None:
    story = told(candidate, WAY[:4])
    missing = lacking(story)
    assert "the suite suites/triage" in missing
    assert "a passed case of the layer functional" in missing
    assert "an audit's re-run" in missing
    story.tell("validate passed")
    missing = lacking(story)
    assert "the suite" not in missing
    assert "functional" not in missing
    assert "a passed case of the layer scenario" in missing
    story.layer = "scenario"
    story.tell("validate passed")  # the last validation by a suite is the one that counts
    assert "a passed case of the layer functional" in lacking(story)


@pytest.mark.parametrize(
    ("verdict", "enough"), [("IDENTICAL", True), ("EQUIVALENT", True), ("DIFFERENT", False)]
)
def test_only_a_re_run_that_says_the_same_counts(
    candidate: Path, verdict: Literal["IDENTICAL", "EQUIVALENT", "DIFFERENT"], enough: bool
) -> None:
    story = told(candidate, WAY[:5])
    story.add(
        RerunCompared(
            run_id=RUN,
            rerun_id="rerun-1",
            verdict=verdict,
            weights_sha256=OTHER,
            differences=[],
            person="dora",
        )
    )
    assert ("re-run" not in lacking(story)) is enough


def test_who_ran_it_neither_validates_nor_approves_it(candidate: Path) -> None:
    story = told(candidate, WAY[:4])
    register = Register.read(story.workspace)
    registry = Registry(register)
    release, run = registry.release(RELEASE), registry.run(RUN)
    assert run.started.person == "olga"
    gate.check_separation(register, release, run, validator="dora")
    with pytest.raises(NotApproved, match=r"olga can't validate .* having run it"):
        gate.check_separation(register, release, run, validator="olga")


def test_a_release_validated_by_who_ran_it_is_never_sealed(candidate: Path) -> None:
    by_olga = told(candidate, WAY)
    assert "validate passed" in by_olga.happened
    assert "seal" not in by_olga.happened
    by_dora = told(candidate, WAY[:4])
    by_dora.validator = "dora"
    for step in WAY[4:]:
        by_dora.tell(step)
    assert by_dora.release.state == "released"
    by_rita = told(candidate, WAY[:4])
    by_rita.validator = "rita"  # who validated it does not approve it for deployment
    for step in WAY[4:]:
        by_rita.tell(step)
    assert by_rita.release.state == "validated"
