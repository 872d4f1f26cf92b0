"""A column that was closed by what it was made from is opened by signature alone, with a reason."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from governed_kernel.canonical import digest_file
from governed_kernel.cli.reviewed import _input
from governed_kernel.errors import NotApproved, SignatureRefused, UsageError
from governed_kernel.governance.catalog_rows import facts
from governed_kernel.governance.holdings import Holdings
from governed_kernel.governance.may_learn import allow, close
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import attest
from governed_kernel.governance.split import divide
from governed_kernel.lineage.attestations import LearningAllowed
from governed_kernel.lineage.derivations import Derivation, add, stamp_of
from governed_kernel.release.data_bill import _described as described
from governed_kernel.release.evidence import as_input
from governed_kernel.release.review import _input as shown
from governed_kernel.workspace import Workspace
from tests.governance.people import passphrase
from tests.governance.records import BY_PATIENT, register, rows, write_code, write_records

WHY = "the hash was left out; this is the clinic's number of the day, counted anew"


def derived(workspace: Workspace, name: str, lines: list[str] | None = None) -> Path:
    """A file that a session made of `biopsies@1`, whose journal is gone."""
    path = write_records(workspace.root / f"{name}.csv", lines or rows(30, 100))
    made = Derivation(
        path=str(path), origins=["biopsies@1"], data_class="health", session_id="gone",
        stamp=stamp_of(path.stat()), sha256=digest_file(path),
    )  # fmt: skip
    add(workspace, [made])
    return path


@pytest.fixture
def closed(workspace: Workspace) -> Workspace:
    biopsies = write_records(workspace.root / "biopsies.csv")
    register(workspace, biopsies, "biopsies", never_learn=["patient"])
    made = register(workspace, derived(workspace, "made"), "made").version
    assert made.never_learn == ["patient", "size", "shape", "malignant"]
    return workspace


def opened(workspace: Workspace, *columns: str, person: str = "ada", **more: str) -> list[str]:
    version = allow(
        workspace, more.get("name", "made@1"), columns, person, passphrase(person),
        more.get("reason", WHY),
    )  # fmt: skip
    return version.never_learn


def test_what_was_opened_may_be_learned_and_is_told_with_who_and_why(closed: Workspace) -> None:
    before = len(Register.read(closed).events)
    assert opened(closed, "patient", "size") == ["shape", "malignant"]
    now = Register.read(closed)
    version = now.version("made@1")
    (told,) = facts(closed, now, version)["may_learn"]
    assert (told["columns"], told["by"], told["reason"]) == (["patient", "size"], "ada", WHY)
    bill = described(now, version)
    assert (bill["neverLearn"], bill["opened"]) == (["shape", "malignant"], [told])
    card = (closed.root / "catalog" / "made.toml").read_text()
    assert 'never_learn = ["shape", "malignant"]' in card
    assert now.version("biopsies@1").never_learn == ["patient"]
    then = Register(closed, now.events[:before])
    assert then.version("made@1").never_learn == ["patient", "size", "shape", "malignant"]


def test_it_holds_for_that_content_under_every_name_and_for_no_other(closed: Workspace) -> None:
    opened(closed, "patient", "size", "shape", "malignant")
    assert register(closed, closed.root / "made.csv", "again").version.never_learn == []
    other = derived(closed, "other", ["1,2,3,4"] * 5)
    assert register(closed, other, "made").version.never_learn == [
        "patient", "size", "shape", "malignant",
    ]  # fmt: skip
    assert Register.read(closed).version("made@1").never_learn == []


def test_parts_of_what_a_session_made_are_opened_and_parts_of_a_source_are_not(
    closed: Workspace,
) -> None:
    code = write_code(closed, BY_PATIENT)
    others = write_records(closed.root / "others.csv", rows(40, 500))
    register(closed, others, "others", never_learn=["patient"])
    for name in ("made", "others"):
        divide(closed, name, code, "sam", keys=["patient"])
    assert "patient" not in opened(closed, "patient", name="made-train@1")
    with pytest.raises(UsageError, match="patient of others-train@1 can't be opened"):
        opened(closed, "patient", name="others-train@1")


def closed_again(workspace: Workspace, *columns: str, person: str = "ada") -> list[str]:
    reason = "counted anew from the identifiers"
    return close(workspace, "made@1", columns, person, passphrase(person), reason).never_learn


def test_what_was_opened_is_closed_again_under_every_name_and_is_told(closed: Workspace) -> None:
    opened(closed, "patient", "size", "shape", "malignant")
    register(closed, closed.root / "made.csv", "again")
    assert closed_again(closed, "size", "patient") == ["patient", "size"]
    now = Register.read(closed)
    version = now.version("made@1")
    assert now.version("again@1").never_learn == ["patient", "size"]
    told = described(now, version)["opened"]
    assert [one["said"] for one in told] == ["opened", "closed"]
    assert facts(closed, now, version)["may_learn"] == told
    shows = str(_input(shown(now, as_input(version))))
    assert "size, patient may not be learned any more, says ada: counted anew" in shows
    assert opened(closed, "size") == ["patient"]
    with pytest.raises(SignatureRefused, match="sam may not"):
        closed_again(closed, "shape", person="sam")
    with pytest.raises(UsageError) as refused:
        closed_again(closed, "patient")
    assert refused.value.why == "by signature was opened of it: shape, malignant, size"


def test_what_who_registered_it_declared_is_not_opened(closed: Workspace) -> None:
    path = derived(closed, "mine", rows(30, 300))
    register(closed, path, "mine", never_learn=["shape"])
    assert Register.read(closed).version("mine@1").inherited == ["patient", "size", "malignant"]
    with pytest.raises(UsageError) as refused:
        opened(closed, "size", "shape", name="mine@1")
    assert refused.value.what == "shape of mine@1 can't be opened"
    assert opened(closed, "patient", "size", "malignant", name="mine@1") == ["shape"]
    divide(closed, "mine", write_code(closed, BY_PATIENT), "sam", keys=["patient"])
    with pytest.raises(UsageError, match="shape of mine-train@1 can't be opened"):
        opened(closed, "shape", name="mine-train@1")


def test_what_its_owner_declared_before_stays_declared_beside_a_session_s_copy(
    closed: Workspace,
) -> None:
    made = Register.read(closed).version("made@1")
    theirs = msgspec.structs.replace(
        made, dataset="theirs", sha256="a" * 64, never_learn=["size", "shape"], inherited=[]
    )
    held = Holdings()
    held.hold(theirs)
    held.hold(msgspec.structs.replace(theirs, dataset="copy", inherited=["size", "shape"]))
    assert held.version("copy@1").never_learn == ["size", "shape"]
    assert held.version("copy@1").inherited == []
    assert held.version("theirs@1").inherited == []


def test_who_declares_a_column_of_known_content_closes_it_for_good(closed: Workspace) -> None:
    everything = ["patient", "size", "shape", "malignant"]
    register(closed, closed.root / "made.csv", "again", never_learn=everything)
    with pytest.raises(UsageError, match="patient of made@1 can't be opened"):
        opened(closed, "patient")


def test_approvers_are_shown_what_was_opened(closed: Workspace) -> None:
    opened(closed, "size")
    now = Register.read(closed)
    version = now.version("made@1")
    facts = shown(now, as_input(version))
    assert f"size may be learned, says ada: {WHY}" in str(_input(facts))


@pytest.mark.parametrize(
    ("columns", "more", "said"),
    [
        ([], {}, "a column and a reason"),
        (["patient"], {"reason": "  "}, "a column and a reason"),
        (["patient"], {"name": "made"}, "takes NAME@VERSION"),
        (["colour"], {}, "never to be learned of it is patient"),
        (["patient"], {"name": "biopsies@1"}, "lineage did not close that"),
    ],
)
def test_what_says_too_little_opens_nothing(
    closed: Workspace, columns: list[str], more: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        opened(closed, *columns, **more)
    assert said in refused.value.why
    assert refused.value.next
    assert len(Register.read(closed).version("made@1").never_learn) == 4


def test_who_has_no_role_for_it_opens_nothing_and_the_attempt_is_on_record(
    closed: Workspace,
) -> None:
    with pytest.raises(SignatureRefused, match="sam may not"):
        opened(closed, "patient", person="sam")
    now = Register.read(closed)
    assert len(now.version("made@1").never_learn) == 4
    last = now.events[-1]
    assert (getattr(last, "action", ""), getattr(last, "outcome", "")) == (
        "data may-learn",
        "denied",
    )


def test_under_rules_that_nobody_adopted_nothing_is_opened(closed: Workspace) -> None:
    rules = closed.root / "policies" / "acting.cedar"
    rules.write_text(rules.read_text() + "// anything\n")
    with pytest.raises(NotApproved):
        allow(Workspace(closed.root), "made@1", ["patient"], "ada", passphrase("ada"), WHY)


def test_a_statement_of_another_program_opens_nothing_of_a_source(closed: Workspace) -> None:
    source = Register.read(closed).version("biopsies@1")

    def make(_: Register, who: object) -> LearningAllowed:
        return LearningAllowed(
            person="ada", printed_name="Ada Lovelace", dataset="biopsies", version="1",
            sha256=source.sha256, columns=["patient"], reason="x",
        )  # fmt: skip

    attest(closed, "ada", passphrase("ada"), make, action="data may-learn", resource="x")
    assert Register.read(closed).version("biopsies@1").never_learn == ["patient"]
