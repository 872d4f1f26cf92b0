"""Copies of a process verify what it will replay, and nothing counts that it would not count."""

from __future__ import annotations

import base64
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from securesystemslib.dsse import Envelope

from governed_kernel.audit.standing_index import StandingIndex
from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance import ahead, envelopes, keys, people, pins, settling, verified
from governed_kernel.governance import register as register_module
from governed_kernel.governance.register import Register
from governed_kernel.governance.settling import Unsettled
from governed_kernel.lineage.attestations import Predicate, RoleGranted
from governed_kernel.lineage.events import Attested
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release import projection
from governed_kernel.workspace import Workspace, personal_folder
from tests.governance.by_hand import an_approval, append_by_hand, approve
from tests.governance.people import DIGEST, RELEASE, passphrase, promote

Replayed = Callable[[], tuple[Register, int]]


@pytest.fixture
def replayed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Replayed:
    """Replay as a command that this person gives here for the first time.

    Tells also how many signatures the process itself looked at.
    """
    looked: list[dict[str, Any]] = []
    really, process = envelopes._check_signed, os.getpid()

    def check(opened: envelopes.Opened, key: Any) -> None:
        if os.getpid() == process:
            looked.append(opened.envelope)
        really(opened, key)

    def replay() -> tuple[Register, int]:
        monkeypatch.setattr(envelopes, "_VERIFIED", verified.Verified())
        monkeypatch.setattr(settling, "_REPLAYED", {})
        looked.clear()
        return Register.read(workspace), len(looked)

    monkeypatch.setattr(envelopes, "_check_signed", check)
    monkeypatch.setattr(ahead, "WORTH", 4)
    monkeypatch.setattr(ahead, "_allowed", True)
    monkeypatch.setattr(ahead, "_tell", print)
    monkeypatch.setattr(ahead, "_processors", lambda: 3)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # pytest may have threads of its own
    return replay


