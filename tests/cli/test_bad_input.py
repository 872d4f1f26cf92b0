"""What nobody should type and somebody will: a clear error, nothing lost, and it is on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from governed_kernel.governance import envelopes
from governed_kernel.governance.register import Register
from governed_kernel.lineage import vocabulary
from governed_kernel.lineage.events import Attested, Decided, LedgerEvent
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace
from tests.cli.bad_inputs import (
    BROKEN,
    CHANGED,
    ELSEWHERE,
    NAMES,
    POLICIES,
    REGISTER,
    RULES,
    SAM,
    SETTINGS,
    UNFIT,
    UNKNOWN,
    WRITTEN,
    page,
)
from tests.cli.commands import Command, Done
from tests.governance.by_hand import an_approval, append_by_hand
from tests.governance.people import DIGEST, OTHER, RELEASE, promote
from tests.governance.records import BY_PATIENT, write_code, write_records
from tests.loop.refusal import explains

TOML = "governed.toml"


class Desk(NamedTuple):
    """Where somebody types, in a workspace with its people and one release."""

    governed: Command
    workspace: Workspace
    folder: Path

    def ledger(self) -> list[LedgerEvent]:
        return Ledger(self.workspace).events()

    def type(self, line: str, *signed_by: str) -> Done:
        """A command; ``{good}`` is a file of records that may be registered."""
        words = line.format(good=self.folder / "good.csv", folder=self.folder).split()
        more = [word for person in signed_by for word in self.governed.signed(person)]
        return self.governed(*words, *more)


@pytest.fixture
def desk(
    governed: Command, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.setenv("GOVERNED_WORKSPACE", str(workspace.root))
    monkeypatch.chdir(workspace.root)
    write_records(tmp_path / "good.csv")
    write_code(workspace, BY_PATIENT)
    promote(workspace)
    return Desk(governed, workspace, tmp_path)


def refused(desk: Desk, line: str, code: int, signed_by: tuple[str, ...], *said: str) -> Decided:
    """The command fails as it should; the ledger has one record more, which tells of it."""
    before, files = desk.ledger(), kept(desk.workspace)
    explains(desk.type(line, *signed_by), code, *said)
    after = desk.ledger()
    assert after[: len(before)] == before
    assert kept(desk.workspace) == files
    (told,) = after[len(before) :]
    assert isinstance(told, Decided)
    assert told.outcome == ("failed" if code == 6 else "denied")
    assert told.reason
    return told


def kept(workspace: Workspace) -> set[str]:
    """Everything that is there but the ledger, and content that nothing names yet."""
    known = {str(path.relative_to(workspace.root)) for path in workspace.root.rglob("*")}
    passing = (".governed/ledger", ".governed/objects", ".governed/sealing.lock")
    return {name for name in known if not name.startswith(passing)}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_is_not_known_is_refused_and_on_record(desk: Desk, what: str) -> None:
    line, code, said, signed_by = UNKNOWN[what]
    told = refused(desk, line, code, signed_by, said)
    assert told.action == " ".join(line.split()[: len(told.action.split())])
    if signed_by:
        assert told.person == signed_by[0]


@pytest.mark.parametrize("what", UNFIT)
def test_what_does_not_fit_is_refused_and_on_record(desk: Desk, what: str) -> None:
    (desk.folder / "link.csv").symlink_to(desk.folder / "good.csv")
    (desk.folder / "empty.csv").touch()
    (desk.folder / "wrong").write_text("no\n")
    line, code, said, signed_by = UNFIT[what]
    told = refused(desk, line, code, signed_by, said)
    assert "hunter2" not in told.reason + told.resource


def test_what_only_asks_leaves_no_record(desk: Desk) -> None:
    before = desk.ledger()
    assert desk.type("data show nothing").code == 2
    assert desk.type("policy explain read nothing --as ghost").code == 2
    assert desk.ledger() == before


def test_runs_that_are_not_started_are_among_the_decisions(desk: Desk) -> None:
    for what, code in (("nothing", 2), ("../../x@1", 2), ("triage", 4)):
        assert desk.type(f"run {what} --as olga").code == code, what
    asked = "select action, person, resource, outcome, reason from decisions "
    asked += "where resource <> '' and outcome <> 'allowed' order by occurred_at"
    told = msgspec.json.decode(desk.governed("lineage", "sql", asked, "--json").out)
    assert [(row["action"], row["person"], row["outcome"]) for row in told] == [
        ("run", "olga", "denied")
    ] * 3
    assert [row["resource"] for row in told] == ["nothing", "../../x@1", "triage@1"]
    assert all(row["reason"] for row in told)


def test_what_was_typed_does_not_act_on_the_terminal_of_who_reads_it_later(desk: Desk) -> None:
    hostile = "\x1b[2J\x1b[31mtriage@1" + "x" * 5000
    done = desk.governed("reject", hostile, "--reason", "no", *desk.governed.signed("rita"))
    assert done.code == 2
    assert "\x1b" not in done.err
    told = desk.ledger()[-1]
    assert isinstance(told, Decided)
    assert len(told.resource) < 300
    assert len(told.reason) < 3000
    asked = "select resource, reason from decisions where outcome='denied' order by occurred_at"
    shown = desk.governed("lineage", "sql", asked)
    assert shown.code == 0, shown.err
    said = msgspec.json.decode(desk.governed("lineage", "sql", asked, "--json").out)
    assert said[-1]["reason"] == told.reason
    assert "\x1b" not in shown.out
    assert "\\x1b[2J" in shown.out.replace("\n", "")


# --- rules that mean nothing ---------------------------------------------------------------------


def test_settings_that_mean_nothing_name_file_line_and_choice(desk: Desk) -> None:
    file = desk.workspace.root / TOML
    good = file.read_text()
    broken = {
        **{
            what: (f"{good}\n[classes.odd]\n{text}\n", *said)
            for what, (text, *said) in SETTINGS.items()
        },
        **{what: (f"{good}\n{text}", *said) for what, (text, *said) in RULES.items()},
        "nobody may sign": (
            good.replace('roles = ["reviewer", "domain-expert"]', "roles = []"),
            *BROKEN["nobody may sign"][1:],
        ),
        "no TOML": (f"{good}\n[classes", *BROKEN["no TOML"][1:]),
    }
    for what, (text, *said) in broken.items():
        file.write_text(text)
        before = desk.ledger()
        done = desk.type("policy adopt", "ada")
        explains(done, 2, "governed.toml, line", *said)
        assert isinstance(desk.ledger()[-1], Decided), what
        assert len(desk.ledger()) == len(before) + 1, what
    file.write_text(good)
    assert desk.type("policy check").code == 0


@pytest.mark.parametrize("what", POLICIES)
def test_policies_that_do_not_parse_or_contradict_themselves(desk: Desk, what: str) -> None:
    text, said = POLICIES[what]
    (desk.workspace.policies / "mine.cedar").write_text(text)
    told = refused(desk, "policy adopt", 2, ("ada",), "policies/mine.cedar, line", said)
    assert told.action == "policy adopt"
    assert desk.type(f"{REGISTER} --class health --purpose train{SAM}").code in {2, 3}


# --- data that moves -----------------------------------------------------------------------------


def test_a_file_that_is_being_written_is_refused_and_on_record(desk: Desk) -> None:
    line, code, said, _ = WRITTEN
    with (desk.folder / "good.csv").open("ab"):
        told = refused(desk, line, code, (), said)
    assert told.action == "data register"
    assert desk.type(line).code == 0


def test_a_changed_file_is_another_version_and_the_first_one_stays(desk: Desk) -> None:
    line = CHANGED.line
    first = desk.type(line).facts
    with (desk.folder / "good.csv").open("a") as file:
        file.write("p99,1,2\n")
    assert desk.type(line).facts["version"] == "2"
    assert desk.type("data verify biopsies@1").code == 0
    assert Register.read(desk.workspace).version("biopsies@1").sha256 == first["sha256"]


# --- signatures, clocks --------------------------------------------------------------------------


def test_an_approval_is_no_approval_of_another_release(desk: Desk) -> None:
    promote(desk.workspace, "triage@2", OTHER)
    given = an_approval("rita", workspace_id=Register.read(desk.workspace).workspace_id)
    append_by_hand(desk.workspace, given, signer="rita")
    envelope = Register.read(desk.workspace).entries[-1].envelope
    assert counting_of(desk, RELEASE, DIGEST) == ["rita"]
    assert counting_of(desk, "triage@2", OTHER) == []
    Ledger(desk.workspace).append(Attested(envelope=envelope))
    again = Register.read(desk.workspace).entries[-1]
    assert (again.valid, "a copy of an earlier entry" in again.reason) == (False, True)
    payload = envelopes.peek(envelope)[0]
    assert payload.subject[0].name == RELEASE  # the signature covers whose it is
    renamed = {**envelope, "payload": envelope["payload"][:-4] + "AAA="}
    Ledger(desk.workspace).append(Attested(envelope=renamed))
    assert not Register.read(desk.workspace).entries[-1].valid
    assert counting_of(desk, "triage@2", OTHER) == []


def counting_of(desk: Desk, release: str, digest: str) -> list[str]:
    given = Register.read(desk.workspace).approvals_for(release, digest, "run")
    return [approval.person for approval in given if approval.counts]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Turns the clock that events are dated by."""

    def turn(by: timedelta) -> None:
        class Turned(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + by

        monkeypatch.setattr(vocabulary, "datetime", Turned)

    return turn


def test_a_clock_that_goes_back_changes_no_order_and_revives_nothing(
    desk: Desk, clock: Callable[[timedelta], None]
) -> None:
    assert desk.type("people withdraw rita --role reviewer", "ada").code == 0
    said = Register.read(desk.workspace).entries[-1].predicate
    assert said is not None
    known = said.signed_at
    clock(timedelta(days=-400))
    desk.type("people grant dora --role legal", "ada")
    append_by_hand(desk.workspace, an_approval("rita"), signer="rita")
    assert counting_of(desk, RELEASE, DIGEST) == []
    assert Registry.read(desk.workspace).moment >= known
    assert "reviewer" not in Register.read(desk.workspace).person("rita").roles


# --- names that leave their folder ---------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leaves_its_folder(desk: Desk, name: str) -> None:
    for line, person in ((f"deploy {name} --env preprod", "olga"), (f"run {name}", None)):
        before = len(desk.ledger())
        done = desk.type(f"{line} --as olga") if person is None else desk.type(line, person)
        assert done.code in {2, 3}, done.err
        assert "Traceback" not in done.err
        assert len(desk.ledger()) == before + 1
    assert not list(desk.workspace.bundles.glob("**/*"))


# --- what the documentation says -----------------------------------------------------------------

ROOT = Path(__file__).parents[2]


def test_the_documentation_shows_these_tables() -> None:
    assert (ROOT / "docs" / "refused.md").read_text() == page(), "run 'make reference'"


@pytest.mark.parametrize("what", ELSEWHERE)
def test_what_the_documentation_says_is_tried_is(what: str) -> None:
    file, _, name = ELSEWHERE[what].test.partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text()
