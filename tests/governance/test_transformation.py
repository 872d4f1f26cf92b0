"""Rules make a version from another: what they say holds of the result, or nothing is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import CheckFailed, GovernedError, Refused, UsageError
from governed_kernel.governance import access, permission, split_checks, transforming
from governed_kernel.governance import split as splitting
from governed_kernel.governance.catalog import label, snapshot_of
from governed_kernel.governance.objects import ObjectStore
from governed_kernel.governance.register import Register
from governed_kernel.governance.split import divide
from governed_kernel.governance.transformation import chain_of, transform
from governed_kernel.governance.transforming import code_digest
from governed_kernel.governance.withdrawal import withdraw
from governed_kernel.lineage.events import ColumnEdge, Decided
from governed_kernel.workspace import Workspace
from tests.governance.people import passphrase
from tests.governance.records import BY_PATIENT, register, write_code, write_records

RULES = """
[transform]
into = "notes-minimal"
description = "What the model needs"

[keep]
size = "it is predicted from"
note = "what the doctor saw"

[[filter]]
where = "size > 0"
reason = "not measured"

[[deduplicate]]
by = ["patient", "size"]
reason = "scanned twice"

[[redact]]
columns = ["note"]
pattern = '\\d{3}-\\d{4}'
with = "[telephone]"
reason = "telephone numbers"

