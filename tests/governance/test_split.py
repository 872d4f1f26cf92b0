from __future__ import annotations

import csv
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import CheckFailed, GovernedError, Refused, UsageError
from governed_kernel.governance.policy import adopt, to_adopt
from governed_kernel.governance.register import Register
from governed_kernel.governance.split import Split, divide
from governed_kernel.lineage.events import Decided, SplitRecorded
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.people import passphrase
from tests.governance.records import (
    BY_PATIENT,
    BY_ROW,
    register,
    rows,
    write_code,
    write_records,
)


@pytest.fixture
def source(workspace: Workspace, tmp_path: Path) -> Path:
    path = write_records(tmp_path / "biopsies.csv")
    register(workspace, path)
    return path


def split(workspace: Workspace, code: str, name: str = "biopsies") -> Split:
    return divide(
        workspace,
        name,
        write_code(workspace, code),
        "sam",
        keys=["patient"],
        targets=["malignant"],
    )


def lines(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [",".join(row) for row in csv.reader(file)][1:]


def test_a_split_registers_three_parts_and_locks_the_holdout(
    workspace: Workspace, source: Path
) -> None:
    done = split(workspace, BY_PATIENT)
    assert done.new
    assert done.rows == {"train": 36, "validation": 12, "holdout": 12}
    assert (done.dropped, done.leaks) == (0, {"duplicate rows": 0, "entities by patient": 0})
    versions = {part: found.version for part, found in done.parts.items()}
    assert {part: it.state for part, it in versions.items()} == {
        "train": "approved",
        "validation": "approved",
        "holdout": "locked",
    }
    assert versions["train"].purposes == ["explore", "train", "evaluate", "validate"]
    assert versions["holdout"].purposes == ["validate"]
    assert {it.derived_from for it in versions.values()} == {"biopsies@1"}
    assert {it.data_class for it in versions.values()} == {"health"}
    parts = [line for found in done.parts.values() for line in lines(found.snapshot)]
    assert sorted(parts) == sorted(rows())
    recorded = Register.read(workspace).splits[-1]
    assert recorded.parts["holdout"] == "biopsies-holdout@1"
    assert recorded.code == "divide.py"


def test_the_same_split_again_adds_nothing(workspace: Workspace, source: Path) -> None:
    first = split(workspace, BY_PATIENT)
    before = workspace.ledger.read_bytes()
    again = split(workspace, BY_PATIENT)
    assert not again.new
    assert {p: f.version for p, f in again.parts.items()} == {
        p: f.version for p, f in first.parts.items()
    }
    assert workspace.ledger.read_bytes() == before


def test_nor_does_it_where_another_name_has_the_same_content(
    workspace: Workspace, source: Path
) -> None:
    register(workspace, source, "twin")
    split(workspace, BY_PATIENT)
    assert not split(workspace, BY_PATIENT).new
    with pytest.raises(Refused, match="divided before"):
        split(workspace, BY_PATIENT.replace('frame["patient"] % 10', '(frame["patient"] + 5) % 10'))
    with pytest.raises(Refused, match="biopsies@1 is the same content and is divided"):
        split(workspace, BY_PATIENT, name="twin")


def test_another_split_of_the_same_version_is_refused(workspace: Workspace, source: Path) -> None:
    split(workspace, BY_PATIENT)
    other = BY_PATIENT.replace('frame["patient"] % 10', '(frame["patient"] + 5) % 10')
    before = Register.read(workspace).datasets
    with pytest.raises(Refused, match="divided before"):
        split(workspace, other)
    assert Register.read(workspace).datasets == before


def refused(workspace: Workspace, code: str, message: str, error: type[GovernedError]) -> None:
    with pytest.raises(error, match=message):
        split(workspace, code)
    assert list(Register.read(workspace).datasets) == ["biopsies"]
    assert not Register.read(workspace).splits


def test_a_patient_in_two_parts_is_a_leak(workspace: Workspace, source: Path) -> None:
    refused(workspace, BY_ROW, r"entities by patient in more than one of them: \d+", CheckFailed)
    denied = Ledger(workspace).events()[-1]
    assert isinstance(denied, Decided)
    assert (denied.action, denied.outcome) == ("data split", "denied")


def test_a_copied_row_in_two_parts_is_a_leak_also_under_another_label(
    workspace: Workspace, tmp_path: Path
) -> None:
    copied = [*rows(), "18,0.0,0,1"]  # the features of the first row, of another patient
    register(workspace, write_records(tmp_path / "biopsies.csv", copied))
    refused(workspace, BY_PATIENT, "duplicate rows in more than one of them: 1\n", CheckFailed)


def test_a_row_given_to_two_parts_is_found(workspace: Workspace, source: Path) -> None:
    code = BY_PATIENT.replace("part < 6", "part < 7")
    refused(workspace, code, r"6 were taken more often", CheckFailed)


def test_a_changed_value_is_found(workspace: Workspace, source: Path) -> None:
    code = BY_PATIENT.replace("    part =", "    frame['size'] = frame['size'] + 1\n    part =")
    refused(workspace, code, "rows are not in the dataset", CheckFailed)


def test_rows_without_an_entity_in_two_parts_are_refused_as_what_they_are(
    workspace: Workspace, tmp_path: Path
) -> None:
    nobodys = [*rows(57), ",99.0,3,1", ",98.0,4,0", "18,97.0,5,0"]
    register(workspace, write_records(tmp_path / "biopsies.csv", nobodys))
    code = """
def split(frame):
    part = (frame.index // 3) % 10
    train, rest = frame[part < 6], frame[part > 7]
    gone = frame.patient.isna()
    return {"train": frame[(part < 6) | (gone & (frame["size"] > 98.5))],
            "validation": frame[part.isin([6, 7])],
            "holdout": frame[(part > 7) & ~(gone & (frame["size"] > 98.5))]}
"""
    refused(workspace, code, "one of these has no patient: such rows may be of one", CheckFailed)


def test_code_that_gives_something_else_is_told_once_why_and_what_to_do(
    workspace: Workspace, source: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        split(workspace, "def split(frame):\n    return {'train': frame}\n")
    said = str(caught.value)
    assert said.count("why:") == said.count("next:") == 1, said
    assert "next: mend the code, then run the same command again" in said


def test_rows_left_out_on_purpose_are_counted(workspace: Workspace, source: Path) -> None:
    done = split(workspace, BY_PATIENT.replace("part > 7", "part > 8"))
    assert done.dropped == 6
    assert Register.read(workspace).splits[-1].rows["dropped"] == 6


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def split(frame):\n    return frame\n", "three parts"),
        ("def split(frame):\n    return {'train': frame}\n", "three parts"),
        ("def other(frame):\n    return {}\n", "no function 'split'"),
        ("def split(frame):\n    raise RuntimeError('no such luck')\n", "no such luck"),
        ("this is no python", "SyntaxError"),
        ("import os\ndef split(frame):\n    os._exit(0)\n", "wrote no parts"),
        (BY_PATIENT.replace("part > 7", "part > 70"), "holdout is empty"),
        (BY_PATIENT.replace("frame[part < 6]", "frame[part < 6][['size']]"), "other columns"),
        (BY_PATIENT.replace("frame[part < 6]", "frame[part < 6].index"), "of the type Index"),
        (BY_ROW.replace("random_state=7", "random_state=None"), "not repeatable"),
    ],
)
def test_code_that_does_not_divide_is_refused_with_its_reason(
    workspace: Workspace, source: Path, code: str, message: str
) -> None:
    refused(workspace, code, message, UsageError)


