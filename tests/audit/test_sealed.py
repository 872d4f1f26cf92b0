"""A sealed journal is what its seal says, in every byte of every form, or the first is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from governed_kernel.audit.sealed import check_sealed
from governed_kernel.audit.seen import Seen
from governed_kernel.audit.sessions import check_sessions
from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import CellStarted, SessionSealed
from governed_kernel.lineage.forms import compressed
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.sealing import compressor
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.workspace import Workspace
from tests.kernel.running import home_of, make_workspace
from tests.lineage.packing import pack, unpack


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = make_workspace(tmp_path / "workspace")
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(made)))
    return made


def record(workspace: Workspace, session: str = "s1") -> Path:
    """A session of some cells, as its recorder seals it; returns the compressed form."""
    written = SessionRecord(workspace, session, durable=False)
    for number in range(5):
        source = written.payload(f"print({number})")
        written.add(CellStarted(execution=number, cell_id="c", source=source))
    assert written.seal() == ""
    return compressed(written.path)


def seal_in(workspace: Workspace) -> SessionSealed:
    return next(e for e in Ledger(workspace).events() if isinstance(e, SessionSealed))


def problem(workspace: Workspace) -> str:
    journal = workspace.journals / "s1.jsonl"
    with pytest.raises(IntegrityBroken) as found:
        check_sealed(journal, seal_in(workspace))
    return f"{found.value.what}: {found.value.why}"


def test_a_recorder_seals_and_compresses(workspace: Workspace) -> None:
    form = record(workspace)
    assert form.exists()
    assert not form.with_suffix("").exists()
    seal = seal_in(workspace)
    assert seal.compressed_bytes == form.stat().st_size
    check_sealed(workspace.journals / "s1.jsonl", seal)
    unpack(form)
    check_sealed(workspace.journals / "s1.jsonl", seal)


def test_every_flipped_bit_of_either_form_is_found_and_its_file_named(workspace: Workspace) -> None:
    form = record(workspace)
    whole = form.read_bytes()
    for place in range(len(whole)):
        form.write_bytes(with_flip(whole, place))
        assert form.name in problem(workspace)
    form.write_bytes(whole)
    plain = unpack(form)
    content = plain.read_bytes()
    for place in range(len(content)):
        plain.write_bytes(with_flip(content, place))
        said = problem(workspace)
        found = re.search(r"record (\d+)(?: \(byte (\d+)\))?", said)
        assert found, said
        first = content.rfind(b"\n", 0, place) + 1
        assert int(found[2] or found[1]) in (first, content.count(b"\n", 0, place)), said


def test_journals_sealed_with_a_checksum_of_zstandard_stay_verifiable_to_the_byte(
    workspace: Workspace,
) -> None:
    form = record(workspace)
    content = unpack(form).read_bytes()
    form.write_bytes(whole := compressor(checksum=True).compress(content))
    form.with_suffix("").unlink()
    seal = msgspec.structs.replace(
        seal_in(workspace), compressed_sha256=digest_bytes(whole), compressed_bytes=len(whole)
    )
    check_sealed(form.with_suffix(""), seal)
    for place in range(len(whole)):
        form.write_bytes(with_flip(whole, place))
        with pytest.raises(IntegrityBroken, match=re.escape(form.name)):
            check_sealed(form.with_suffix(""), seal)
    form.write_bytes(whole + b"\x50\x2a\x4d\x18\x01\x00\x00\x00x")
    with pytest.raises(IntegrityBroken) as found:
        check_sealed(form.with_suffix(""), seal)
    assert f"byte {len(whole)} of the file" in found.value.why


def with_flip(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << place % 8
    return bytes(changed)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a last byte less": lambda data: data[:-1],
    "a record less": lambda data: b"".join(lines(data)[:-1]),
    "two records swapped": lambda data: b"".join([*lines(data)[:2], *lines(data)[:1:-1]]),
    "a record twice": lambda data: b"".join([*lines(data)[:3], *lines(data)[2:]]),
    "nothing": lambda _: b"",
    "a byte more": lambda data: data + b"x",
    "a line more": lambda data: data + b"x\n",
    "an end more": lambda data: data + b"\n",
}


def lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


@pytest.mark.parametrize("form", ["plain", "compressed", "both"])
def test_what_is_cut_or_added_is_found(workspace: Workspace, form: str) -> None:
    plain = unpack(record(workspace))
    whole = plain.read_bytes()
    for change, apply in CHANGES.items():
        plain.write_bytes(apply(whole))
        if form != "plain":
            pack(plain)
        if form == "both":
            plain.write_bytes(whole)
        assert plain.name in problem(workspace), change


def test_bytes_of_the_file_that_mean_nothing_are_found_to_the_byte(workspace: Workspace) -> None:
    form = record(workspace)
    size = form.stat().st_size
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"
    form.write_bytes(form.read_bytes() + skippable)
    said = problem(workspace)
    assert "the journal in it is whole" in said
    assert f"byte {size} of the file" in said


def test_a_compressed_form_that_nobody_sealed_is_said_to_be_so(workspace: Workspace) -> None:
    form = record(workspace)
    journal = workspace.journals / "s1.jsonl"
    seal = seal_in(workspace)
    bare = SessionSealed(
        session_id="s1", records=seal.records, bytes=seal.bytes, head=seal.head, sha256=seal.sha256
    )
    with pytest.raises(IntegrityBroken, match="nobody sealed"):
        check_sealed(journal, bare)
    unpack(form)
    check_sealed(journal, bare)


def verified(workspace: Workspace, *, skip: bool) -> dict[str, tuple[str, str]]:
    register = Register.read(workspace)
    seen = Seen(register.workspace_id, skip=skip)
    seen._started += 10_000_000_000  # as if it began later: the files have rested
    checks = list(check_sessions(workspace, register, seen=seen))
    seen.save()
    return {check.subject: (check.outcome, check.detail) for check in checks}


def test_an_incremental_verification_says_what_it_did_not_look_at(workspace: Workspace) -> None:
    record(workspace)
    assert verified(workspace, skip=True)["s1"][0] == "ok"
    outcome, said = verified(workspace, skip=True)["s1"]
    assert outcome == "unread"
    assert said.startswith("6 records, 5 texts on 20")
    assert verified(workspace, skip=False)["s1"][0] == "ok"


@pytest.mark.parametrize("touched", ["s1.jsonl.zst", "s1.payloads.jsonl"])
def test_a_file_that_changed_is_looked_at_again(workspace: Workspace, touched: str) -> None:
    import os

    record(workspace)
    verified(workspace, skip=True)
    path = workspace.journals / touched
    times = path.stat()
    path.write_bytes(with_flip(path.read_bytes(), 40))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the change time can't be set
    assert verified(workspace, skip=True)["s1"][0] == "broken"
    assert verified(workspace, skip=True)["s1"][0] == "broken"


def test_a_file_more_or_another_seal_is_looked_at_again(workspace: Workspace) -> None:
    form = record(workspace)
    verified(workspace, skip=True)
    (workspace.journals / "s1.jsonl").write_bytes(b"")
    assert verified(workspace, skip=True)["s1"][0] == "broken"
    (workspace.journals / "s1.jsonl").unlink()
    assert verified(workspace, skip=True)["s1"][0] == "ok"
    seal = seal_in(workspace)
    Ledger(workspace).append(
        SessionSealed(session_id="s1", records=seal.records, bytes=seal.bytes, head="0" * 64)
    )
    assert verified(workspace, skip=True)["s1"][0] == "broken"
    assert form.exists()


def test_what_changed_a_moment_ago_is_not_remembered(workspace: Workspace) -> None:
    record(workspace)
    register = Register.read(workspace)
    for _ in range(2):
        seen = Seen(register.workspace_id, skip=True)
        (check,) = check_sessions(workspace, register, seen=seen)
        seen.save()
        assert check.outcome == "ok"


def test_a_spoilt_memory_is_as_none(workspace: Workspace) -> None:
    record(workspace)
    verified(workspace, skip=True)
    (kept,) = (home_of(workspace) / "verified").glob("*.json")
    kept.write_bytes(b"{}x")
    assert verified(workspace, skip=True)["s1"][0] == "ok"
