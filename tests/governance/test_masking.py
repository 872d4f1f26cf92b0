"""Which columns are masked: by what people take for their names, wherever these stand."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from governed_kernel import data
from governed_kernel.capture.observation import denied
from governed_kernel.errors import PolicyDenied
from governed_kernel.governance import access, catalog_rows, explaining, masking, people
from governed_kernel.governance.leak_checks import check_leaks
from governed_kernel.governance.leaks import Asked
from governed_kernel.governance.masked_copies import make, masked_in
from governed_kernel.governance.register import Register
from governed_kernel.governance.split import divide
from governed_kernel.governance.transformation import transform
from governed_kernel.lineage.events import Decided
from governed_kernel.release.recall import downstream, recall
from governed_kernel.workspace import Workspace
from tests.governance.people import mask, passphrase
from tests.governance.records import BY_ROW, register, write_code, write_records

MASKED = '{ name = "redact", "icd*" = "hash", "who.born" = "drop" }'


def masked_of(workspace: Workspace, file: str, content: Any) -> dict[str, str] | None:
    """Which columns are masked in a table."""
    path = workspace.root / file
    lines = content if isinstance(content, list) else [content]
    is_json = path.suffix == ".jsonl"
    path.write_text("\n".join(map(json.dumps, lines) if is_json else lines) + "\n")
    return masked_in(workspace, register(workspace, path, path.stem).version)


@pytest.mark.parametrize(
    ("header", "masked"),
    [
        ("Name,x", ["Name"]),
        ("NAME ,x", ["NAME"]),
        ("\u200bname,x", ["\u200bname"]),
        ("\uff4e\uff41\uff4d\uff45,x", ["\uff4e\uff41\uff4d\uff45"]),
        ("ICD_10,Name", ["ICD_10", "Name"]),
        ("Name,name,x_1", ["Name", "name_1"]),
        ("name_1,name,Name", ["name_1", "name", "Name_1_1"]),
        ("surname,x", []),
    ],
)
def test_a_column_is_masked_however_its_name_is_written(
    workspace: Workspace, header: str, masked: list[str]
) -> None:
    workspace = mask(workspace, MASKED)
    line = ",".join("abc"[: header.count(",") + 1])
    assert list(masked_of(workspace, "p.csv", [header, line]) or ()) == masked


@pytest.mark.parametrize(
    ("records", "masked"),
    [
        ([{"who": {"Name": "Alice"}, "x": 1}], {"who": "redact"}),
        ([{"seen": [{"by": {"name": "Alice"}}], "x": 1}], {"seen": "redact"}),
        ([{"who": {"born": 1950}, "x": 1}], {"who": "drop"}),
        ([{"where": {"born": 1950}, "x": 1}], {}),
        ([{"m": {"k": 1}, "x": 1}, {"m": "of several kinds", "x": 2}], {"m": "redact"}),
        ([{"m": {f"k{n}": n for n in range(300)}, "x": 1}], {"m": "redact"}),
    ],
)
def test_a_nested_column_is_masked_for_a_field_in_it(
    workspace: Workspace, records: list[Any], masked: dict[str, str]
) -> None:
    workspace = mask(workspace, MASKED)
    assert masked_of(workspace, "q.jsonl", records) == masked


def test_nothing_of_a_masked_structure_is_in_the_copy(workspace: Workspace) -> None:
    workspace = mask(workspace, MASKED)
    masked_of(workspace, "q.jsonl", [{"who": {"name": "Alice"}, "x": 1}])
    (copy,) = masking.folders(workspace).glob("*/*.parquet")
    assert duckdb.execute("select * from read_parquet(?)", [str(copy)]).fetchall() == [
        ("[masked]", 1)
    ]


def test_a_copy_that_earlier_settings_asked_for_is_open_to_nobody(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = mask(workspace, '{ size = "hash" }')
    done = register(workspace, write_records(workspace.root / "biopsies.csv"))
    (before,) = masking.folders(workspace).glob("*/*.parquet")
    monkeypatch.setitem(os.environ, "GOVERNED_PERSON", "sam")
    assert access.decide(workspace, "read", str(before)).allowed
    workspace = mask(workspace, '{ size = "hash", shape = "hash" }')
    after = make(workspace, done.version, Path(done.snapshot), "sam")
    guard = access.Guard(workspace)
    assert guard.decide("read", str(after)).allowed
    decision = guard.decide("read", str(before))
    assert (decision.allowed, decision.policies) == (False, ["masked-columns"])


def test_who_opens_what_is_masked_for_them_is_told_by_which_way_they_read_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = mask(workspace, '{ size = "hash" }')
    source = write_records(workspace.root / "biopsies.csv")
    register(workspace, source)
    monkeypatch.setitem(os.environ, "GOVERNED_PERSON", "sam")
    monkeypatch.chdir(workspace.root)
    decision = access.Guard(workspace).decide("read", str(source))
    assert decision.reason == "some columns of biopsies@1 are masked for sam"
    said = str(denied("read", source.as_uri(), decision))
    assert "next: read the version by data.load, which gives the copy" in said
    assert data.load("biopsies")["size"].str.fullmatch("[0-9a-f]{16}").all()
    register_of = Register.read(workspace)
    facts = catalog_rows.facts(workspace, register_of, register_of.version("biopsies"))
    assert facts["masked"] == {"size": "hash"}
    asked = explaining.ask(register_of, "read", "biopsies", "sam")
    assert explaining.masked(register_of, asked) == {"size": "hash"}
    asked = explaining.ask(register_of, "read", "biopsies", "dora")
    assert explaining.masked(register_of, asked) == {}, "a domain expert sees them"


SPYING = """
[keep]
size = "it is predicted from"