def test_code_outside_the_workspace_is_refused(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside.py").write_text(BY_PATIENT)
    for code in ("../outside.py", str(tmp_path / "outside.py"), "missing.py"):
        with pytest.raises(UsageError):
            divide(workspace, "biopsies", code, "sam")


def test_a_function_can_be_named(workspace: Workspace, source: Path) -> None:
    code = write_code(workspace, BY_PATIENT.replace("def split", "def by_patient"))
    assert divide(workspace, "biopsies", f"{code}:by_patient", "sam", keys=["patient"]).new


def test_code_that_never_ends_is_ended_when_its_time_is_over(
    workspace: Workspace, source: Path
) -> None:
    settings = workspace.root / "governed.toml"
    text = settings.read_text()
    assert "[run]\n" in text
    settings.write_text(text.replace("[run]\n", "[run]\ntimeout_minutes = 0.02\n"))
    now = Workspace(workspace.root)
    adopt(now, "ada", passphrase("ada"), to_adopt(now))
    code = write_code(now, "import time\n\ndef split(frame):\n    time.sleep(600)\n")
    with pytest.raises(UsageError) as refused:
        divide(now, "biopsies", code, "sam", keys=["patient"])
    assert refused.value.why == (
        "it had not ended after 0.02 minutes, which is run.timeout_minutes"
    )
    assert not Register.read(now).splits


def test_of_what_failing_code_says_the_end_is_told(workspace: Workspace, source: Path) -> None:
    text = "import sys\n\ndef split(frame):\n"
    text += "    sys.stderr.write('x' * 5_000_000)\n    sys.exit('no such clinic')\n"
    with pytest.raises(UsageError, match="no such clinic") as refused:
        divide(workspace, "biopsies", write_code(workspace, text), "sam", keys=["patient"])
    assert len(refused.value.why) < 5_000


def test_an_unknown_key_column_is_wrong_use(workspace: Workspace, source: Path) -> None:
    code = write_code(workspace, BY_PATIENT)
    with pytest.raises(UsageError, match="no column 'nurse'"):
        divide(workspace, "biopsies", code, "sam", keys=["nurse"])


def test_a_holdout_is_not_divided_again(workspace: Workspace, source: Path) -> None:
    split(workspace, BY_PATIENT)
    with pytest.raises(Refused, match="locked holdout"):
        split(workspace, BY_PATIENT, "biopsies-holdout")


def test_a_new_version_may_not_train_on_rows_of_the_old_holdout(
    workspace: Workspace, source: Path
) -> None:
    split(workspace, BY_PATIENT)
    register(workspace, write_records(source, rows(90)))
    moved = BY_PATIENT.replace('frame["patient"] % 10', '(frame["patient"] + 5) % 10')
    with pytest.raises(CheckFailed, match="rows of an earlier holdout"):
        split(workspace, moved)
    assert split(workspace, BY_PATIENT).new


def test_a_row_of_an_earlier_holdout_is_known_where_its_numbers_are_written_otherwise(
    workspace: Workspace, source: Path
) -> None:
    """One row without a shape, and pandas writes all of them with a point."""
    split(workspace, BY_PATIENT)
    register(workspace, write_records(source, [*rows(), "35,7.0,,1"]))
    moved = BY_PATIENT.replace('frame["patient"] % 10', '(frame["patient"] + 5) % 10')
    with pytest.raises(CheckFailed, match="rows of an earlier holdout"):
        split(workspace, moved)


def test_nobody_without_the_role_divides(workspace: Workspace, source: Path) -> None:
    with pytest.raises(Refused, match="may not register data"):
        divide(workspace, "biopsies", write_code(workspace, BY_PATIENT), "olga")
    assert not [e for e in Ledger(workspace).events() if isinstance(e, SplitRecorded)]


CHANGES = """
def split(frame):
    from pathlib import Path
    parts = {"train": frame[:30], "validation": frame[30:45], "holdout": frame[45:]}
    Path(__file__).write_text("# nothing to see")
    return parts
"""


def test_code_that_is_another_after_it_ran_divides_nothing(
    workspace: Workspace, source: Path
) -> None:
    write_code(workspace, CHANGES)
    before = Register.read(workspace).splits
    with pytest.raises(Refused, match="changed while it ran"):
        divide(workspace, "biopsies", "divide.py", "sam")
    known = Register.read(workspace)
    assert known.splits == before
    assert "biopsies-train" not in known.datasets
    last = known.events[-1]
    assert isinstance(last, Decided)
    assert last.outcome == "denied"


def test_what_is_kept_is_the_code_that_ran_whatever_lay_there_meanwhile(
    workspace: Workspace, source: Path
) -> None:
    # An editor saves the file while it runs, and takes that back.
    other = "def split(frame):\n    raise SystemExit"
    code = f"""
from pathlib import Path
HERE = Path(__file__)
MINE = HERE.read_bytes()
HERE.write_text({other!r})
{BY_PATIENT}
import atexit
atexit.register(HERE.write_bytes, MINE)
"""
    split(workspace, code)
    recorded = Register.read(workspace).splits[-1]
    assert recorded.code_sha256 == digest_bytes(code.encode())
    kept = workspace.objects / recorded.code_sha256[:2] / recorded.code_sha256
    assert kept.read_text() == code


MODULE = "SHARE = 30\n"
LOADS = {
    "beside it": ("import shares\n", "splits/shares.py"),
    "at the root": ("import shares\n", "shares.py"),
    "in a package": (
        "from lib.shares import SHARE\nimport lib.shares as shares\n",
        "lib/shares.py",
    ),
    "by its path": (
        "import importlib.util\n"
        "spec = importlib.util.spec_from_file_location('shares', 'shares.py')\n"
        "shares = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(shares)\n",
        "shares.py",
    ),
    "as text": (
        "from types import SimpleNamespace\n"
        "found = {}\n"
        "exec(open('shares.py').read(), found)\n"
        "shares = SimpleNamespace(**found)\n",
        "shares.py",
    ),
    "out of an archive": (
        "import sys\nsys.path.insert(0, 'splits/lib.zip')\nimport shares\n",
        "splits/lib.zip",
    ),
    "by an archive's loader": (
        "import zipimport\nshares = zipimport.zipimporter('lib.zip').load_module('shares')\n",
        "lib.zip",
    ),
    "under another name, run": (
        "import runpy\nfrom types import SimpleNamespace\n"
        "shares = SimpleNamespace(**runpy.run_path('shares.txt'))\n",
        "shares.txt",
    ),
}


@pytest.mark.parametrize("way", LOADS)
def test_code_that_loads_a_module_of_the_workspace_divides_nothing(
    workspace: Workspace, source: Path, way: str
) -> None:
    """What is recorded is the one file: who changes the other would change what divided."""
    loads, place = LOADS[way]
    module = workspace.root / place
    module.parent.mkdir(exist_ok=True)
    if module.suffix == ".zip":
        with zipfile.ZipFile(module, "w") as archive:
            archive.writestr("shares.py", MODULE)
    else:
        module.write_text(MODULE)
    (workspace.root / "splits").mkdir(exist_ok=True)
    code = f"""{loads}
def split(frame):
    end = shares.SHARE
    return {{"train": frame[:end], "validation": frame[end:45], "holdout": frame[45:]}}
"""
    (workspace.root / "splits" / "divide.py").write_text(code)
    with pytest.raises(UsageError) as refused:
        divide(workspace, "biopsies", "splits/divide.py", "sam")
    assert f"the split code loads {place}" in str(refused.value)
    assert "put what it takes of that into divide.py" in str(refused.value)
    assert "biopsies-train" not in Register.read(workspace).datasets


def test_code_reads_tables_of_the_workspace(workspace: Workspace, source: Path) -> None:
    with zipfile.ZipFile(workspace.root / "centres.zip", "w") as archive:
        archive.writestr("centres.csv", "patient\n1\n")
    split(workspace, f"import pandas\npandas.read_csv('centres.zip')\n{BY_PATIENT}")


def test_code_imports_what_is_installed(workspace: Workspace, source: Path) -> None:
    split(workspace, f"import numpy, email.mime.text, governed_kernel.data\n{BY_PATIENT}")


def test_what_is_installed_within_the_workspace_is_installed() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from governed_kernel.governance.split_worker import _keep_modules_out\n"
        "root = Path(sys.prefix)\n"
        "_keep_modules_out(root, root / 'divide.py')\n"
        "import nbformat\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