def plain(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, replayed: Replayed) -> Register:
    """What comes of the ledger where everything is verified by the process itself."""
    with monkeypatch.context() as patched:
        patched.setattr(ahead, "_allowed", False)
        return replayed()[0]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the replay wait for all that its copies find, so that what it does itself is certain."""
    really = ahead._Copies.take

    def take(copies: ahead._Copies) -> None:
        for reading in copies._at_work:
            os.set_blocking(reading, True)
        really(copies)

    monkeypatch.setattr(ahead._Copies, "take", take)


@pytest.mark.usefixtures("patient")
def test_what_copies_verified_is_not_verified_again_and_the_register_is_the_same(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    told: list[int] = []
    monkeypatch.setattr(ahead, "LONG", 4)
    ahead.allow(told.append)
    register, looked = replayed()
    assert looked == 0
    assert told
    assert register.entries == plain(workspace, monkeypatch, replayed).entries
    assert all(entry.valid for entry in register.entries)


def test_copies_that_are_not_waited_for_change_nothing_either(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    monkeypatch.setattr(ahead, "OFTEN", 1)
    monkeypatch.setattr(register_module, "OFTEN", 1)
    register, looked = replayed()
    assert looked <= len(register.entries)
    assert register.entries == plain(workspace, monkeypatch, replayed).entries


@pytest.mark.usefixtures("patient")
def test_a_workspace_that_a_person_never_saw_is_verified_before_the_program_is_loaded(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    ahead.begin(workspace)
    assert not ahead._early  # it is small
    monkeypatch.setattr(ahead, "LARGE", 1)
    monkeypatch.setattr(envelopes, "_VERIFIED", verified.Verified())
    with workspace.ledger.open("ab") as file:  # copies ask for no chain: the replay does
        file.write(b"0" * 64 + b' {"type":"attested"' + b"[" * 10_000)
    pins._file().unlink()  # somebody else gives the command
    ahead.begin(workspace)
    assert ahead._early
    monkeypatch.setattr(ahead.Ahead, "__init__", without_more_copies(ahead.Ahead.__init__))
    register, looked = replayed()
    assert looked == 0
    assert all(entry.valid for entry in register.entries)
    assert not ahead._early
    assert not verified.location().exists()  # so few are worth no file
    ahead.begin(workspace)
    assert not ahead._early  # it was seen


def without_more_copies(really: Callable[..., None]) -> Callable[..., None]:
    """An `Ahead` that may start none, and so lives of those that began before it."""

    def begin(self: ahead.Ahead, found: Any, **said: Any) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(ahead, "_allowed", False)
            really(self, found, **said)

    return begin


def test_every_key_that_is_named_anywhere_is_found_without_taking_all_apart() -> None:
    for before in range(9):
        said = b'{"predicate":{"type":"key","x":"' + b"a" * before + b'","public_key":"-----BEGIN '
        written = base64.b64encode(said + b'PUBLIC KEY"}}').decode()
        assert sum(part in written for part in envelopes._NAMES_A_KEY) == 1
    assert not any(part in base64.b64encode(b'"key":"-----BEGIN').decode()
                   for part in envelopes._NAMES_A_KEY)  # fmt: skip


@pytest.mark.usefixtures("patient")
def test_what_must_not_count_does_not_count_because_a_copy_looked_at_it(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    good = Register.read(workspace).entries[-1].envelope
    append_by_hand(workspace, an_approval("rita"), signer="mallory")
    forged = {**good["signatures"][0], "sig": good["signatures"][0]["sig"][::-1]}
    Ledger(workspace).append(Attested(envelope={**good, "signatures": [forged]}))
    Ledger(workspace).append(Attested(envelope={"payload": 7}))
    nested = b'{"predicate":{"type":"approval","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    for deep in (nested, nested.replace(b"approval", b'key-added","public_key":"-----BEGIN ')):
        payload = base64.b64encode(deep).decode()
        Ledger(workspace).append(Attested(envelope={**good, "payload": payload}))
    Ledger(workspace).append(Attested(envelope=good))
    register, _ = replayed()
    assert [entry.valid for entry in register.entries[-7:]] == [True] + [False] * 6
    assert register.entries == plain(workspace, monkeypatch, replayed).entries


@pytest.mark.usefixtures("patient")
def test_a_signature_by_a_key_that_was_revoked_before_it_verifies_and_does_not_count(
    workspace: Workspace, replayed: Replayed
) -> None:
    promote(workspace)
    key = keys.unlock("rita", passphrase("rita"))
    people.revoke_key(workspace, "ada", passphrase("ada"), name="rita", reason="lost")
    said = msgspec.structs.replace(
        an_approval("rita"), workspace_id=Register.read(workspace).workspace_id
    )
    Ledger(workspace).append(Attested(envelope=envelopes.sign(said, key)))
    register, _ = replayed()
    assert "revoked" in register.entries[-1].reason


@pytest.mark.usefixtures("patient")
def test_a_copy_that_is_killed_leaves_its_work_to_the_replay(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)

    def killed(*_: object) -> list[bytes]:
        os.kill(os.getpid(), 9)
        raise AssertionError

    monkeypatch.setattr(ahead, "_verified", killed)
    register, looked = replayed()
    assert looked == len(register.entries)
    assert all(entry.valid for entry in register.entries)


def test_nothing_is_copied_that_has_other_threads_or_was_not_allowed(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    register, looked = replayed()
    assert looked == len(register.entries)


@pytest.mark.parametrize("allowed", [0, 1])
def test_where_no_more_processes_may_be_started_it_does_without(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, replayed: Replayed, allowed: int
) -> None:
    started: list[int] = []
    really = os.fork

    def fork() -> int:
        if len(started) == allowed:
            raise BlockingIOError("no more processes")
        started.append(really())
        return started[-1]

    expected = plain(workspace, monkeypatch, replayed)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fork", fork)
    found, _ = replayed()
    assert [entry.valid for entry in found.entries] == [entry.valid for entry in expected.entries]
    assert len(started) == allowed
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before
    for process in started:
        with pytest.raises(ChildProcessError):  # it was waited for
            os.waitpid(process, os.WNOHANG)


def test_copies_end_in_peace_where_nobody_is_told_of_children() -> None:
    """As below a supervisor, or `trap '' CHLD`: the system takes an ended child away itself."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        copies = ahead._Copies()
        copies.begin(lambda: [])
        copies.begin(lambda: [b"" for _ in iter(lambda: time.sleep(9), 0)])
        time.sleep(0.1)
        copies.take()
        copies.end()
        assert not copies
    finally:
        signal.signal(signal.SIGCHLD, before)