[[criterion]]
name = "enough is left"
sql = "(select count(*) from after) / (select count(*) from before)"
minimum = 0.5
"""


@pytest.fixture
def notes(workspace: Workspace) -> Workspace:
    path = workspace.root / "notes.csv"
    lines = [f"p{n},{n % 9}.5,calls from 555-{n:04} at night" for n in range(40)]
    lines += ["p1,1.5,again 555-9999", "p99,-1,nothing"]
    path.write_text("\n".join(["patient,size,note", *lines]) + "\n")
    register(workspace, path, "notes", never_learn=("patient", "note"))
    return workspace


def rules(workspace: Workspace, text: str = RULES, name: str = "minimal.toml") -> Path:
    path = workspace.root / name
    path.write_text(text)
    return path


def test_what_the_rules_say_holds_of_the_result_and_is_on_record(notes: Workspace) -> None:
    done = transform(notes, rules(notes), "notes", "sam")
    version = done.made.version
    assert (label(version), version.data_class, version.rows) == ("notes-minimal@1", "health", 40)
    assert (version.derived_from, version.never_learn) == ("notes@1", ["note"])
    text = snapshot_of(notes, version).read_text()
    assert text.startswith("size,note\n")
    assert "555-" not in text
    assert text.count("[telephone]") == 40
    record = Register.read(notes).transformations["notes-minimal@1"]
    assert record == done.record
    assert [item["operation"] for item in record.operations] == [
        *("filter", "deduplicate", "redact", "minimise"),
    ]
    assert [item.get("survived", 0) for item in record.operations] == [0, 0, 0, 0]
    assert record.operations[1]["rows_before"] - record.operations[1]["rows_after"] == 1
    assert record.dropped == ["patient"]
    assert (record.before["rows"], record.after["rows"]) == (42, 40)
    assert record.before["columns"]["size"]["mean"] == pytest.approx(170.5 / 42, abs=1e-5)
    assert record.criteria[0].value == pytest.approx(40 / 42)
    assert record.code_sha256 == code_digest()
    assert ColumnEdge("after", "note", "before", "note", "TRANSFORMATION") in record.columns
    assert ColumnEdge("after", "*", "before", "size", "GROUP_BY") in record.columns
    kept = ObjectStore(notes).path(record.rules_sha256)
    assert kept.read_text() == RULES
    assert Register.read(notes).kept_code[record.rules_sha256] == "minimal.toml"
    assert chain_of(Register.read(notes), version) == [record]


def test_the_same_again_is_the_same_version_and_is_said_once(notes: Workspace) -> None:
    first = transform(notes, rules(notes), "notes", "sam")
    before = len(Register.read(notes).events)
    again = transform(notes, rules(notes), "notes", "sam")
    assert (again.made.new, again.record) == (False, first.record)
    assert len(Register.read(notes).events) == before


WRONG: list[tuple[tuple[str, str], type[GovernedError], str]] = [
    (("minimum = 0.5", "minimum = 0.99"), CheckFailed, "acceptance criteria"),
    (('with = "[telephone]"', 'with = "000-0000"'), CheckFailed, "survived"),
    (("size > 0", "size > 1000"), CheckFailed, "acceptance criteria"),
    (
        ("minimum = 0.5", "minimum = 0.1\nmaximum = 0.2"),
        *(CheckFailed, "at least 0.1 and at most 0.2 wanted"),
    ),
    (("size > 0", "weight > 0"), UsageError, "could not be carried out"),
    (('columns = ["note"]', 'columns = ["size"]'), UsageError, "can't be redacted"),
    (('columns = ["note"]', 'columns = ["letter"]'), UsageError, "no column letter"),
    (("pattern = '\\d{3}-\\d{4}'", "pattern = '('"), UsageError, "could not be carried out"),
    (("size > 0", "size in (select 1 from '/etc/passwd')"), UsageError, "carried out"),
    (("[keep]", "[keeps]"), UsageError, "holds no rules"),
    (("minimum = 0.5", ""), UsageError, "has no bound"),
]


def test_when_something_does_not_hold_nothing_is_made(notes: Workspace) -> None:
    for change, error, said in WRONG:
        assert change[0] in RULES
        with pytest.raises(error) as raised:
            transform(notes, rules(notes, RULES.replace(*change)), "notes", "sam")
        assert said in f"{raised.value.what} {raised.value.why}", change
        current = Register.read(notes)
        assert "notes-minimal" not in current.datasets
        if error is CheckFailed:
            last = current.events[-1]
            assert isinstance(last, Decided)
            assert (last.action, last.outcome) == ("data transform", "denied")


def test_synthesised_rows_are_nobodys_and_always_the_same(notes: Workspace) -> None:
    text = '[synthesise]\nrows = 200\nseed = 7\nreason = "for suppliers"\n[keep]\nsize = "x"\n'
    text += 'patient = "y"\n'
    first = transform(notes, rules(notes, text, "made-up.toml"), "notes", "sam")
    assert first.made.version.rows == 200
    assert not transform(notes, rules(notes, text, "made-up.toml"), "notes", "sam").made.new
    other = transform(notes, rules(notes, text.replace("7", "8"), "made-up.toml"), "notes", "sam")
    assert label(other.made.version) == "notes-made-up@2"


def test_a_less_strict_class_takes_another_role_and_a_divided_parent_is_refused(
    notes: Workspace,
) -> None:
    lax = RULES.replace('into = "notes-minimal"', 'into = "notes-minimal"\nclass = "internal"')
    with pytest.raises(Refused, match="may not register notes-minimal as internal"):
        transform(notes, rules(notes, lax), "notes", "sam")
    assert transform(notes, rules(notes, lax), "notes", "ada").made.version.data_class == "internal"
    register(notes, write_records(notes.root / "b.csv"))
    divide(notes, "biopsies", write_code(notes, BY_PATIENT), "sam")
    keep = '[keep]\nsize = "x"\n'
    for name in ("biopsies", "biopsies-holdout"):
        with pytest.raises(Refused, match="may not transform"):
            transform(notes, rules(notes, keep, "k.toml"), name, "sam")
    made = transform(notes, rules(notes, keep, "k.toml"), "biopsies-train", "sam")
    assert made.made.version.derived_from == "biopsies-train@1"


def test_what_was_made_from_data_before_it_is_divided_is_closed_with_it(
    workspace: Workspace,
) -> None:
    def may_train(name: str) -> bool:
        known = Register.read(workspace)
        return permission.decide_purpose(known, known.version(name), "train", person="ada").allowed

    keep = '[keep]\npatient = "x"\nsize = "x"\nshape = "x"\n'
    register(workspace, write_records(workspace.root / "b.csv"))
    made = transform(workspace, rules(workspace, keep, "k.toml"), "biopsies", "ada").made
    transform(workspace, rules(workspace, '[keep]\nsize = "x"\n', "s.toml"), "biopsies-k", "ada")
    copied = workspace.root / "copied.csv"
    copied.write_bytes(made.snapshot.read_bytes())
    register(workspace, copied, "copied")
    closed = {"biopsies-k@1", "biopsies-k-s@1", "copied@1"}
    assert all(may_train(name) for name in closed)
    code = write_code(workspace, BY_PATIENT)
    done = divide(workspace, "biopsies", code, "sam", keys=["patient"])
    assert set(done.closed) == closed
    assert not any(may_train(name) for name in closed)
    known = Register.read(workspace)
    policy, why = permission.restriction(known, known.version("biopsies-k-s"))
    assert policy == "split-parent"
    assert "was made from biopsies@1, which contains the locked holdout biopsies-holdout@1" in why
    assert not access.decide(workspace, "read", str(copied)).allowed
    # The parts stay open, and what is made from them.
    transform(workspace, rules(workspace, keep, "k.toml"), "biopsies-train", "ada")
    assert may_train("biopsies-train@1")
    assert may_train("biopsies-train-k@1")
    for name in closed:
        with pytest.raises(Refused, match="which was divided: rows of biopsies-holdout@1"):
            divide(workspace, name, code, "sam", keys=["patient"])


def test_what_data_was_made_from_is_not_divided_once_more(workspace: Workspace) -> None:
    keep = '[keep]\npatient = "x"\nsize = "x"\nshape = "x"\n'
    register(workspace, write_records(workspace.root / "b.csv"))
    transform(workspace, rules(workspace, keep, "k.toml"), "biopsies", "ada")
    code = write_code(workspace, BY_PATIENT)
    divide(workspace, "biopsies-k", code, "sam", keys=["patient"])
    with pytest.raises(Refused, match="rows of biopsies-k-holdout@1 would come") as refused:
        divide(workspace, "biopsies", code, "sam", keys=["patient"])
    assert "use the parts of biopsies-k@1" in str(refused.value)
    known = Register.read(workspace)
    assert permission.restriction(known, known.version("biopsies-k-train")) == ("", "")


@pytest.mark.parametrize("what", ["withdrawn", "divided"])
def test_what_became_of_the_source_while_it_was_transformed_counts(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    register(workspace, write_records(workspace.root / "b.csv"))
    code = write_code(workspace, BY_PATIENT)
    real = transforming.carry_out

    def meanwhile(*given: Any) -> Any:
        made = real(*given)
        if what == "withdrawn":
            withdraw(workspace, "biopsies@1", "ada", passphrase("ada"), "not ours")
        else:
            divide(workspace, "biopsies", code, "sam", keys=["patient"])
        return made

    monkeypatch.setattr(transforming, "carry_out", meanwhile)
    with pytest.raises(Refused, match="ada may not transform biopsies@1"):
        transform(workspace, rules(workspace, '[keep]\nsize = "x"\n', "k.toml"), "biopsies", "ada")
    assert "biopsies-k" not in Register.read(workspace).datasets


def test_data_that_is_withdrawn_is_not_divided_nor_while_it_is(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(workspace, write_records(workspace.root / "b.csv"))
    code = write_code(workspace, BY_PATIENT)
    real = split_checks.check_parts

    def meanwhile(*given: Any, **more: Any) -> Any:
        withdraw(workspace, "biopsies@1", "ada", passphrase("ada"), "not ours")
        return real(*given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(splitting, "check_parts", meanwhile)
        with pytest.raises(Refused, match="it was withdrawn"):
            divide(workspace, "biopsies", code, "sam", keys=["patient"])
    with pytest.raises(Refused, match="it was withdrawn"):
        divide(workspace, "biopsies", code, "sam", keys=["patient"])
    assert list(Register.read(workspace).datasets) == ["biopsies"]


EVERYWHERE = """
[keep]
note = "what the doctor saw"
{column} = "it is asked for"
[[redact]]
columns = ["*"]
pattern = '\\d{{3}}-?\\d{{4}}'
with = "[telephone]"
reason = "telephone numbers"
"""


@pytest.mark.parametrize("column", ["phone", "deep", "several"])
def test_a_rule_for_all_columns_is_proved_of_those_too_that_hold_no_plain_text(
    workspace: Workspace, column: str
) -> None:
    path = workspace.root / "calls.jsonl"
    row = '{"id": 1, "note": "555-1234", "phone": 5551234, "deep": {"note": "call 555-1234"}, '
    path.write_text(row + '"several": ["555-7777"]}\n')
    register(workspace, path, "calls")
    text = EVERYWHERE.format(column=column)
    with pytest.raises(CheckFailed, match=f"in {column} survived") as failed:
        transform(workspace, rules(workspace, text, "all.toml"), "calls", "ada")
    assert f"leave {column} out" in str(failed.value)
    made = transform(
        workspace, rules(workspace, EVERYWHERE.format(column="id"), "all.toml"), "calls", "ada"
    )
    assert made.record.operations[0]["survived"] == 0
