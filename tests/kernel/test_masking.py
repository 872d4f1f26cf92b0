"""A class's masked columns reach nobody who may not see them, by whatever way they read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.canonical import digest_file
from governed_kernel.governance import keys, masking, people, policy
from governed_kernel.governance.catalog import Registered
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.governance.rules import rules_digest
from governed_kernel.lineage.events import Access, DatasetMasked, Derived, SessionStarted
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.records import register
from tests.kernel.running import RunningKernel, home_of, make_workspace

HEALTH = """
masked = { patient = "hash", "na*" = "redact", note = "drop" }
unmasked = ["domain-expert"]
"""
SECRET = b"a passphrase of ada's"


class Clinic:
    """Sam is a data scientist, Dora a domain expert; health data masks who the patients are."""

    def __init__(self, root: Path) -> None:
        self.workspace = make_workspace(root / "workspace")
        os.environ["GOVERNED_HOME"] = str(home_of(self.workspace))
        for name, role in (("sam", "data-scientist"), ("dora", "domain-expert")):
            people.add(
                self.workspace,
                "ada",
                SECRET,
                name=name,
                printed_name=name.title(),
                roles=[role],
                public_key=keys.generate(name, f"a passphrase of {name}'s".encode()),
            )
        file = self.workspace.root / "governed.toml"
        text = file.read_text()
        text = re.sub(r"(\[classes\.health\]\n)", rf"\1{HEALTH}", text)
        readers = 'readers = ["domain-expert"]\nretention_days = 30\n'
        text = text.replace("[classes.personal]\n", f"[classes.personal]\n{readers}")
        file.write_text(text)
        self.workspace = Workspace.open(self.workspace.root)
        policy.adopt(self.workspace, "ada", SECRET, rules_digest(self.workspace))
        source = self.workspace.root / "visits.csv"
        lines = [f"p{n % 7},name {n},{n}.5,said {n}" for n in range(50)]
        source.write_text("\n".join(["patient,name,size,note", *lines]) + "\n")
        self.visits: Registered = register(self.workspace, source, "visits", person="ada")
        self.staff = register(
            self.workspace, _staff(self.workspace), "staff", person="ada", data_class="personal"
        )

    def kernel(self, person: str) -> RunningKernel:
        return RunningKernel(self.workspace, environment={**os.environ, "GOVERNED_PERSON": person})


def _staff(workspace: Workspace) -> Path:
    path = workspace.root / "staff.csv"
    path.write_text("person,wage\n" + "\n".join(f"q{n},{n}" for n in range(30)) + "\n")
    return path


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", "")
        patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
        yield Clinic(tmp_path_factory.mktemp("clinic"))


LOAD = """
from governed_kernel import data
f = data.load("visits")
print(f.head(9).to_csv(index=False))
"""


def test_who_may_not_see_columns_gets_them_masked_and_opens_nothing_else(clinic: Clinic) -> None:
    kernel = clinic.kernel("sam")
    try:
        reply = kernel.run(LOAD)
        assert reply.status == "ok", reply.error
        lines = reply.text.splitlines()
        assert lines[0] == "patient,name,size"
        assert lines[1].split(",")[1:] == ["[masked]", "0.5"]
        first, *_, eighth = [line.split(",")[0] for line in lines[1:9]]
        assert first == eighth  # p0 and p7 % 7
        assert re.fullmatch(r"[0-9a-f]{16}", first)
        (began,) = kernel.events(SessionStarted)
        assert began.person == "sam", "as whom it was masked, whoever the account belongs to"
        (access,) = [one for one in kernel.of_last(Access) if one.via == "data.load"]
        assert (access.decision, access.data_class) == ("allowed", "health")
        assert "masked-columns" in access.policies
        for path in (clinic.workspace.root / "visits.csv", clinic.visits.snapshot):
            for read in (f"open({str(path)!r}).read()", f"!cat {path} || exit 1"):
                kernel.run(f"{read}")
                denied = [one for one in kernel.of_last(Access) if one.decision == "denied"]
                assert {one.dataset for one in denied} == {"visits"}, read
        assert kernel.run("f.to_csv('mine.csv')").status == "ok"
        (made,) = kernel.of_last(Derived)
        assert (made.data_class, made.origins) == ("health", ["visits@1+masked"])
        assert kernel.run("open('mine.csv').read()").status == "ok"
        reply = kernel.run("data.load('staff')")
        assert (reply.status, reply.error_name) == ("error", "PolicyDenied")
        assert "domain-expert" in reply.error
    finally:
        kernel.close(now=True)


def test_who_may_see_them_sees_them_and_what_they_make_is_closed_to_others(clinic: Clinic) -> None:
    kernel = clinic.kernel("dora")
    try:
        reply = kernel.run(LOAD)
        assert "p0,name 0,0.5,said 0" in reply.text, reply.error
        assert kernel.run("f.to_csv('open.csv')").status == "ok"
        assert kernel.run("len(data.load('staff'))").text == "30"
    finally:
        kernel.close(now=True)
    kernel = clinic.kernel("sam")
    try:
        assert kernel.run("open('open.csv').read()").error_name == "PolicyDenied"
        kernel.run("!cat open.csv")
        assert [one.decision for one in kernel.of_last(Access) if one.uri.endswith("open.csv")] == [
            "denied"
        ]
    finally:
        kernel.close(now=True)


def test_the_copy_is_on_record_with_what_is_masked_in_it(clinic: Clinic) -> None:
    (made,) = [it for it in Ledger(clinic.workspace).events() if isinstance(it, DatasetMasked)]
    copy = masking.copy_of(clinic.workspace, clinic.visits.version)
    assert copy is not None
    assert (made.dataset, made.person, made.sha256) == ("visits", "ada", digest_file(copy))
    assert made.masked == {"patient": "hash", "name": "redact", "note": "drop"}


def test_a_class_says_how_long_its_data_is_kept(clinic: Clinic) -> None:
    from datetime import UTC, datetime, timedelta

    until = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    assert clinic.staff.version.retention_until == until