[[criterion]]
name = "a letter of what is hidden"
sql = "(select unicode(shape::varchar) from before order by size limit 1)"
minimum = 0
"""


def test_who_sees_columns_masked_makes_nothing_from_their_values(workspace: Workspace) -> None:
    """A criterion, the code of a division or a guess that is compared would tell them."""
    workspace = mask(workspace, '{ shape = "redact" }')
    register(workspace, write_records(workspace.root / "biopsies.csv"))
    register(workspace, write_records(workspace.root / "guess.csv", ["1,2,3,4"]), "guess")
    rules = workspace.root / "rules.toml"
    rules.write_text(SPYING)
    code = write_code(workspace, "import pathlib\npathlib.Path('told').touch()" + BY_ROW)
    asked = Asked(keys=["shape"])
    tries: dict[str, Callable[[str], object]] = {
        "transform": lambda person: transform(workspace, rules, "biopsies", person, into="less"),
        "look for": lambda person: check_leaks(workspace, ["biopsies", "guess"], asked, person),
        "divide": lambda person: divide(workspace, "biopsies", code, person),
    }
    for action, attempt in tries.items():
        with pytest.raises(PolicyDenied, match=f"sam may not {action}") as refused:
            attempt("sam")
        assert "masked for sam" in refused.value.why
        assert "domain-expert sees these" in refused.value.why
    assert not (workspace.root / "told").exists()
    decided = [one for one in Register.read(workspace).events if isinstance(one, Decided)]
    denied = [one for one in decided if one.outcome == "denied"]
    assert [(one.person, one.outcome) for one in denied] == [("sam", "denied")] * 3
    people.grant(workspace, "ada", passphrase("ada"), name="sam", role="domain-expert")
    for action in ("transform", "divide"):
        tries[action]("sam")


def test_who_sees_columns_masked_learns_no_value_by_looking_for_a_record(
    workspace: Workspace,
) -> None:
    """How many rows have a value, or that none has, answers whoever guesses it."""
    workspace = mask(workspace, '{ shape = "redact" }')
    register(workspace, write_records(workspace.root / "biopsies.csv"))
    people.grant(workspace, "ada", passphrase("ada"), name="sam", role="legal")
    for value in ("3", "nothing like it"):
        with pytest.raises(
            PolicyDenied, match="may not look for a record in biopsies@1"
        ) as refused:
            downstream(workspace, "biopsies", ("shape", value), "sam")
        assert "masked for sam" in refused.value.why
        with pytest.raises(PolicyDenied):
            recall(workspace, "biopsies", "sam", b"wrong", "asked for", ("shape", value))
        with pytest.raises(PolicyDenied):
            downstream(workspace, "biopsies", ("shape", value), "nobody here")
    decided = [one for one in Register.read(workspace).events if isinstance(one, Decided)]
    assert [one.action for one in decided if one.outcome == "denied"] == ["recall plan"] * 6
    assert downstream(workspace, "biopsies@1").versions  # which versions there are is no secret
    found = downstream(workspace, "biopsies", ("shape", "3"), "dora")
    assert found.records == {"biopsies@1": 9}
