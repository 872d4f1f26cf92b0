"""``governed check`` and ``governed promote``: from a recorded notebook to a candidate."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from governed_kernel.canonical import digest_file
from governed_kernel.governance.register import Register
from governed_kernel.release import notebook
from governed_kernel.release.evidence import SessionEvidence, check_session
from tests.loop import berries
from tests.loop.place import Place, ended, papermill
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

WILD = "research/wild.ipynb"
WILD_CELLS = (
    "import socket",
    "open('wild.csv').read()",
    "try:\n    socket.create_connection(('192.0.2.1', 80), timeout=0.2)\n"
    "except OSError:\n    print('nobody answers')",
    "from pathlib import Path\n\nPath('outputs').mkdir(exist_ok=True)\n"
    "Path('outputs/own.txt').write_text('own')\nPath('outputs/own.txt').read_text()",
    "%run ran.py\n%load_ext extended\nimport importlib, runpy\nrunpy.run_path('by_path.py')\n"
    "importlib.import_module('by_' + 'name')\nimport named",
)
RUN_OTHERWISE = ("ran", "extended", "by_path", "by_name")
"""Beside ``named``, which a release has with it."""


@pytest.fixture(scope="module")
def place(stages: Stages) -> Place:
    """Where the notebook was run: a promotion in a copy would find foreign paths on record."""
    assert stages.candidate  # the copy that other tests go on from has been taken
    return stages.researched


@pytest.fixture(scope="module")
def wild(place: Place) -> Place:
    """A second notebook, whose session did what a release may not."""
    cells = [
        nbformat.v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(WILD_CELLS)
    ]
    document = nbformat.v4.new_notebook(cells=cells)
    document.metadata.kernelspec = berries.document().metadata.kernelspec
    nbformat.write(document, place.root / WILD)
    (place.root / "research" / "wild.csv").write_text("berry_id\nb99\n")
    for name in (*RUN_OTHERWISE, "named"):
        (place.root / "research" / f"{name}.py").write_text("def load_ipython_extension(shell): 0")
    papermill(place, WILD)
    return place


# --- check ---------------------------------------------------------------------------------------


def test_a_notebook_that_is_ready_can_be_promoted(place: Place) -> None:
    facts = place.done(f"check {berries.NOTEBOOK} --json").facts
    assert facts["promotable"]
    assert facts["inputs"] == ["berries-train@1", "palate@1"]
    assert facts["suites"] == ["suites/berries"]
    assert {finding["severity"] for finding in facts["findings"]} <= {"warning", "note"}


def test_what_stands_in_the_way_is_told_with_what_to_do(wild: Place) -> None:
    done = wild.governed(f"check {WILD}")
    assert done.code == 1
    assert f"{WILD} can't be promoted yet" in done.out
    assert "blocking: [2] it reads research/wild.csv, which is not in the catalog" in done.out
    assert "next: 'governed data register NAME research/wild.csv" in done.out
    assert "  cell: open('wild.csv').read()\n" in done.out
    assert "cell-1" not in done.out
    findings = done.out.count("  why:  ")
    assert findings == done.out.count("  next: ") > 3


def test_a_library_outside_of_the_workspace_is_one_finding_however_many_modules_it_has(
    place: Place, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    (library / "jam").mkdir(parents=True)
    for name in ("__init__", "boil", "fill", "label", "seal"):
        (library / "jam" / f"{name}.py").write_text("SWEET = True\n")
    path = place.root / "research" / "jam.ipynb"
    source = f"import sys\nsys.path.insert(0, {str(library)!r})\nimport jam.boil, jam.fill\n"
    cell = nbformat.v4.new_code_cell(source + "import jam.label, jam.seal")
    document = nbformat.v4.new_notebook(cells=[cell])
    document.metadata.kernelspec = berries.document().metadata.kernelspec
    nbformat.write(document, path)
    papermill(place, "research/jam.ipynb")
    evidence = found(place, "research/jam.ipynb", notebook.read(path))
    (outside,) = (item for item in evidence.findings if str(library) in item.what)
    assert (outside.code, outside.severity) == ("unbound-code", "blocking")
    assert outside.what.endswith(f"in {library}/jam: __init__.py, boil.py, fill.py and 2 more")
    assert "install it as a package" in outside.next


def test_a_cell_that_holds_a_secret_is_not_quoted(place: Place) -> None:
    path = place.root / "research" / "secret.ipynb"
    token = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    cells = [nbformat.v4.new_code_cell(source) for source in (f"token = '{token}'", "open('/a/b')")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    told = place.governed("check research/secret.ipynb").out
    assert "cell 1: line 1 of its source looks like a secret" in told
    assert "  cell: open('/a/b')\n" in told
    assert token not in told


def test_an_altered_environment_stands_in_the_way(
    stages: Stages, place: Place, tmp_path: Path
) -> None:
    environment = stages.environment.clone(tmp_path / "environment")
    environment.alter("tenacity/wait.py", b"SWEET = True\n")
    environment.alter("loose.py", b"")
    there = Place(place.root, place.home, environment)
    done = there.governed(f"check {berries.NOTEBOOK} --json")
    assert done.code == 1
    codes = {finding["code"]: finding for finding in done.facts["findings"]}
    assert "wait.py" in codes["environment-altered"]["what"]
    assert codes["environment-altered"]["next"] == "install that distribution again"
    assert "loose.py" in codes["unpinned-environment"]["what"]
    assert codes["unpinned-environment"]["severity"] == "blocking"


def found(place: Place, path: str, document: nbformat.NotebookNode) -> SessionEvidence:
    with place.inside():
        workspace = place.workspace
        register = Register.read(workspace)
        return check_session(workspace, register, path, document)


def codes(evidence: SessionEvidence) -> set[str]:
    for finding in evidence.findings:
        assert finding.why
        assert finding.next
    return {finding.code for finding in evidence.findings if finding.severity == "blocking"}


def test_the_record_of_a_session_speaks_against_its_notebook(wild: Place) -> None:
    evidence = found(wild, WILD, notebook.read(wild.root / WILD))
    assert codes(evidence) == {"unregistered-input", "network-access", "unbound-code"}
    unbound = {item.subject for item in evidence.findings if item.code == "unbound-code"}
    assert unbound == {f"research/{name}.py" for name in RUN_OTHERWISE}
    assert "tcp://192.0.2.1:80" in " ".join(finding.what for finding in evidence.findings)
    assert "own.txt" not in str(evidence.findings)  # what it wrote itself is no input


def test_a_notebook_without_a_session_is_told_how_to_get_one(place: Place) -> None:
    evidence = found(place, "research/other.ipynb", berries.document())
    assert codes(evidence) == {"no-session"}
    assert "papermill --engine governed -k governed-research" in evidence.findings[0].next


def test_a_cell_edited_since_it_ran_is_named(wild: Place) -> None:
    document = notebook.read(wild.root / WILD)
    document.cells[1].source += "  # only a comment"
    evidence = found(wild, WILD, document)
    (edited,) = [item for item in evidence.findings if item.code == "changed-since-run"]
    assert edited.what.startswith("cell 2: it is not what ran as [2] in session ")


def test_a_cell_added_since_the_run_is_noticed(wild: Place) -> None:
    document = notebook.read(wild.root / WILD)
    document.cells.append(nbformat.v4.new_code_cell("1 + 1"))
    assert "session-differs" in codes(found(wild, WILD, document))


def test_a_notebook_that_is_not_there_is_wrong_use(place: Place) -> None:
    explains(place.here("check research/none.ipynb"), 2, "there is no notebook")


# --- promote -------------------------------------------------------------------------------------


def test_a_candidate_is_bound_to_everything_it_rests_on(stages: Stages) -> None:
    place = stages.candidate
    folder = place.root / "release" / "sour@1"
    bound = json.loads((folder / "manifest.json").read_text())
    shown = place.release()
    assert shown["state"] == "candidate"
    assert shown["author"] == "dora"
    assert shown["digest"] == digest_file(folder / "manifest.json")
    assert bound["notebook"]["sha256"] == digest_file(folder / "research" / "sour.ipynb")
    assert [item["path"] for item in bound["code"]] == ["research/ripeness.py"]
    assert bound["environment"] == digest_file(folder / "environment.json")
    assert [item["dataset"] for item in bound["inputs"]] == ["berries-train", "palate"]
    (suite,) = bound["suites"]
    assert [item["dataset"] for item in suite["inputs"]] == ["berries-holdout", "palate"]
    steps = next(item for item in bound["parameters"] if item["name"] == "steps")
    assert (steps["default"], steps["minimum"], steps["maximum"]) == (300, 100, 400)
    assert bound["tolerance"] == {"probabilities": 0.001, "weights": 0.001}
    assert all(path.stat().st_mode & 0o222 == 0 for path in folder.rglob("*") if path.is_file())


def test_outputs_and_metadata_stay_behind(stages: Stages) -> None:
    place = stages.candidate
    research = (place.root / berries.NOTEBOOK).read_text()
    released = (place.root / "release" / "sour@1" / "research" / "sour.ipynb").read_text()
    assert "'loss'" in json.dumps(json.loads(research)["cells"][6]["outputs"])
    for cell in json.loads(released)["cells"]:
        assert not cell.get("outputs")
        assert set(cell["metadata"]) <= {"tags"}
    assert "papermill" not in released
    diff = (place.root / "release" / "sour@1" / "diff.html").read_text()
    assert "kernel governed-research → governed-release" in diff
    assert "not&lt;/b&gt; ripe" in diff


def test_findings_that_block_refuse_and_leave_nothing(wild: Place) -> None:
    before = set(wild.workspace.releases.iterdir())
    done = wild.governed(f"promote {WILD} {{dora}}")
    explains(done, 1, "findings that block promotion", f"governed check {WILD}")
    one = "--field use_case.regime TODO:"
    done = wild.governed(f"promote {berries.NOTEBOOK} {one} {{dora}}")
    explains(done, 1, f"{berries.NOTEBOOK} has a finding that blocks promotion", "regime")
    assert set(wild.workspace.releases.iterdir()) == before


def test_who_may_not_promote_is_refused_and_on_record(place: Place) -> None:
    before, denied = set(place.workspace.releases.iterdir()), len(place.events("Decided"))
    done = place.governed(
        f"promote {berries.NOTEBOOK} --name stolen --card cards/sour.toml {{otto}}"
    )
    explains(done, 3, "data-scientist")
    assert set(place.workspace.releases.iterdir()) == before
    assert place.half_made() == []
    attempt = place.events("Decided")[denied]
    assert (attempt.person, attempt.action, attempt.outcome) == ("otto", "promote", "denied")


def test_a_name_can_not_lead_out_of_its_folder(place: Place) -> None:
    done = place.governed(f"promote {berries.NOTEBOOK} --name ../../escape {{dora}}")
    explains(done, 2, "can't name a release")


def test_two_promotions_at_once_give_two_versions(place: Place) -> None:
    words = f"promote {berries.NOTEBOOK} --name twice --card cards/sour.toml {{dora}} --json"
    both = [ended(process) for process in [place.start(words), place.start(words)]]
    assert [done.code for done in both] == [0, 0], both
    assert {done.facts["release"] for done in both} == {"twice@1", "twice@2"}
    assert len({done.facts["digest"] for done in both}) == 2
    listed = {row["release"]: row["state"] for row in place.done_here("release list --json").facts}
    assert listed["twice@1"] == listed["twice@2"] == "candidate"
    second = place.root / "release" / "twice@2" / "diff.html"
    assert "From twice@1 to twice@2" in second.read_text()
    assert place.half_made() == []