def forge(workspace: Workspace, said: Predicate, person: str) -> None:
    """Append what that person never signed, in an envelope that names their key."""
    bound = msgspec.structs.replace(said, workspace_id=Register.read(workspace).workspace_id)
    envelope = envelopes.sign(bound, keys.unlock(person, passphrase(person)))
    other = envelopes.sign(an_approval("rita"), keys.unlock(person, passphrase(person)))
    Ledger(workspace).append(Attested(envelope={**envelope, "signatures": other["signatures"]}))


def a_grant() -> RoleGranted:
    return RoleGranted(
        person="ada", printed_name="Ada Lovelace", subject_person="olga", role="administrator"
    )


def test_what_a_forged_entry_would_allow_never_counts_nor_is_remembered(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    forge(workspace, a_grant(), "ada")
    append_by_hand(workspace, msgspec.structs.replace(a_grant(), person="olga",
                   printed_name="Olga", subject_person="mallory"), "olga")  # fmt: skip
    expected = plain(workspace, monkeypatch, replayed)
    monkeypatch.setattr(settling, "_REPLAYED", {})
    monkeypatch.setattr(envelopes, "_VERIFIED", verified.Verified())
    pins._file().unlink()
    with Unsettled(workspace, Ledger(workspace).events()) as found:
        assert "administrator" in found.register.people["olga"].roles
        for _ in range(2):  # nor where somebody asks again
            with pytest.raises(ahead.Forged):
                found.settle()
    assert not settling._REPLAYED
    assert not pins.is_known(workspace.root)
    register, _ = replayed()
    assert register.entries == expected.entries
    assert [entry.valid for entry in register.entries[-2:]] == [False, False]
    assert "administrator" not in register.people["olga"].roles


@pytest.mark.usefixtures("patient")
def test_an_error_that_may_come_of_a_forged_entry_is_not_told_for_the_ledgers(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge(workspace, a_grant(), "ada")
    replayed()
    monkeypatch.setattr(settling, "_REPLAYED", {})
    monkeypatch.setattr(envelopes, "_VERIFIED", verified.Verified())
    with pytest.raises(ahead.Forged), Unsettled(workspace, Ledger(workspace).events()):
        raise IntegrityBroken("two administrators", why="", next="")


@pytest.mark.usefixtures("patient")
def test_a_copy_that_finds_an_envelope_signed_says_nothing_of_its_form(
    workspace: Workspace, replayed: Replayed
) -> None:
    promote(workspace)
    good = envelopes.sign(an_approval("rita"), keys.unlock("rita", passphrase("rita")))
    twice = base64.b64decode(good["payload"]).replace(b'"comment":""', b'"comment":"","comment":""')
    made = Envelope(twice, envelopes.PAYLOAD_TYPE, {})
    made.sign(keys.unlock("rita", passphrase("rita")))
    Ledger(workspace).append(Attested(envelope=made.to_dict()))
    register, looked = replayed()
    assert looked == 0
    assert not envelopes.is_new(made.to_dict())  # a copy found it signed
    assert "canonical" in register.entries[-1].reason


def test_store_and_index_are_made_while_copies_verify_and_hold_nothing_forged(
    workspace: Workspace, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    forge(workspace, an_approval("dora"), "dora")
    expected = plain(workspace, monkeypatch, replayed)
    settled: list[bool] = []
    really = Unsettled.settle

    def made() -> list[Path]:
        indexes = (personal_folder() / "verified").glob("*.as-of.sqlite")
        return [path for path in (workspace.store, *indexes) if path.exists()]

    def settle(self: Unsettled) -> Register:
        settled.append(bool(made()))  # what is put in place is not there yet
        return really(self)

    monkeypatch.setattr(Unsettled, "settle", settle)
    for ask in (counted_by_the_store, counted_by_the_index):
        monkeypatch.setattr(envelopes, "_VERIFIED", verified.Verified())
        monkeypatch.setattr(settling, "_REPLAYED", {})
        for path in made():
            path.unlink()
        settled.clear()
        assert ask(workspace) == ["rita"]
        assert settled[:2] == [False, False]  # and a second time, each signature at its place
        assert made()
    assert [entry.valid for entry in expected.entries][-1] is False


def counted_by_the_store(workspace: Workspace) -> list[str]:
    found = projection.refresh(workspace).query("SELECT person FROM approvals WHERE counts")
    return [row["person"] for row in found]


def counted_by_the_index(workspace: Workspace) -> list[str]:
    with StandingIndex(workspace) as index:
        register = index.registry(index.records).register
        found = register.approvals_for(RELEASE, DIGEST, "run")
        return [item.person for item in found if item.counts]
